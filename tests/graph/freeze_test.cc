#include "graph/freeze.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/variable_values.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

Graph graph_of(std::string_view text) {
  Result<Graph> graph = graph_from_text(text, {.allow_unknown_ops = true});
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? *std::move(graph) : Graph();
}

// Every variable is 7, of its declared shape.
VariableValues sevens(std::vector<std::string>* asked = nullptr) {
  return [asked](const Graph& graph, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> values;
    for (NodeId id : variables) {
      if (asked != nullptr) asked->push_back(graph.node(id).name);
      values.push_back(
          *tensor_from_text(str_cat("f32", graph.node(id).attrs.get_or<Shape>("shape", Shape()), "fill(7)")));
    }
    return values;
  };
}

std::string frozen_text(std::string_view text, std::vector<std::string> outputs) {
  Result<FrozenGraph> frozen = freeze(graph_of(text), {.outputs = std::move(outputs)}, sevens());
  return frozen.ok() ? "\n" + graph_to_text(frozen->graph) : frozen.status().to_string();
}

TEST(Freeze, TurnsVariablesIntoConstantsAndKeepsWhatTheOutputsNeed) {
  std::vector<std::string> asked;
  Graph graph = graph_of(R"(
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
    Result<FrozenGraph> frozen = freeze(graph_of(str_cat(kBegin, row.nodes)), {.outputs = {"y"}}, sevens());

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

  Result<FrozenGraph> read = freeze(graph_of(kText), {.outputs = {"y", "z"}}, sevens());
  Result<FrozenGraph> waited_for = freeze(graph_of(kText), {.outputs = {"w"}}, sevens());

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

  Result<FrozenGraph> frozen = freeze(graph_of(kGraph), {.outputs = {"y", "z:0"}}, sevens);

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
  Graph graph = graph_of(kText);

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
  Graph graph = graph_of(R"(
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
  Graph graph = graph_of("softmax: f32[2] = Placeholder\n");

  Status status = freeze(graph, {.outputs = {"softmx", "logits:0"}}, sevens()).status();

  EXPECT_SAYS(status, {"'softmx'", "did you mean 'softmax'", "'logits'"});
  EXPECT_SAYS(freeze(graph, {}, sevens()).status(), {"You need to supply the name of a node"});
}

// --- values from checkpoints ----------------------------------------------------------------------------------------
constexpr std::string_view kTwoVariables = R"(
w: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
b: ref(f32[]) = VariableV2 {shape=[], dtype=f32}
y: f32[2] = Add(w, b)
)";

TEST(VariableValues, ComeFromTheTensorOfTheSameName) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                               {"b", Tensor::scalar<float>(3)},
                                               {"w/Adam", Tensor::scalar<float>(9)}})
                  .ok());

  Result<FrozenGraph> frozen =
      freeze(graph_of(kTwoVariables), {.outputs = {"y"}}, checkpoint_values(*CheckpointReader::open(dir.file("c"))));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ("\n" + graph_to_text(frozen->graph), "\nw: f32[2] = {1, 2}\nb: f32[] = 3\ny: f32[2] = Add(w, b)\n");
}

TEST(VariableValues, EveryMissingOrMismatchingVariableIsNamedAtOnce) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"),
                               {{"w", Tensor::from<float>({3}, {1, 2, 3})}, {"model/b", Tensor::scalar<float>(3)}})
                  .ok());

  Status status =
      freeze(graph_of(kTwoVariables), {.outputs = {"y"}}, checkpoint_values(*CheckpointReader::open(dir.file("c"))))
          .status();

  EXPECT_SAYS(status, {"2 problems", "variable 'w' (f32[2]): the checkpoint has f32[3]",
                       "variable 'b' (f32[]) is not in the checkpoint", "did you mean 'model/b'"});
}

