// Resource variables from the builder to the frozen graph: what is special about them beside reference ones.
#include <gtest/gtest.h>

#include "graph/checkpoint.h"
#include "graph/freeze.h"
#include "graph/gradients.h"
#include "graph/graph_source.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "graph/session.h"
#include "graph/summarize.h"
#include "graph/text.h"
#include "graph/variable_values.h"
#include "proto/checkpoint.pb.h"
#include "runtime/compile.h"
#include "tests/graph/graph_lines.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

using testing::graph_lines;
using Lines = std::vector<std::string>;

// Runs parts of a graph given as text; variables live on.
class ResourceSession : public ::testing::Test {
 protected:
  void start(std::string_view text) {
    Result<Graph> graph = graph_from_text(text);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    session = std::make_unique<Session>(*graph, SessionOptions{.threads = 1});
  }
  // What the fetches give, or the error.
  std::string run(const std::vector<std::string>& fetches, const std::vector<std::string>& targets = {},
                  const std::vector<Session::Feed>& feeds = {}) {
    std::vector<Tensor> out;
    Status status = session->Run(feeds, fetches, targets, &out);
    if (!status.ok()) return std::string(status.message());
    std::vector<std::string> texts;
    for (const Tensor& tensor : out) texts.push_back(tensor.to_string());
    return str_join(texts, " ");
  }
  std::unique_ptr<Session> session;
};

// As functions that were put in place leave it under the name of a loop.
TEST_F(ResourceSession, IdentityNHandsOnHandlesWhateverTheyHold) {
  start(R"(
v = VarHandleOp {dtype=f32, shape=[2]}
x: f32[] = 5
all = IdentityN(x, v) {T=[f32, resource]}
value: f32[2] = {1, 2}
assign = AssignVariableOp(all:1, value)
read: f32[2] = ReadVariableOp(all:1)
)");
  EXPECT_EQ(run({"all"}), "f32[]{5}") << "the variable has no value yet";
  run({}, {"assign"});
  EXPECT_EQ(run({"all", "read"}), "f32[]{5} f32[2]{1, 2}");
}

constexpr std::string_view kCounter = R"(
one: f32[2] = {1, 1}
ten: f32[2] = {10, 10}
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
init = AssignVariableOp(v, one)
before = ReadVariableOp(v) {dtype=f32}
add = AssignAddVariableOp(v, ten, ^before)
after = ReadVariableOp(v, ^add) {dtype=f32}
difference = Sub(after, before)
view = Identity(before, ^add)
anytime = ReadVariableOp(v) {dtype=f32}
ready = VarIsInitializedOp(v)
shape = VariableShape(v)
destroy = DestroyResourceOp(v)
)";

TEST_F(ResourceSession, AReadIsASnapshotThatALaterWriteLeavesAlone) {
  start(kCounter);
  ASSERT_EQ(run({}, {"init"}), "");

  EXPECT_EQ(run({"difference"}), "f32[2]{10, 10}");
  EXPECT_EQ(run({"view", "before", "after"}), "f32[2]{11, 11} f32[2]{11, 11} f32[2]{21, 21}");
}

TEST_F(ResourceSession, AReadThatNoEdgeOrdersComesBeforeTheWrites) {
  start(kCounter);
  ASSERT_EQ(run({}, {"init"}), "");

  EXPECT_EQ(run({"anytime"}, {"add"}), "f32[2]{1, 1}");
  EXPECT_EQ(run({"anytime"}), "f32[2]{11, 11}");
}

TEST_F(ResourceSession, KnowsWhetherThereIsAValue) {
  start(kCounter);

  EXPECT_EQ(run({"ready"}), "bool[]{false}");
  EXPECT_EQ(run({"shape"}), "i32[1]{2}") << "declared, without a value";
  EXPECT_EQ(run({"anytime"}), "Attempting to use uninitialized value v");
  EXPECT_NE(run({}, {"add"}), "");
  ASSERT_EQ(run({}, {"init"}), "");
  EXPECT_EQ(run({"ready"}), "bool[]{true}");
  ASSERT_EQ(run({}, {"destroy"}), "");
  EXPECT_EQ(run({"ready"}), "bool[]{false}");
}

