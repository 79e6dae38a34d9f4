#include "graph/session.h"

#include <gtest/gtest.h>

#include <thread>

namespace tarn {
namespace {

// A graph under construction whose additions must succeed.
class TestGraph {
 public:
  Wire add(std::string op, std::string name, std::vector<Wire> inputs = {}, AttrMap attrs = {},
           std::vector<NodeId> controls = {}) {
    NodeSpec spec{.name = std::move(name),
                  .op = std::move(op),
                  .inputs = std::move(inputs),
                  .attrs = std::move(attrs),
                  .controls = std::move(controls)};
    Result<NodeId> id = graph_->add(std::move(spec));
    EXPECT_TRUE(id.ok()) << id.status().to_string();
    return id.ok() ? Wire{*id, 0} : Wire{};
  }
  Wire constant(std::string name, Tensor value) {
    return add("Const", std::move(name), {}, {{"value", value}, {"dtype", value.dtype()}});
  }
  Wire scalar(std::string name, float value) { return constant(std::move(name), Tensor::scalar<float>(value)); }
  Wire placeholder(std::string name, const Shape& shape, DType dtype = DType::kFloat) {
    return add("Placeholder", std::move(name), {}, {{"dtype", dtype}, {"shape", shape}});
  }
  // A variable with an initializer node "<name>/Assign".
  Wire variable(const std::string& name, Tensor initial) {
    Wire v = add("VariableV2", name, {}, {{"dtype", initial.dtype()}, {"shape", initial.shape()}});
    add("Assign", name + "/Assign", {v, constant(name + "/initial", initial)});
    return v;
  }
  std::shared_ptr<Graph> graph() { return graph_; }