TEST(VariableValues, TheSaversNodesSayUnderWhichNameAVariableIsSaved) {
  constexpr std::string_view kSaver = R"(
w: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
save/Const: str[] = "model"
save/names: str[1] = {"w/ExponentialMovingAverage"}
save/slices: str[1] = {""}
save/RestoreV2: f32? = RestoreV2(save/Const, save/names, save/slices) {dtypes=[f32]}
save/Assign: ref(f32[2]) = Assign(w, save/RestoreV2)
save/restore_all = NoOp(^save/Assign)
y: f32[2] = Neg(w)
)";
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("both"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                                  {"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})}})
                  .ok());
  ASSERT_TRUE(
      write_checkpoint(dir.file("average"), {{"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})}}).ok());
  auto w_of = [&](const std::string& prefix, const std::string& restore_op) -> std::string {
    VariableValues values = checkpoint_values(*CheckpointReader::open(dir.file(prefix)), {.restore_op = restore_op});
    Result<FrozenGraph> frozen = freeze(graph_of(kSaver), {.outputs = {"y"}}, values);
    if (!frozen.ok()) return frozen.status().to_string();
    return frozen->graph.node(*frozen->graph.find("w")).attrs.get<Tensor>("value").to_string();
  };

  EXPECT_EQ(w_of("both", ""), "f32[2]{1, 2}");
  EXPECT_EQ(w_of("both", "save/restore_all"), "f32[2]{3, 4}");
  EXPECT_EQ(w_of("average", ""), "f32[2]{3, 4}") << "nothing is saved under the variable's own name";
  EXPECT_NE(w_of("both", "save/restore_al").find("did you mean 'save/restore_all'"), std::string::npos);
}

TEST(VariableValues, APartitionedVariablesPartsAreReadFromTheWholeTensor) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({3, 1}, {1, 2, 3})}}).ok());
  Graph graph = graph_of(R"(
w/part_0: ref(f32[2,1]) = VariableV2 {shape=[2,1], dtype=f32}
w/part_1: ref(f32[1,1]) = VariableV2 {shape=[1,1], dtype=f32}
name: str[] = "model"
names: str[2] = {"w", "w"}
slices: str[2] = {"3 1 0,2:0,1", "3 1 2,1:0,1"}
restore: (f32?, f32?) = RestoreV2(name, names, slices) {dtypes=[f32, f32]}
assign_0: ref(f32[2,1]) = Assign(w/part_0, restore)
assign_1: ref(f32[1,1]) = Assign(w/part_1, restore:1)
axis: i32[] = 0
y: f32[3,1] = ConcatV2(w/part_0, w/part_1, axis)
)");

  Result<FrozenGraph> frozen =
      freeze(graph, {.outputs = {"y"}}, checkpoint_values(*CheckpointReader::open(dir.file("c"))));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  auto value = [&](std::string_view name) {
    return frozen->graph.node(*frozen->graph.find(name)).attrs.get<Tensor>("value").to_string();
  };
  EXPECT_EQ(value("w/part_0"), "f32[2,1]{1, 2}");
  EXPECT_EQ(value("w/part_1"), "f32[1,1]{3}");
}

TEST(VariableValues, InitializersRunAfterTheCheckpointIsRestored) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})}}).ok());
  Graph graph = graph_of(str_cat(kTwoVariables, R"(
twice: f32[2] = Add(w, w)
sum: f32[] = Sum(twice, axis)
axis: i32[1] = {0}
init: ref(f32[]) = Assign(b, sum)
)"));

  Result<FrozenGraph> frozen =
      freeze(graph, {.outputs = {"y"}}, initialized_values(*CheckpointReader::open(dir.file("c")), {"init"}));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("b")).attrs.get<Tensor>("value").item<float>(), 6);
}