TEST_F(ResourceSession, HandlesAreNeitherFetchedNorFedNorComputedWith) {
  start(std::string(kCounter) + "two = Pack(v, v) {T=resource, N=2, axis=0}\nread = ReadVariableOp(two) {dtype=f32}\n");

  EXPECT_EQ(run({"v"}), "fetch 'v': a resource handle cannot be fetched; fetch what reads it");
  EXPECT_NE(run({"read"}).find("is a handle on a variable, which this op does not take"), std::string::npos)
      << run({"read"});
}

TEST_F(ResourceSession, NodesOfOneSharedNameAreOneVariable) {
  start(R"(
one: f32[2] = {1, 1}
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="common"}
w = VarHandleOp {dtype=f32, shape=shape[2], shared_name="common"}
init = AssignVariableOp(v, one)
before = ReadVariableOp(v) {dtype=f32}
add = AssignAddVariableOp(w, one, ^before)
after = ReadVariableOp(v, ^add) {dtype=f32}
both = Sub(after, before)
)");
  ASSERT_EQ(run({}, {"init"}), "");

  EXPECT_EQ(run({"both"}), "f32[2]{1, 1}");
}

// Programs are planned for the declared shape: a value of another one would be read past its end.
TEST_F(ResourceSession, RefusesAVariableThatHoldsOtherThanDeclared) {
  start(R"(
small: f32[2] = {1, 1}
whole: i32[2] = {1, 1}
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="common"}
w = VarHandleOp {dtype=f32, shape=shape[4], shared_name="common"}
u = VarHandleOp {dtype=i32, shape=shape[2], shared_name="common"}
init = AssignVariableOp(v, small)
as_ints = AssignVariableOp(u, whole)
read = ReadVariableOp(w) {dtype=f32}
y = Neg(read)
)");
  ASSERT_EQ(run({}, {"init"}), "");

  EXPECT_EQ(run({"y"}), "variable 'common' holds f32[2], here it is f32[4]");
  EXPECT_NE(run({}, {"as_ints"}), "") << "the handle says int32, the variable holds float";
}

TEST_F(ResourceSession, HandlesGoThroughIdentitiesAndBranches) {
  start(R"(
on: bool[] = Placeholder {shape=[]}
one: f32[2] = {1, 1}
two: f32[2] = {2, 2}
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
w = VarHandleOp {dtype=f32, shape=shape[2], shared_name="w"}
same = Identity(v)
init = AssignVariableOp(same, one)
init_w = AssignVariableOp(w, two)
v_in = Switch(same, on)
w_in = Switch(w, on)
either = Merge(w_in, v_in:1) {T=resource, N=2}
read = ReadVariableOp(either) {dtype=f32}
add = AssignAddVariableOp(either, one, ^read)
after = ReadVariableOp(same, ^add) {dtype=f32}
difference = Sub(after, read)
)");
  ASSERT_EQ(run({}, {"init", "init_w"}), "");

  EXPECT_EQ(run({"read"}, {}, {{"on", Tensor::scalar(true)}}), "f32[2]{1, 1}");
  EXPECT_EQ(run({"read"}, {}, {{"on", Tensor::scalar(false)}}), "f32[2]{2, 2}");
  EXPECT_EQ(run({"difference"}, {}, {{"on", Tensor::scalar(true)}}), "f32[2]{1, 1}");
  EXPECT_EQ(run({"difference"}, {}, {{"on", Tensor::scalar(false)}}), "f32[2]{0, 0}");
}

// Apply ops change more than their first variable.
TEST_F(ResourceSession, AReadOfASlotIsASnapshotToo) {
  start(R"(
zero: f32[2] = {0, 0}
grad: f32[2] = {3, 3}
rate: f32[] = 0.5
v = VarHandleOp {dtype=f32, shape=shape[2], shared_name="v"}
accum = VarHandleOp {dtype=f32, shape=shape[2], shared_name="accum"}
init = AssignVariableOp(v, zero)
init_accum = AssignVariableOp(accum, zero)
before = ReadVariableOp(accum) {dtype=f32}
step = ResourceApplyMomentum(v, accum, rate, grad, rate, ^before) {T=f32}
after = ReadVariableOp(accum, ^step) {dtype=f32}
difference = Sub(after, before)
)");
  ASSERT_EQ(run({}, {"init", "init_accum"}), "");

  EXPECT_EQ(run({"difference"}), "f32[2]{3, 3}");
}

