#include "graph/freeze.h"

#include <gtest/gtest.h>

#include "tests/graph/frozen_text.h"
#include "tests/support/checkpoints.h"

namespace tarn {
namespace {

TEST(Freeze, TurnsVariablesIntoConstantsAndKeepsWhatTheOutputsNeed) {
  std::vector<std::string> asked;
  Graph graph = graph_with_unknown_ops(R"(
x: f32[?,2] = Placeholder
zeros: f32[2,3] = zeros
w: ref(f32[2,3]) = VariableV2 {shape=[2,3], dtype=f32} on "/gpu:0"
w/Assign: ref(f32[2,3]) = Assign(w, zeros) {_class=["loc:@w"]}
w/read: f32[2,3] = Identity(w) {_class=["loc:@w"]}
step: ref(f32[]) = VariableV2 {shape=[], dtype=f32}
step/add: ref(f32[]) = AssignAdd(step, one)
one: f32[] = 1
y: f32[?,3] = MatMul(x, w/read)
loss: f32[] = Sum(y, axes)
axes: i32[2] = {0, 1}
)");

  Result<FrozenGraph> frozen = freeze(graph, {.outputs = {"y:0"}}, sevens(&asked));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ("\n" + graph_to_text(frozen->graph), R"(
x: f32[?,2] = Placeholder
w: f32[2,3] = fill(7)
w/read: f32[2,3] = Identity(w)
y: f32[?,3] = MatMul(x, w/read)
)");
  EXPECT_EQ(frozen->variables, 1);
  EXPECT_EQ(asked, std::vector<std::string>{"w"}) << "only what the outputs need is read";
  EXPECT_TRUE(frozen->warnings.empty());
}

TEST(Freeze, ReferencesThroughBranchesBecomeValues) {
  EXPECT_EQ(frozen_text(R"(
training: bool[] = Placeholder {shape=[]}
v: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
switch: (ref(f32[2]), ref(f32[2])) = RefSwitch(v, training)
same: ref(f32[2]) = RefIdentity(switch:1)
merge: (ref(f32[2]), i32[]) = RefMerge(switch, same)
y: f32[2] = Neg(merge)
)",
                        {"y"}),
            R"(
training: bool[] = Placeholder
v: f32[2] = {7, 7}
switch: (f32[2], f32[2]) = Switch(v, training)
same: f32[2] = Identity(switch:1)
merge: (f32[2], i32[]) = Merge(switch, same)
y: f32[2] = Neg(merge)
)");
}

// What layers.batch_normalization leaves behind when the update ops are made part of the forward pass.
TEST(Freeze, BatchNormUpdatesThatAreOnlyWaitedForBecomeTheVariablesValue) {
  EXPECT_EQ(frozen_text(R"(
x: f32[2] = Placeholder
mean: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
mean/read: f32[2] = Identity(mean)
decay: f32[] = 0.1
diff: f32[2] = Sub(mean/read, x)
delta: f32[2] = Mul(diff, decay)
update: ref(f32[2]) = AssignSub(mean, delta) {_class=["loc:@mean"], use_locking=true}
set: ref(f32[2]) = Assign(mean, x)
sum: f32[2] = Add(x, mean/read, ^update, ^set)
y: f32[2] = Relu(sum)
)",
                        {"y"}),
            R"(
x: f32[2] = Placeholder
mean: f32[2] = {7, 7}
mean/read: f32[2] = Identity(mean)
update: f32[2] = Identity(mean)
set: f32[2] = Identity(mean)
sum: f32[2] = Add(x, mean/read, ^update, ^set)
y: f32[2] = Relu(sum)
)");
}

TEST(Freeze, UpdatesThatAnOutputReadsBecomeTheValueTheyWouldGive) {
  EXPECT_EQ(frozen_text(R"(
x: f32[2] = Placeholder
a: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
set: ref(f32[2]) = Assign(a, x) {use_locking=true, validate_shape=false}
b: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
add: ref(f32[2]) = AssignAdd(b, x)
c: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
sub: ref(f32[2]) = AssignSub(c, x)
ready: bool[] = IsVariableInitialized(c)
y: f32[2] = AddN(set, add, sub)
)",
                        {"y", "ready"}),
            R"(
x: f32[2] = Placeholder
set: f32[2] = Identity(x)
b: f32[2] = {7, 7}
add: f32[2] = Add(b, x)
c: f32[2] = {7, 7}
sub: f32[2] = Sub(c, x)
ready: bool[] = true
y: f32[2] = AddN(set, add, sub)
)");
}