TEST(VariableValues, PartsOfAPartitionedVariableAreKnownByTheirNumberWithoutASaver) {
  TempDir dir;
  CheckpointWriter writer = *CheckpointWriter::create(dir.file("c"));
  ASSERT_TRUE(writer.add_slice("w", *TensorSlice::parse("3 1 0,2:0,1"), Tensor::from<float>({2, 1}, {1, 2})).ok());
  ASSERT_TRUE(writer.add_slice("w", *TensorSlice::parse("3 1 2,1:0,1"), Tensor::from<float>({1, 1}, {3})).ok());
  ASSERT_TRUE(writer.finish().ok());
  Graph graph = graph_of(R"(
w/part_0: ref(f32[2,1]) = VariableV2 {shape=[2,1], dtype=f32}
w/part_1: ref(f32[1,1]) = VariableV2 {shape=[1,1], dtype=f32}
axis: i32[] = 0
y: f32[3,1] = ConcatV2(w/part_0, w/part_1, axis)
)");

  Result<FrozenGraph> frozen =
      freeze(graph, {.outputs = {"y"}}, checkpoint_values(*CheckpointReader::open(dir.file("c"))));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("w/part_1")).attrs.get<Tensor>("value").to_string(), "f32[1,1]{3}");
}

TEST(VariableValues, InitializersChangeNothingAboutMovingAverages) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                               {"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})},
                                               {"b", Tensor::scalar<float>(5)},
                                               {"b/Adam", Tensor::scalar<float>(6)}})
                  .ok());
  Graph graph =
      graph_of(str_cat(kTwoVariables, "init = NoOp\nb/Adam: ref(f32[]) = VariableV2 {shape=[], dtype=f32}\n"));
  std::vector<std::string> notes;
  VariableReadOptions options;
  options.notes = &notes;
  auto freeze_with = [&](UseEma use_ema) {
    options.use_ema = use_ema;
    return freeze(graph, {.outputs = {"y"}},
                  initialized_values(*CheckpointReader::open(dir.file("c")), {"init"}, options));
  };

  EXPECT_SAYS(freeze_with(UseEma::kAlways).status(), {"--use_ema=always", "variable 'b' has no moving average"});
  ASSERT_TRUE(freeze_with(UseEma::kAuto).ok());

  EXPECT_NE(notes.back().find("1 of 2 variables have the values of their moving averages"), std::string::npos)
      << notes.back();
}

TEST(VariableValues, AreRestoredAllOrNoneOfThem) {  // 114
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"),
                               {{"b", Tensor::from<float>({2}, {1, 2})}, {"w", Tensor::from<float>({2}, {1, 2})}})
                  .ok());
  Graph graph = graph_of(kTwoVariables);
  Session session(graph);

  EXPECT_SAYS(restore_variables(graph, *CheckpointReader::open(dir.file("c")), {}, session), {"variable 'b'"});

  EXPECT_FALSE(session.variable("w").ok());
  EXPECT_FALSE(session.variable("b").ok());
}

TEST(VariableValues, MovingAveragesAreTakenOnRequest) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                               {"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})},
                                               {"b", Tensor::scalar<float>(5)}})
                  .ok());
  std::vector<std::string> notes;
  auto w_with = [&](UseEma use_ema, std::vector<std::string> trainable) -> std::string {
    VariableReadOptions options;
    options.use_ema = use_ema;
    options.trainable = std::move(trainable);
    options.notes = &notes;
    Result<FrozenGraph> frozen = freeze(graph_of(kTwoVariables), {.outputs = {"y"}},
                                        checkpoint_values(*CheckpointReader::open(dir.file("c")), options));
    if (!frozen.ok()) return frozen.status().to_string();
    return frozen->graph.node(*frozen->graph.find("w")).attrs.get<Tensor>("value").to_string();
  };

  EXPECT_EQ(w_with(UseEma::kNever, {}), "f32[2]{1, 2}");
  EXPECT_EQ(w_with(UseEma::kAuto, {}), "f32[2]{3, 4}");
  EXPECT_EQ(w_with(UseEma::kAlways, {"w"}), "f32[2]{3, 4}");
  EXPECT_NE(w_with(UseEma::kAlways, {"w", "b"}).find("variable 'b' has no moving average"), std::string::npos);
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_NE(notes[0].find("averages of 1 of 2 variables"), std::string::npos) << notes[0];
  EXPECT_NE(notes[1].find("1 of 2 variables have the values of their moving averages"), std::string::npos) << notes[1];
}