// The same hole in reference variables: a view of a slot's value that a later Apply op would have changed.
TEST_F(ResourceSession, AnIdentityOfAReferenceSlotIsASnapshotToo) {
  start(R"(
zero: f32[2] = {0, 0}
grad: f32[2] = {3, 3}
rate: f32[] = 0.5
v = VariableV2 {dtype=f32, shape=[2]}
accum = VariableV2 {dtype=f32, shape=[2]}
init = Assign(v, zero)
init_accum = Assign(accum, zero)
before = Identity(accum)
step = ApplyMomentum(v, accum, rate, grad, rate, ^before)
later = Identity(before, ^step)
twice = Add(later, before, ^step)
)");
  ASSERT_EQ(run({}, {"init", "init_accum"}), "");

  EXPECT_EQ(run({"twice"}), "f32[2]{0, 0}");
}

// How many values the compiler copies when these are fetched.
int copies(std::string_view text, const std::string& fetch) {
  Result<Graph> graph = graph_from_text(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  ResourceMap resources;
  Services services;
  services.set_resources(&resources);
  Result<std::unique_ptr<Program>> program =
      compile(GraphSource(*graph), {.feeds = {}, .fetches = {*graph->find_wire(fetch)}, .targets = {}},
              {.ops = &all_ops(), .services = &services});
  EXPECT_TRUE(program.ok()) << program.status().to_string();
  if (!program.ok()) return -1;
  const std::vector<Step>& steps = (*program)->steps;
  return static_cast<int>(
      std::count_if(steps.begin(), steps.end(), [](const Step& step) { return step.kind == StepKind::kCopy; }));
}

TEST(ResourceReads, CopyOnlyWhatIsUsedAfterAWrite) {
  EXPECT_EQ(copies(kCounter, "anytime"), 0);
  EXPECT_EQ(copies(kCounter, "after"), 0) << "the write waits for the read, whose value nobody uses";
  EXPECT_EQ(copies(kCounter, "difference"), 1);
}

TEST(ResourceText, HandlesReadBackAsWritten) {
  Result<Graph> graph = graph_from_text(kCounter);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  std::string text = graph_to_text(*graph);
  Result<Graph> again = graph_from_text(text);

  EXPECT_NE(text.find("v: handle(f32[2]) = VarHandleOp"), std::string::npos) << text;
  ASSERT_TRUE(again.ok()) << again.status().to_string() << text;
  EXPECT_EQ(graph_to_text(*again), text);
}

TEST(ResourceVariables, HaveTensorFlowsNodes) {
  Scope root = Scope::NewRootScope();

  ModelVariable w = CreateVariable(root.WithResourceVariables().WithOpName("w"), {2, 3}, Initializer::Zeros());
  CreateVariable(root.WithOpName("b"), Input({1.0f, 2.0f}), {.trainable = false, .use_resource = true});
  CreateVariable(root.WithOpName("c"), Input(1.0f));

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(
      graph_lines(root.graph()),
      (Lines{"Const w/Initializer/zeros", "VarHandleOp w", "VarIsInitializedOp w/IsInitialized/VarIsInitializedOp <- w",
             "AssignVariableOp w/Assign <- w w/Initializer/zeros", "ReadVariableOp w/Read/ReadVariableOp <- w",
             "Const b/initial_value", "VarHandleOp b", "VarIsInitializedOp b/IsInitialized/VarIsInitializedOp <- b",
             "AssignVariableOp b/Assign <- b b/initial_value", "ReadVariableOp b/Read/ReadVariableOp <- b",
             "Const c/initial_value", "VariableV2 c", "Assign c/Assign <- c c/initial_value", "Identity c/read <- c"}));
  const Node& handle = root.graph().node(w.ref.op().id());
  EXPECT_EQ(handle.attrs.get<std::string>("shared_name"), "w");
  EXPECT_EQ(handle.outputs[0].to_string(), "handle(f32[2,3])");
  EXPECT_EQ(w.read.fact().to_string(), "f32[2,3]");
  ASSERT_EQ(root.collections().variables().size(), 3u);
  EXPECT_TRUE(root.collections().find_variable("w")->is_resource);
  EXPECT_EQ(root.collections().find_variable("w")->snapshot, "w/Read/ReadVariableOp");
  EXPECT_FALSE(root.collections().find_variable("c")->is_resource);
  EXPECT_EQ(TrainableVariables(root).size(), 2u);
}

// A small network with batch norm, three steps of an optimizer; then all variables and the moving averages.
std::vector<std::string> trained(bool resources, const Optimizer& optimizer) {
  Scope root = Scope::NewRootScope().WithResourceVariables(resources);
  Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({4, 3}));
  // Seeds of their own: without, they would follow from how many nodes there are.
  layers::DenseOptions first{.kernel_initializer = Initializer::GlorotUniform().WithSeed(1)};
  layers::DenseOptions second{.kernel_initializer = Initializer::GlorotUniform().WithSeed(2)};
  Output h = layers::Dense(root.WithOpName("fc1"), x, 5, first);
  h = layers::BatchNorm(root.WithOpName("bn"), h, true, {.activation = "Relu"});
  Output y = layers::Dense(root.WithOpName("fc2"), h, 2, second);
  Output loss = losses::MeanSquaredError(root.WithOpName("loss"), ops::Const(root, 0.5f, {4, 2}), y);
  ModelVariable step = GetOrCreateGlobalStep(root);
  Operation train = optimizer.Minimize(root.WithOpName("train"), loss, {.global_step = step.ref});
  Operation init = GlobalVariablesInitializer(root);
  EXPECT_TRUE(root.ok()) << root.status().to_string();
  if (!root.ok()) return {};
  Session session(root, SessionOptions{.threads = 1});
  EXPECT_TRUE(session.Run(init.name()).ok());
  std::vector<std::string> values;
  for (int i = 0; i < 3; ++i) {
    std::vector<float> rows(12);
    for (size_t k = 0; k < rows.size(); ++k)
      rows[k] = static_cast<float>((k * 7 + static_cast<size_t>(i) * 5) % 11) / 11;
    std::vector<Tensor> out;
    Status status =
        session.Run({{"x", *Tensor::vector<float>(rows).reshaped({4, 3})}}, {loss.name()}, {train.name()}, &out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!status.ok()) return {};
    values.push_back(out[0].to_string());
  }
  for (const VariableRecord& record : root.collections().variables()) {
    EXPECT_EQ(record.is_resource, resources) << record.variable;
    Result<Tensor> value = session.variable(record.variable);
    EXPECT_TRUE(value.ok()) << value.status().to_string();
    if (value.ok()) values.push_back(record.variable + " " + value->to_string(100));
  }
  return values;
}