// Who reads a variable behind its updates reads what they left, whether by reference or by handle.
TEST(Freeze, UpdatesBeforeAReadCountInTheirOrder) {
  EXPECT_EQ(frozen_text(R"(
x: f32[2] = Placeholder
c: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
c/read: f32[2] = Identity(c)
first: ref(f32[2]) = AssignAdd(c, x)
second: ref(f32[2]) = AssignAdd(c, c/read, ^first)
c/after: f32[2] = Identity(c, ^second)
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
v/before = ReadVariableOp(v) {dtype=f32}
add = AssignAddVariableOp(v, x) {dtype=f32}
same = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
sub = AssignSubVariableOp(same, v/before, ^add) {dtype=f32}
v/after = ReadVariableOp(v, ^sub) {dtype=f32}
w = VarHandleOp {dtype=f32, shape=shape[2], shared_name="w"}
lost = AssignAddVariableOp(w, x) {dtype=f32}
set = AssignVariableOp(w, x, ^lost) {dtype=f32}
w/after = ReadVariableOp(w, ^set) {dtype=f32}
y = AddN(second, c/after, v/before, v/after, w/after) {T=f32, N=5}
)",
                        {"y"}),
            R"(
x: f32[2] = Placeholder
c: f32[2] = {7, 7}
c/read: f32[2] = Identity(c)
first: f32[2] = Add(c, x)
second: f32[2] = Add(first, c/read, ^first)
c/after: f32[2] = Identity(second, ^second)
v: f32[2] = {7, 7}
v/before: f32[2] = Identity(v)
add: f32[2] = Add(v, x)
sub: f32[2] = Sub(add, v/before, ^add)
v/after: f32[2] = Identity(sub, ^sub)
lost = NoOp
set: f32[2] = Identity(x, ^lost)
w/after: f32[2] = Identity(set, ^set)
y: f32[2] = AddN(second, c/after, v/before, v/after, w/after)
)");
}

TEST(Freeze, UpdatesWithoutAFormAreSaidOrRefused) {
  constexpr std::string_view kBegin = R"(
x: f32[2] = Placeholder
on: bool[] = Placeholder
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
split = Switch(v, on) {T=resource}
)";
  struct Row {
    std::string_view nodes, message;
    bool is_refused;
  };
  const Row kRows[] = {
      {"u = AssignAddVariableOp(split:1, x) {dtype=f32}\ny = ReadVariableOp(v, ^u) {dtype=f32}\n",
       "the outputs read 'y' after the update 'u' in a branch or a loop", false},
      {"u = AssignAddVariableOp(v, x) {dtype=f32}\nw = AssignVariableOp(v, x) {dtype=f32}\n"
       "y = ReadVariableOp(v, ^u, ^w) {dtype=f32}\n",
       "that comes in no order with", false},
      {"i: i32[2] = {0, 1}\nu = ResourceScatterAdd(v, i, x) {dtype=f32, Tindices=i32}\n"
       "y = ReadVariableOp(v, ^u) {dtype=f32}\n",
       "ResourceScatterAdd 'u' changes a variable, and an output reads what it gives", true},
  };
  for (const Row& row : kRows) {
    Result<FrozenGraph> frozen =
        freeze(graph_with_unknown_ops(str_cat(kBegin, row.nodes)), {.outputs = {"y"}}, sevens());

    EXPECT_EQ(frozen.ok(), !row.is_refused) << row.nodes << frozen.status().to_string();
    std::string said = frozen.ok() ? str_join(frozen->warnings) : frozen.status().to_string();
    EXPECT_NE(said.find(row.message), std::string::npos) << said;
  }
}

// TensorFlow refuses a constant of the root frame among a loop's inputs, and takes one in a branch for always alive.
TEST(Freeze, WhatIsAskedOfAHandleStaysInItsBranchOrLoop) {
  EXPECT_EQ(frozen_text(R"(
on: bool[] = Placeholder
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
split = Switch(v, on) {T=resource}
ready: bool[] = VarIsInitializedOp(split:1)
)",
                        {"ready"}),
            R"(
on: bool[] = Placeholder
v: f32[2] = {7, 7}
split: (f32[2], f32[2]) = Switch(v, on)
ready/value: f32[2] = Identity(split:1)
ready: bool[] = Const(^ready/value) {value=bool[]{true}}
)");
}