// --- what the graph fed itself --------------------------------------------------------------------------------------
TEST(Freeze, BatchesOfQueuesAndIteratorsBecomePlaceholders) {
  EXPECT_EQ(frozen_text(R"(
files = FIFOQueueV2 {component_types=[f32, i32], shapes=[[28,28], []]}
n: i32[] = 32
batch = QueueDequeueManyV2(files, n) {component_types=[f32, i32]}
iterator = IteratorV2 {output_types=[f32], output_shapes=[[?,3]]}
next = IteratorGetNext(iterator) {output_types=[f32], output_shapes=[[?,3]]}
y = Odd(batch, batch:1, next)
)",
                        {"y"}),
            R"(
batch: f32[?,28,28] = Placeholder
batch_1: i32[?] = Placeholder
next: f32[?,3] = Placeholder
y = Odd(batch, batch_1, next)
)");
}

TEST(Freeze, AQueueMayItselfBeAnOutput) {
  constexpr std::string_view kGraph = R"(
files = FIFOQueueV2 {component_types=[i32, f32], shapes=[[], [2,3]]}
batch = QueueDequeueV2(files) {component_types=[i32, f32]}
y = Odd(batch:1)
)";
  EXPECT_EQ(frozen_text(kGraph, {"batch", "y"}), R"(
batch: i32[] = Placeholder
batch_1: f32[2,3] = Placeholder
y = Odd(batch_1)
)");
  EXPECT_EQ(frozen_text(kGraph, {"batch"}), "\nbatch: i32[] = Placeholder\n");
}

TEST(Freeze, WhereAPictureIsCutDoesNotDependOnTheOrderOfTheFile) {
  // The size is asked of the decoded picture: it is decoded still, and that is said.
  constexpr std::string_view kFile = "file: str[] = Placeholder\nimage = DecodeJpeg(file) {channels=3}\n";
  constexpr std::string_view kFloat = "float: f32? = Cast(image) {SrcT=u8, DstT=f32}\n";
  constexpr std::string_view kSize = "size: i32[3] = Shape(image) {T=u8}\n";
  constexpr std::string_view kEnd = "y = Odd(float, size)\n";
  std::string before = str_cat(kFile, kSize, kFloat, kEnd), after = str_cat(kFile, kFloat, kSize, kEnd);

  for (const std::string& text : {before, after}) {
    Result<FrozenGraph> cut = freeze(graph_of(text), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

    ASSERT_TRUE(cut.ok()) << cut.status().to_string();
    EXPECT_TRUE(cut->graph.node(*cut->graph.find("float")).is("Placeholder")) << text;
    ASSERT_EQ(cut->warnings.size(), 1u) << text;
    EXPECT_EQ(
        cut->warnings[0],
        "the outputs need more of 'image' than the picture that 'float' takes (its size?): the file is still decoded");
  }
}

TEST(Freeze, ADecodedPictureIsTheInputOnRequest) {
  constexpr std::string_view kGraph = R"(
file: str[] = Placeholder
image = DecodeJpeg(file) {channels=3}
float: f32? = Cast(image) {SrcT=u8, DstT=f32}
zero: i32[] = 0
batch: f32? = ExpandDims(float, zero)
size: i32[2] = {299, 299}
resized = ResizeBilinear(batch, size) {T=f32}
mean: f32[] = 128
less = Sub(resized, mean)
y = Odd(less)
)";
  Result<FrozenGraph> cut = freeze(graph_of(kGraph), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

  ASSERT_TRUE(cut.ok()) << cut.status().to_string();
  ASSERT_EQ(cut->graph.node_count(), 2);
  const Node& input = cut->graph.node(*cut->graph.find("less"));
  EXPECT_TRUE(input.is("Placeholder"));
  EXPECT_EQ(input.attrs.get_or<std::string>("_preprocessing", ""),
            "DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 299x299; Sub 128");
  EXPECT_EQ(freeze(graph_of(kGraph), {.outputs = {"y"}}, no_values())->graph.node_count(), 10);
  Result<FrozenGraph> none = freeze(graph_of("x: f32[] = Placeholder\ny: f32[] = Neg(x)\n"),
                                    {.outputs = {"y"}, .cut_image_decoding = true}, no_values());
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->warnings.size(), 1u);
}