// The same kernels in the same order: the same bits.
TEST(ResourceVariables, TrainAsReferenceVariablesDo) {
  for (const Optimizer* optimizer : {static_cast<const Optimizer*>(new GradientDescentOptimizer(0.1f)),
                                     static_cast<const Optimizer*>(new MomentumOptimizer(0.05f, 0.9f, true)),
                                     static_cast<const Optimizer*>(new AdamOptimizer(0.01f))}) {
    std::unique_ptr<const Optimizer> owned(optimizer);
    std::vector<std::string> by_reference = trained(false, *optimizer);

    EXPECT_GE(by_reference.size(), 12u);
    EXPECT_EQ(trained(true, *optimizer), by_reference);
  }
}

// y = sum(w[0] * rows of w) with every way to read w: the gradient of each counts.
TEST(ResourceVariables, GradientsOfAllReadersMeetAtTheHandle) {
  Scope root = Scope::NewRootScope().WithResourceVariables();
  ModelVariable w = CreateVariable(root.WithOpName("w"), Input({{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 6.0f}}));
  Output again =
      AddNode(root, "ReadVariableOp", {AddNode(root, "Identity", {w.ref}).output(0)}, {{"dtype", DT_FLOAT}}).output(0);
  Output rows =
      AddNode(root, "ResourceGather", {w.ref, std::vector<int32_t>{2, 0, 2}}, {{"dtype", DT_FLOAT}}).output(0);
  Output at = ops::Const(root, 1, {1, 1});
  Output slices = AddNode(root, "ResourceGatherNd", {w.ref, at}, {{"dtype", DT_FLOAT}}).output(0);
  std::vector<int32_t> all{0, 1};
  Output sum =
      ops::Add(root, ops::Sum(root, ops::Mul(root, w.read, again), all), ops::Sum(root, ops::Square(root, rows), all));
  sum = ops::Add(root, sum, ops::Sum(root, slices, all));
  std::vector<Output> grads;

  Status status = AddSymbolicGradients(root, {sum}, {w.ref}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(grads[0].fact().to_string(), "f32[3,2]");
  Session session(root, SessionOptions{.threads = 1});
  ASSERT_TRUE(session.Run("w/Assign").ok());
  std::vector<Tensor> out;
  ASSERT_TRUE(session.Run({}, {grads[0].name()}, &out).ok());
  // 2w from the product, 2w for every time a row was taken, 1 for the slice
  EXPECT_EQ(out[0].to_string(), "f32[3,2]{4, 8, 7, 9, 30, 36}");
}

TEST(ResourceVariables, GradientsOfAGatherNeedNoKnownShape) {
  Result<Graph> read = graph_from_text(R"(
start: f32[3,2] = {1, 2, 3, 4, 5, 6}
w = VarHandleOp {dtype=f32, shape=shape?, shared_name="w"}
init = AssignVariableOp(w, start)
at: i32[2] = {1, 1}
axes: i32[2] = {0, 1}
rows = ResourceGather(w, at) {dtype=f32}
y = Sum(rows, axes)
)");
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  Graph graph = *std::move(read);
  Scope scope = Scope::Over(graph);
  Output y(&graph, *graph.find_wire("y")), w(&graph, *graph.find_wire("w"));
  std::vector<Output> grads;

  Status status = AddSymbolicGradients(scope, {y}, {w}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  Session session(graph, SessionOptions{.threads = 1});
  ASSERT_TRUE(session.Run("init").ok());
  std::vector<Tensor> out;
  status = session.Run({}, {grads[0].name()}, &out);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(out[0].to_string(), "f32[3,2]{0, 0, 2, 2, 0, 0}");
}

// A branch that reads the variable, and one that does not.
TEST(ResourceVariables, GradientsComeBackThroughBranchesOfHandles) {
  Scope root = Scope::NewRootScope().WithResourceVariables();
  ModelVariable w = CreateVariable(root.WithOpName("w"), Input({3.0f, 4.0f}));
  Output on = ops::Placeholder(root.WithOpName("on"), DT_BOOL, ops::Placeholder::Shape(Shape()));
  Operation branch = AddNode(root, "Switch", {w.ref, on});
  Output read = AddNode(root, "ReadVariableOp", {branch.output(1)}, {{"dtype", DT_FLOAT}}).output(0);
  Operation other = AddNode(root, "Switch", {std::vector<float>{1, 1}, on});
  Output y = AddNode(root, "Merge", {InputList{other.output(0), Output(ops::Square(root, read))}}).output(0);
  Output loss = ops::Sum(root, y, std::vector<int32_t>{0});
  std::vector<Output> grads;

  Status status = AddSymbolicGradients(root, {loss}, {w.ref}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  Session session(root, SessionOptions{.threads = 1});
  ASSERT_TRUE(session.Run("w/Assign").ok());
  for (auto [taken, want] : {std::pair(true, "f32[2]{6, 8}"), std::pair(false, "f32[2]{0, 0}")}) {
    std::vector<Tensor> out;
    status = session.Run({{"on", Tensor::scalar(taken)}}, {grads[0].name()}, &out);
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(out[0].to_string(), want);
  }
}

// One variable of each kind, an op that counts both up, a saver and the output y = b + w.
struct Model {
  explicit Model(SaverOptions options = {}) {
    w = CreateVariable(root.WithOpName("w"), {3}, Initializer::Ones(), {.use_resource = true});
    b = CreateVariable(root.WithOpName("b"), Shape(), Initializer::Ones());
    y = ops::Add(root.WithOpName("y"), w.read, b.read);
    count = AddNode(root.WithOpName("count"), "AssignAddVariableOp", {w.ref, std::vector<float>{1, 2, 3}});
    init = GlobalVariablesInitializer(root);
    saver.emplace(root, std::move(options));
    EXPECT_TRUE(root.ok()) << root.status().to_string();
    session = std::make_unique<Session>(root, SessionOptions{.threads = 1});
    EXPECT_TRUE(session->Run(init.name()).ok());
  }
  Scope root = Scope::NewRootScope();
  ModelVariable w, b;
  Output y;
  Operation count, init;
  std::optional<Saver> saver;
  std::unique_ptr<Session> session;
};

TEST(ResourceVariables, AreSavedByTheirReadAndRestoredByAnAssign) {
  TempDir dir;
  Model model;
  Lines lines = graph_lines(model.root.graph(), {"save/SaveV2", "save/Assign", "save/Identity"});
  EXPECT_EQ(lines, (Lines{"Const save/SaveV2/tensor_names", "Const save/SaveV2/shape_and_slices",
                          "SaveV2 save/SaveV2 <- save/Const save/SaveV2/tensor_names save/SaveV2/shape_and_slices b "
                          "w/Read/ReadVariableOp",
                          "Assign save/Assign <- b save/RestoreV2", "Identity save/Identity <- save/RestoreV2:1",
                          "AssignVariableOp save/AssignVariableOp <- w save/Identity"}));
  ASSERT_TRUE(model.session->Run("count").ok());

  Result<std::string> path = model.saver->Save(*model.session, dir.file("m"));

  ASSERT_TRUE(path.ok()) << path.status().to_string();
  Model other;
  ASSERT_TRUE(other.saver->Restore(*other.session, *path).ok());
  EXPECT_EQ(other.session->variable("w")->to_string(), "f32[3]{2, 3, 4}");
}

TEST(ResourceVariables, AreSavedWithoutARecordToo) {
  TempDir dir;
  Result<Graph> read = graph_from_text(kCounter);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  Graph graph = *std::move(read);
  Scope scope = Scope::Over(graph);
  Saver saver(scope, {.var_list = {Output(&graph, *graph.find_wire("v"))}});
  ASSERT_TRUE(scope.ok()) << scope.status().to_string();
  Session session(graph, {.threads = 1});
  ASSERT_TRUE(session.Run("init").ok());

  Result<std::string> path = saver.Save(session, dir.file("m"));

  ASSERT_TRUE(path.ok()) << path.status().to_string();
  ASSERT_TRUE(session.Run("add").ok());
  ASSERT_TRUE(saver.Restore(session, *path).ok());
  EXPECT_EQ(session.variable("v")->to_string(), "f32[2]{1, 1}");
}

TEST(ResourceVariables, AreSavedUnderOtherNamesToo) {
  TempDir dir;
  Model model;
  Saver renamed(model.root, {.var_map = {{"averaged", model.w.ref}}});
  ASSERT_TRUE(model.root.ok()) << model.root.status().to_string();
  Session session(model.root, {.threads = 1});
  ASSERT_TRUE(session.Run(model.init.name()).ok());
  Result<std::string> path = renamed.Save(session, dir.file("m"));
  ASSERT_TRUE(path.ok()) << path.status().to_string();
  ASSERT_TRUE(session.Run("count").ok());

  Status status = renamed.Restore(session, *path);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_NE(CheckpointReader::open(*path)->find("averaged"), nullptr);
  EXPECT_EQ(session.variable("w")->to_string(), "f32[3]{1, 1, 1}");
}

TEST(ResourceVariables, GoOnFromAMetaGraph) {
  TempDir dir;
  Model model;
  ASSERT_TRUE(model.session->Run("count").ok());
  Result<std::string> path = model.saver->Save(*model.session, dir.file("m"));
  ASSERT_TRUE(path.ok()) << path.status().to_string();

  Result<MetaGraph> meta = read_meta_graph(*path + ".meta");

  ASSERT_TRUE(meta.ok()) << meta.status().to_string();
  EXPECT_TRUE(meta->collections.find_variable("w")->is_resource);
  EXPECT_FALSE(meta->collections.find_variable("b")->is_resource);
  Result<Saver> saver = Saver::FromMetaGraph(*meta);
  ASSERT_TRUE(saver.ok()) << saver.status().to_string();
  Session session(meta->graph, {.threads = 1});
  ASSERT_TRUE(saver->Restore(session, *path).ok());
  EXPECT_EQ(session.variable("w")->to_string(), "f32[3]{2, 3, 4}");
}

TEST(ResourceVariables, OfAnotherShapeThanTheCheckpointsAreNamed) {
  TempDir dir;
  ASSERT_TRUE(
      write_checkpoint(dir.file("m"), {{"w", Tensor::from<float>({2}, {1, 2})}, {"b", Tensor::scalar(1.0f)}}).ok());
  Model model;

  Status status = model.saver->Restore(*model.session, dir.file("m"));

  EXPECT_NE(status.message().find("variable 'w' is f32[3], the checkpoint has f32[2]"), std::string::npos)
      << status.message();
}

TEST(ResourceVariables, FreezeToWhatTheSessionComputes) {
  Model model;
  ASSERT_TRUE(model.session->Run("count").ok());
  std::vector<Tensor> before, after;
  ASSERT_TRUE(model.session->Run({}, {"y"}, &before).ok());

  Result<FrozenGraph> frozen = freeze(model.root.graph(), {.outputs = {"y"}}, session_values(*model.session));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->variables, 2);
  EXPECT_EQ(graph_lines(frozen->graph), (Lines{"Const w", "Identity w/Read/ReadVariableOp <- w", "Const b",
                                               "Identity b/read <- b", "Add y <- w/Read/ReadVariableOp b/read"}));
  Session session(frozen->graph, {.threads = 1});
  ASSERT_TRUE(session.Run({}, {"y"}, &after).ok());
  EXPECT_TRUE(after[0].identical_to(before[0]));
}

TEST(ResourceVariables, ThatStayVariablesKeepTheirReaders) {
  Model model;

  Result<FrozenGraph> frozen =
      freeze(model.root.graph(), {.outputs = {"y"}, .except = {"w"}}, session_values(*model.session));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->variables, 1);
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("w")).op, "VarHandleOp");
  EXPECT_EQ(frozen->warnings.size(), 1u);
}