 private:
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
};

SessionOptions one_thread() {
  SessionOptions options;
  options.threads = 1;
  return options;
}

float fetch_scalar(Session& session, const std::string& name, const std::vector<Session::Feed>& feeds = {}) {
  std::vector<Tensor> out;
  Status status = session.Run(feeds, {name}, &out);
  EXPECT_TRUE(status.ok()) << status.to_string();
  return status.ok() ? out[0].item<float>() : -1e30f;
}

TEST(Session, WaitsForNothingWhereTheControlInputIsAFedPlaceholder) {
  TestGraph g;
  Wire x = g.placeholder("x", {});
  Wire one = g.scalar("one", 1);
  g.add("Neg", "y", {one}, {}, {x.node});
  Session session(*g.graph(), one_thread());

  EXPECT_EQ(fetch_scalar(session, "y", {{"x", Tensor::scalar<float>(5)}}), -1);
  std::vector<Tensor> out;
  EXPECT_EQ(session.Run({}, {"y"}, &out).code(), Code::kInvalidArgument);  // as in TensorFlow: it must be fed
}

TEST(Session, RunsWhatTheFetchNeedsAndNothingElse) {
  TestGraph g;
  Wire x = g.placeholder("x", {-1});
  g.placeholder("unused", {});
  g.add("Relu", "y", {x});
  Session session(g.graph(), one_thread());
  std::vector<Tensor> out;

  Status status = session.Run({{"x", Tensor::from<float>({2}, {-1, 3})}}, {"y:0"}, &out);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(out[0].to_string(), "f32[2]{0, 3}");
}

// Weights that are not laid out anew go another way through the kernels, to the same bits.
TEST(Session, GivesTheSameForFewRunsAsForMany) {
  TestGraph g;
  auto weights = [](const Shape& shape, float scale) {
    Tensor tensor = *Tensor::allocate(DType::kFloat, shape);
    auto* to = static_cast<float*>(tensor.mutable_data());
    for (int64_t i = 0; i < tensor.element_count(); ++i) to[i] = scale * static_cast<float>((i * 7919) % 101 - 50);
    return tensor;
  };
  Wire x = g.placeholder("x", Shape{1, 12, 12, 16});
  Wire strided = g.add("Conv2D", "strided", {x, g.constant("f1", weights(Shape{3, 3, 16, 40}, 0.01F))},
                       {{"strides", std::vector<int64_t>{1, 2, 2, 1}}, {"padding", std::string("SAME")}});
  Wire row = g.add("Reshape", "row", {strided, g.constant("one", Tensor::from<int32_t>(Shape{2}, {1, 1440}))});
  g.add("MatMul", "y", {row, g.constant("w", weights(Shape{1440, 33}, 0.001F))});
  std::vector<Tensor> many, few;
  const std::vector<Session::Feed> feeds = {{"x", weights(Shape{1, 12, 12, 16}, 0.1F)}};
  ASSERT_TRUE(Session(g.graph()).Run(feeds, {"y", "strided"}, &many).ok());
  Status status = Session(g.graph(), {.few_runs = true}).Run(feeds, {"y", "strided"}, &few);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(many[0].identical_to(few[0]));
  EXPECT_TRUE(many[1].identical_to(few[1]));
}

TEST(Session, SaysEveryWrongNameAtOnceWithTheNearest) {
  TestGraph g;
  g.add("Relu", "output_node", {g.placeholder("input_node", {-1, 4})});
  Session session(g.graph(), one_thread());
  std::vector<Tensor> out;

  Status status = session.Run({{"inptu_node", Tensor::scalar<float>(0)}}, {"output_nod"}, &out);

  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("did you mean 'input_node'"), std::string_view::npos) << status.message();
  EXPECT_NE(status.message().find("did you mean 'output_node'"), std::string_view::npos) << status.message();
}

TEST(Session, RefusesFeedsOfAnotherTypeOrShape) {
  TestGraph g;
  g.add("Relu", "y", {g.placeholder("x", {-1, 4})});
  Session session(g.graph(), one_thread());
  std::vector<Tensor> out;

  EXPECT_EQ(session.Run({{"x", Tensor::from<float>({1, 3}, {1, 2, 3})}}, {"y"}, &out).message(),
            "feed 'x': expects f32[?,4], got shape [1,3]");
  EXPECT_EQ(session.Run({{"x", Tensor::from<int32_t>({1, 4}, {1, 2, 3, 4})}}, {"y"}, &out).message(),
            "feed 'x': expects float, got int32");
  Tensor x = Tensor::from<float>({1, 4}, {1, 2, 3, 4});
  EXPECT_NE(session.Run({{"x", x}, {"x:0", x}}, {"y"}, &out).message().find("fed more than once"),
            std::string_view::npos);
}

TEST(Session, AsksForAPlaceholderThatIsNeededByName) {
  TestGraph g;
  g.add("Relu", "y", {g.placeholder("x", {-1, 4})});
  Session session(g.graph(), one_thread());
  std::vector<Tensor> out;

  Status status = session.Run({}, {"y"}, &out);

  EXPECT_EQ(status.message(), "you must feed a value for placeholder 'x' (f32[?,4])");
}

TEST(Session, AnyTensorMayBeFed) {
  TestGraph g;
  Wire middle = g.add("Relu", "middle", {g.placeholder("x", {2})});
  g.add("Neg", "y", {middle});
  Session session(g.graph(), one_thread());
  std::vector<Tensor> out;

  ASSERT_TRUE(session.Run({{"middle", Tensor::from<float>({2}, {-5, 5})}}, {"y"}, &out).ok());

  EXPECT_EQ(out[0].to_string(), "f32[2]{5, -5}");
}

TEST(Session, VariablesKeepTheirValueFromRunToRun) {
  TestGraph g;
  Wire v = g.variable("v", Tensor::scalar<float>(1));
  g.add("AssignAdd", "more", {v, g.scalar("two", 2)});
  Session session(g.graph(), one_thread());
  std::vector<Tensor> out;

  Status early = session.Run({}, {"v"}, &out);
  EXPECT_NE(early.message().find("Attempting to use uninitialized value v"), std::string_view::npos) << early.message();
  ASSERT_TRUE(session.Run("v/Assign").ok());
  ASSERT_TRUE(session.Run("more").ok());
  ASSERT_TRUE(session.Run("more").ok());

  EXPECT_EQ(fetch_scalar(session, "v"), 5);
  EXPECT_EQ(session.variable("v")->item<float>(), 5);
}

TEST(Session, AReadThatNoEdgeOrdersSeesTheValueFromBeforeTheRun) {
  TestGraph g;
  Wire v = g.variable("v", Tensor::scalar<float>(1));
  Wire read = g.add("Identity", "v/read", {v});
  g.add("AssignAdd", "more", {v, g.scalar("one", 1)});
  g.add("Neg", "negated", {read});
  Session session(g.graph(), one_thread());
  ASSERT_TRUE(session.Run("v/Assign").ok());
  std::vector<Tensor> out;

  ASSERT_TRUE(session.Run({}, {"negated", "v/read", "more"}, &out).ok());

  EXPECT_EQ(out[0].item<float>(), -1);
  EXPECT_EQ(out[1].item<float>(), 1);
  EXPECT_EQ(out[2].item<float>(), 2);
}

TEST(Session, AReadTakenBeforeAWriteKeepsItsValueAfterIt) {
  TestGraph g;
  Wire v = g.variable("v", Tensor::scalar<float>(1));
  Wire read = g.add("Identity", "v/read", {v});
  Wire more = g.add("AssignAdd", "more", {v, g.scalar("ten", 10)}, {}, {read.node});
  // Uses the old value, but only after the write.
  g.add("Neg", "late", {read}, {}, {more.node});
  Session session(g.graph(), one_thread());
  ASSERT_TRUE(session.Run("v/Assign").ok());

  EXPECT_EQ(fetch_scalar(session, "late"), -1);
  EXPECT_EQ(fetch_scalar(session, "v"), 11);
}

TEST(Session, AReadOrderedAfterAWriteSeesIt) {
  TestGraph g;
  Wire v = g.variable("v", Tensor::scalar<float>(1));
  Wire more = g.add("AssignAdd", "more", {v, g.scalar("ten", 10)});
  g.add("Identity", "after", {v}, {}, {more.node});
  Session session(g.graph(), one_thread());
  ASSERT_TRUE(session.Run("v/Assign").ok());

  EXPECT_EQ(fetch_scalar(session, "after"), 11);
}

TEST(Session, AConstantOrderedAfterAWriteStillBringsTheWriteAlong) {
  TestGraph g;
  Wire v = g.variable("v", Tensor::scalar<float>(1));
  Wire more = g.add("AssignAdd", "more", {v, g.scalar("ten", 10)});
  Wire late = g.add("Const", "late", {}, {{"value", Tensor::scalar<float>(7)}, {"dtype", DType::kFloat}}, {more.node});
  g.add("Neg", "y", {late});
  Session session(g.graph(), one_thread());
  ASSERT_TRUE(session.Run("v/Assign").ok());

  EXPECT_EQ(fetch_scalar(session, "y"), -7);
  EXPECT_EQ(fetch_scalar(session, "v"), 11);
}

// pred -> Switch(x) -> Neg | Relu -> Merge
struct Branches {
  TestGraph g;
  Branches() {
    Wire pred = g.placeholder("pred", {}, DType::kBool);
    Wire sw = g.add("Switch", "switch", {g.placeholder("x", {}), pred});
    Wire no = g.add("Neg", "no", {{sw.node, 0}});
    Wire yes = g.add("Square", "yes", {{sw.node, 1}});
    Wire merge = g.add("Merge", "merge", {no, yes});
    g.add("Add", "y", {merge, g.scalar("hundred", 100)});
  }
};

TEST(Session, SwitchAndMergeTakeOneBranch) {
  Branches b;
  Session session(b.g.graph(), one_thread());
  Tensor x = Tensor::scalar<float>(3);

  EXPECT_EQ(fetch_scalar(session, "y", {{"x", x}, {"pred", Tensor::scalar<bool>(true)}}), 109);
  EXPECT_EQ(fetch_scalar(session, "y", {{"x", x}, {"pred", Tensor::scalar<bool>(false)}}), 97);
  std::vector<Tensor> out;
  ASSERT_TRUE(session.Run({{"x", x}, {"pred", Tensor::scalar<bool>(true)}}, {"merge:1"}, &out).ok());
  EXPECT_EQ(out[0].item<int32_t>(), 1);
  Status dead = session.Run({{"x", x}, {"pred", Tensor::scalar<bool>(true)}}, {"no"}, &out);
  EXPECT_NE(dead.message().find("fetch 'no': its branch was not taken"), std::string_view::npos) << dead.message();
}

TEST(Session, AConstantPredicateLeavesOneBranchInTheProgram) {
  TestGraph g;
  Wire training = g.add("PlaceholderWithDefault", "training", {g.constant("off", Tensor::scalar<bool>(false))},
                        {{"shape", Shape()}});
  Wire sw = g.add("Switch", "switch", {g.placeholder("x", {}), training});
  Wire merge = g.add("Merge", "merge", {g.add("Neg", "no", {{sw.node, 0}}), g.add("Square", "yes", {{sw.node, 1}})});
  g.add("Identity", "y", {merge});
  Session session(g.graph(), one_thread());
  Tensor x = Tensor::scalar<float>(3);

  EXPECT_EQ(fetch_scalar(session, "y", {{"x", x}}), -3);
  EXPECT_EQ(fetch_scalar(session, "y", {{"x", x}, {"training", Tensor::scalar<bool>(true)}}), 9);
  auto program = session.program({{"x", x}}, {"y"}, {});
  ASSERT_TRUE(program.ok());
  EXPECT_FALSE((*program)->has_branches);
  for (const Step& step : (*program)->steps) EXPECT_NE(step.node, "yes");
}

TEST(Session, ACycleIsNamed) {
  // Only a file can hold one: see graph_def_test; here the graph refuses wires to nodes that do not exist yet.
  Graph graph;
  EXPECT_FALSE(graph.add({.name = "a", .op = "Neg", .inputs = {{0, 0}}}).ok());
}

TEST(Session, BiasAndActivationAreFusedIntoTheMatMul) {
  TestGraph g;
  Wire x = g.placeholder("x", {-1, 2});
  Wire w = g.constant("w", Tensor::from<float>({2, 2}, {1, 2, 3, 4}));
  Wire sum =
      g.add("BiasAdd", "sum", {g.add("MatMul", "product", {x, w}), g.constant("b", Tensor::from<float>({2}, {-5, 1}))});
  g.add("Relu", "y", {sum});
  Session session(g.graph(), one_thread());
  Tensor row = Tensor::from<float>({1, 2}, {1, 1});
  std::vector<Tensor> out;

  ASSERT_TRUE(session.Run({{"x", row}}, {"y"}, &out).ok());

  EXPECT_EQ(out[0].to_string(), "f32[1,2]{0, 7}");
  EXPECT_EQ((*session.program({{"x", row}}, {"y"}, {}))->stats.fused_nodes, 2);
  // A fetched intermediate must exist by itself.
  ASSERT_TRUE(session.Run({{"x", row}}, {"y", "product"}, &out).ok());
  EXPECT_EQ(out[1].to_string(), "f32[1,2]{4, 6}");
}

TEST(Session, ManyThreadsRunOneSession) {
  TestGraph g;
  Wire v = g.variable("v", Tensor::scalar<float>(0));
  g.add("AssignAdd", "more", {v, g.scalar("one", 1)});
  g.add("Square", "y", {g.placeholder("x", {-1})});
  SessionOptions options;
  options.threads = 2;
  Session session(g.graph(), options);
  ASSERT_TRUE(session.Run("v/Assign").ok());
  constexpr int kThreads = 8, kRuns = 50;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Tensor> out;
      for (int r = 0; r < kRuns; ++r) {
        Tensor x = Tensor::from<float>({1}, {static_cast<float>(t + r)});
        if (!session.Run("more").ok() || !session.Run({{"x", x}}, {"y"}, &out).ok()) ++wrong;
        if (out[0].item<float>() != static_cast<float>((t + r) * (t + r))) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(fetch_scalar(session, "v"), kThreads * kRuns);
}

}  // namespace
}  // namespace tarn