TEST(Freeze, APictureIsCutBehindANewAxisToo) {
  // x[tf.newaxis]: a StridedSlice. The channels of DecodeImage, which has no shape, are those of the picture.
  constexpr std::string_view kGraph = R"(
file: str[] = Placeholder
image: u8[?,?,?] = DecodeImage(file) {channels=3}
zero: i32[1] = {0}
one: i32[1] = {1}
batch: u8? = StridedSlice(image, zero, zero, one) {new_axis_mask=1}
size: i32[2] = {8, 8}
resized = ResizeBilinear(batch, size)
y = Odd(resized)
)";
  Result<FrozenGraph> cut = freeze(graph_of(kGraph), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

  ASSERT_TRUE(cut.ok()) << cut.status().to_string();
  const Node& input = cut->graph.node(*cut->graph.find("resized"));
  EXPECT_TRUE(input.is("Placeholder"));
  EXPECT_EQ(input.attrs.get_or<std::string>("_preprocessing", ""),
            "DecodeImage channels=3; ExpandDims 0; ResizeBilinear 8x8");
  Shape shape = input.attrs.get_or<Shape>("shape", Shape::unknown());
  ASSERT_TRUE(shape.has_rank());
  EXPECT_EQ(shape.dim(-1), 3);
}

TEST(Freeze, PicturesDecodedInALoopStayAndThatIsSaid) {
  constexpr std::string_view kGraph = R"(
file: str[] = Placeholder
again: str[] = Enter(file) {frame_name="loop"}
image = DecodeJpeg(again) {channels=3}
y = Exit(image)
)";
  Result<FrozenGraph> cut = freeze(graph_of(kGraph), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

  ASSERT_TRUE(cut.ok()) << cut.status().to_string();
  EXPECT_EQ(cut->graph.node_count(), 4);
  ASSERT_EQ(cut->warnings.size(), 1u);
  EXPECT_EQ(cut->warnings[0], "'image' decodes a picture an iteration, in a loop (tf.map_fn): that is not cut");
}

TEST(Freeze, SaysWhichUpdatesTheOutputsWaitedFor) {
  Graph graph = graph_of(R"(
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

TEST(FindCheckpoint, TakesAPrefixAnyOfItsFilesOrAFolder) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("-model.ckpt-7"), {{"w", Tensor::scalar<float>(1)}}).ok());
  std::string prefix = dir.file("-model.ckpt-7");

  for (std::string_view suffix : {"", ".index", ".data-00000-of-00001", ".meta"}) {
    Result<std::string> found = find_checkpoint(str_cat(prefix, suffix));
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    EXPECT_EQ(*found, prefix) << suffix;
  }
  EXPECT_EQ(*find_checkpoint(dir.path()), prefix) << "the only one there";
  ASSERT_TRUE(write_checkpoint(dir.file("-model.ckpt-6"), {{"w", Tensor::scalar<float>(1)}}).ok());
  EXPECT_SAYS(find_checkpoint(dir.path()).status(),
              {"folder without a 'checkpoint' file and with 2 checkpoints", "'-model.ckpt-6', '-model.ckpt-7'"});
  ASSERT_TRUE(write_file_atomically(dir.file("checkpoint"), "model_checkpoint_path: \"-model.ckpt-7\"\n").ok());
  EXPECT_EQ(*find_checkpoint(dir.path()), prefix);
  EXPECT_EQ(*find_checkpoint(dir.file("checkpoint")), prefix);
  EXPECT_SAYS(find_checkpoint(dir.file("-model.ckpt-8")).status(),
              {"Input checkpoint", "doesn't exist!", "did you mean '-model.ckpt-6' or '-model.ckpt-7'"});
}

}  // namespace
}  // namespace tarn