// TensorFlow 2 calls variables without a name "Variable", all of them; in the graph a vocabulary's path has it, say.
TEST(ResourceVariables, DoNotTakeWhatTheSaverGivesToOneOfTheSameName) {
  TempDir dir;
  pb::TrackableObjectGraph objects;
  auto* saved = objects.add_nodes()->add_attributes();
  saved->set_name("VARIABLE_VALUE");
  saved->set_full_name("Variable");
  saved->set_checkpoint_key("w/.ATTRIBUTES/VARIABLE_VALUE");
  Result<CheckpointWriter> writer = CheckpointWriter::create(dir.file("model"));
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->add(saved->checkpoint_key(), Tensor::from<float>({2}, {1, 2})).ok());
  Tensor bytes = Tensor::scalar<std::string>(objects.SerializeAsString());
  ASSERT_TRUE(writer->add("_CHECKPOINTABLE_OBJECT_GRAPH", bytes).ok());
  ASSERT_TRUE(writer->finish().ok());
  Result<Graph> graph = graph_from_text(R"(
path = VarHandleOp {dtype=str, shape=[], shared_name="Variable"}
weights = VarHandleOp {dtype=f32, shape=[2], shared_name="Variable_1"}
prefix: str[] = Placeholder
names: str[1] = {"w/.ATTRIBUTES/VARIABLE_VALUE"}
whole: str[1] = {""}
read = RestoreV2(prefix, names, whole) {dtypes=[f32]}
restore = AssignVariableOp(weights, read)
)");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  Result<CheckpointReader> checkpoint = CheckpointReader::open(dir.file("model"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  Session session(*graph, {.threads = 1});

  Status status = restore_variables(*graph, *checkpoint, {.restore_op = "restore"}, session);

  ASSERT_TRUE(status.ok()) << status.to_string();
  ASSERT_TRUE(session.variable("Variable_1").ok());
  EXPECT_EQ(session.variable("Variable_1")->to_string(), "f32[2]{1, 2}");
  EXPECT_FALSE(session.variable("Variable").ok());
}

TEST(ResourceVariables, AreCountedBySummarize) {
  Model model;

  std::string text = *summarize_graph(model.root.graph(), "m", {});

  EXPECT_NE(text.find("Found 2 variables: (name=w, type=float(1), shape=[3]) (name=b"), std::string::npos) << text;
  EXPECT_NE(text.find("--input_layer=b "), std::string::npos) << text;  // a handle cannot be fed
}

}  // namespace
}  // namespace tarn