TEST(Freeze, ResourceVariablesAndTheirReadersBecomeValues) {
  EXPECT_EQ(frozen_text(R"(
i: i32[3] = Placeholder
on: bool[] = Placeholder {shape=[]}
v = VarHandleOp {dtype=f32, shape=shape[4,2], shared_name="v"}
split = Switch(v, on) {T=resource}
v/Read/ReadVariableOp = ReadVariableOp(split:1) {dtype=f32}
rows = ResourceGather(v, i) {dtype=f32, Tindices=i32, validate_indices=true}
update = AssignSubVariableOp(v, v/Read/ReadVariableOp) {dtype=f32}
y = Neg(rows, ^update) {T=f32}
)",
                        {"y", "v/Read/ReadVariableOp"}),
            R"(
i: i32[3] = Placeholder
on: bool[] = Placeholder
v: f32[4,2] = fill(7)
split: (f32[4,2], f32[4,2]) = Switch(v, on)
v/Read/ReadVariableOp: f32[4,2] = Identity(split:1)
rows: f32[3,2] = Gather(v, i)
update = NoOp
y: f32[3,2] = Neg(rows, ^update)
)");
}

// In the loop it must stay: TensorFlow refuses to wait in a loop for what is outside.
TEST(Freeze, WhatIsOnlyWaitedForStaysInItsLoop) {
  EXPECT_EQ(frozen_text(R"(
x: f32[2] = Placeholder
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
x_in = Enter(x) {T=f32, frame_name="loop"}
v_in = Enter(v) {T=resource, frame_name="loop", is_constant=true}
done = IdentityN(x_in, v_in) {T=[f32, resource]}
set = AssignAddVariableOp(v_in, x_in) {dtype=f32}
y = Exit(x_in, ^done, ^set) {T=f32}
)",
                        {"y"}),
            R"(
x: f32[2] = Placeholder
v: f32[2] = {7, 7}
x_in: f32[2] = Enter(x) {frame_name="loop"}
v_in: f32[2] = Enter(v) {frame_name="loop", is_constant=true}
done: f32[2] = Identity(v_in)
set: f32[2] = Identity(v_in)
y: f32[2] = Exit(x_in, ^done, ^set)
)");
}

TEST(Freeze, OpsItDoesNotKnowAreKept) {
  EXPECT_EQ(frozen_text(R"(
x: f32[2] = Placeholder
v: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
odd = NewFangledOp(x, v) {T=f32, mode="odd"}
y = NewerOp(odd:1) {T=f32}
)",
                        {"y"}),
            R"(
x: f32[2] = Placeholder
v: f32[2] = {7, 7}
odd = NewFangledOp(x, v) {T=f32, mode="odd"}
y = NewerOp(odd:1) {T=f32}
)");
}

TEST(Freeze, WhatHasNoFrozenFormIsNamed) {
  constexpr std::string_view kText = R"(
i: i32[1] = Placeholder
x: f32[1,2] = Placeholder
v: ref(f32[4,2]) = VariableV2 {shape=[4,2], dtype=f32}
s = ScatterUpdate(v, i, x) {T=f32, Tindices=i32}
t = ScatterAdd(v, i, x) {T=f32, Tindices=i32}
y = Neg(s) {T=f32}
z = Neg(t) {T=f32}
w = Neg(x, ^s) {T=f32}
)";

  Result<FrozenGraph> read = freeze(graph_with_unknown_ops(kText), {.outputs = {"y", "z"}}, sevens());
  Result<FrozenGraph> waited_for = freeze(graph_with_unknown_ops(kText), {.outputs = {"w"}}, sevens());

  EXPECT_SAYS(read.status(), {"ScatterUpdate 's'", "ScatterAdd 't'", "no frozen form"});
  EXPECT_TRUE(waited_for.ok()) << waited_for.status().to_string();
}

TEST(Freeze, TablesKeepWhatFillsThem) {
  constexpr std::string_view kGraph = R"(
keys: str[2] = {"a", "b"}
values: ref(i64[2]) = VariableV2 {shape=[2], dtype=i64}
more: str[1] = {"x"}
one: i64[1] = {1}
table = HashTableV2 {key_dtype=str, value_dtype=i64}
handle = Identity(table)
unused = HashTableV2 {key_dtype=str, value_dtype=i64}
file: str[] = "words.txt"
read = HashTableV2 {key_dtype=str, value_dtype=i64}
init = InitializeTableV2(handle, keys, values)
init_unused = InitializeTableV2(unused, more, one)
init_read = InitializeTableFromTextFileV2(read, file) {key_index=-2, value_index=-1}
query: str[?] = Placeholder
none: i64[] = -1
y = LookupTableFindV2(table, query, none)
z = LookupTableFindV2(read, query, none)
)";
  auto sevens = [](const Graph&, std::span<const NodeId>) -> Result<std::vector<Tensor>> {
    return std::vector<Tensor>{Tensor::from<int64_t>({2}, {7, 8})};
  };

  Result<FrozenGraph> frozen = freeze(graph_with_unknown_ops(kGraph), {.outputs = {"y", "z:0"}}, sevens);

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->warnings,
            std::vector<std::string>{
                "output 'z:0' depends on 'read' (HashTableV2), which is not frozen; to have it filled, name what fills "
                "it ('init_read', which reads a file) among the outputs and run that first"});
  EXPECT_EQ(frozen->notes.size(), 1u);
  EXPECT_TRUE(frozen->graph.find_node("init").ok());
  EXPECT_FALSE(frozen->graph.find_node("init_unused").ok());
  EXPECT_FALSE(frozen->graph.find_node("init_read").ok());
  Session session(frozen->graph);
  ASSERT_TRUE(session.InitializeTables().ok());
  std::vector<Tensor> out;
  ASSERT_TRUE(session.Run({{"query", Tensor::from<std::string>({2}, {"b", "c"})}}, {"y"}, &out).ok());
  EXPECT_EQ(out[0].to_string(), "i64[2]{8, -1}");
}

TEST(Freeze, ListsSayWhichVariablesAreFrozen) {
  constexpr std::string_view kText = R"(
a: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
b: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
y: f32[2] = Add(a, b)
)";
  Graph graph = graph_with_unknown_ops(kText);

  Result<FrozenGraph> only = freeze(graph, {.outputs = {"y"}, .only = {"a"}}, sevens());
  Result<FrozenGraph> except = freeze(graph, {.outputs = {"y"}, .except = {"a"}}, sevens());
  Result<FrozenGraph> wrong = freeze(graph, {.outputs = {"y"}, .only = {"aa", "y"}}, sevens());

  EXPECT_EQ(only->variables, 1);
  EXPECT_EQ(only->graph.node(*only->graph.find("b")).op, "VariableV2");
  EXPECT_EQ(only->warnings.size(), 1u);
  EXPECT_EQ(except->graph.node(*except->graph.find("a")).op, "VariableV2");
  EXPECT_EQ(except->graph.node(*except->graph.find("b")).op, "Const");
  EXPECT_SAYS(wrong.status(), {"'aa' is no variable", "'y' is no variable", "did you mean 'a'"});
  EXPECT_SAYS(freeze(graph, {.outputs = {"y"}, .only = {"a"}, .except = {"a"}}, sevens()).status(),
              {"'a' is both to be frozen and to stay a variable"});
}

TEST(Freeze, APartitionedVariableIsListedByItsName) {
  Graph graph = graph_with_unknown_ops(R"(
k/part_0: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
k/part_1: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
kb: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
y: f32[2] = AddN(k/part_0, k/part_1, kb)
)");

  Result<FrozenGraph> except = freeze(graph, {.outputs = {"y"}, .except = {"k"}}, sevens());

  ASSERT_TRUE(except.ok()) << except.status().to_string();
  EXPECT_EQ(except->variables, 1);
  EXPECT_EQ(except->graph.node(*except->graph.find("kb")).op, "Const");
}

TEST(Freeze, OutputsThatAreNotThereAreAllNamedWithTheirNeighbours) {
  Graph graph = graph_with_unknown_ops("softmax: f32[2] = Placeholder\n");

  Status status = freeze(graph, {.outputs = {"softmx", "logits:0"}}, sevens()).status();

  EXPECT_SAYS(status, {"'softmx'", "did you mean 'softmax'", "'logits'"});
  EXPECT_SAYS(freeze(graph, {}, sevens()).status(), {"You need to supply the name of a node"});
}

TEST(Freeze, SaysWhichUpdatesTheOutputsWaitedFor) {
  Graph graph = graph_with_unknown_ops(R"(
x: f32[2] = Placeholder
v: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
update: ref(f32[2]) = AssignSub(v, x)
v/read: f32[2] = Identity(v)
y: f32[2] = Add(x, v/read, ^update)
)");

  Result<FrozenGraph> frozen = freeze(graph, {.outputs = {"y"}}, sevens());

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  ASSERT_EQ(frozen->warnings.size(), 1u);
  EXPECT_NE(frozen->warnings[0].find("waited for 1 update of variables ('update')"), std::string::npos)
      << frozen->warnings[0];
}

TEST(Freeze, GatherNdOfAVariableGathersFromItsValue) {
  EXPECT_EQ(frozen_text(R"(
ids: i32[1,1] = {1}
v: handle(f32[2]) = VarHandleOp {shape=[2], dtype=f32}
y: f32? = ResourceGatherNd(v, ids) {dtype=f32, Tindices=i32}
)",
                        {"y"}),
            R"(
ids: i32[1,1] = {1}
v: f32[2] = {7, 7}
y: f32[1] = GatherNd(v, ids)
)");
}

}  // namespace
}  // namespace tarn
