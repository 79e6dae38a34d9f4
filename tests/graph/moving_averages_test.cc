#include "graph/moving_averages.h"

#include <gtest/gtest.h>

#include <functional>

#include "graph/graph_io.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tests/graph/graph_lines.h"
#include "tests/graph/line_model.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

using testing::graph_lines;
using testing::one_thread;
using Lines = std::vector<std::string>;

constexpr double kTolerance = 1e-5;  // a few float operations a step on values near 1

class MovingAverages : public testing::LineModel {
 protected:
  // Five steps; what the average of w is to be after each.
  void expect_average(const Operation& train_and_average, const std::function<double(int step)>& decay) {
    start();
    if (HasFatalFailure()) return;
    double at_w = 0.5, at_b = 0.25, average = 0.5;
    EXPECT_NEAR(value("w/ExponentialMovingAverage"), average, 0) << "starts where the variable does";
    for (int i = 0; i < 5; ++i) {
      step(train_and_average);
      Gradient g = gradient(at_w, at_b);
      at_w -= 0.1 * g.w;
      at_b -= 0.1 * g.b;
      average = decay(i) * average + (1 - decay(i)) * at_w;
      EXPECT_NEAR(value("w"), at_w, kTolerance) << "step " << i;
      EXPECT_NEAR(value("w/ExponentialMovingAverage"), average, kTolerance) << "step " << i;
    }
  }
};

TEST_F(MovingAverages, FollowTheVariablesAfterTheStep) {
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss);
  ExponentialMovingAverage ema(0.8f);

  Operation both = ema.Apply(root.WithControlDependencies({train}));

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(both.name(), "ExponentialMovingAverage");
  expect_average(both, [](int) { return 0.8; });
}

TEST_F(MovingAverages, FollowSoonerWhileThereAreFewUpdates) {
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss, {.global_step = global_step.ref});
  ExponentialMovingAverage ema(0.3f, {.num_updates = global_step.ref});

  Operation both = ema.Apply(root.WithControlDependencies({train}));

  // The step counts before its average is taken.
  expect_average(both, [](int i) { return std::min(0.3, (2.0 + i) / (11.0 + i)); });
}

// The same where variables are behind handles: `w.ref` and `global_step.ref` are read when their turn comes.
class MovingAveragesOfResources : public MovingAverages {
 protected:
  MovingAveragesOfResources() { root = Scope::NewRootScope().WithResourceVariables(); }
};

TEST_F(MovingAveragesOfResources, FollowTheVariablesAfterTheStep) {
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss);
  ExponentialMovingAverage ema(0.8f);

  Operation both = ema.Apply(root.WithControlDependencies({train}));

  expect_average(both, [](int) { return 0.8; });
}

TEST_F(MovingAveragesOfResources, FollowSoonerWhileThereAreFewUpdates) {
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss, {.global_step = global_step.ref});
  ExponentialMovingAverage ema(0.3f, {.num_updates = global_step.ref});

  Operation both = ema.Apply(root.WithControlDependencies({train}));

  expect_average(both, [](int i) { return std::min(0.3, (2.0 + i) / (11.0 + i)); });
}

TEST_F(MovingAveragesOfResources, AreAssignedFromHandles) {
  ModelVariable average = CreateVariable(root.WithOpName("average"), Input({{4.0f}}), {.trainable = false});
  ModelVariable decay = CreateVariable(root.WithOpName("decay"), Input(0.75f), {.trainable = false});

  Operation move = AssignMovingAverage(root, average, w.ref, decay.ref);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  start();
  Status status = session->Run(move.name());
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_NEAR(value("average"), 0.75 * 4 + 0.25 * 0.5, kTolerance);
}

TEST_F(MovingAverages, WriteTensorFlowsNodes) {
  ExponentialMovingAverage ema(0.9f);

  ema.Apply(root, {w.ref});

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Lines lines = graph_lines(root.graph(), {"ExponentialMovingAverage"});
  EXPECT_EQ(lines,
            (Lines{"Const ExponentialMovingAverage/decay", "Const ExponentialMovingAverage/AssignMovingAvg/sub/x",
                   "Sub ExponentialMovingAverage/AssignMovingAvg/sub <- ExponentialMovingAverage/AssignMovingAvg/sub/x "
                   "ExponentialMovingAverage/decay",
                   "Sub ExponentialMovingAverage/AssignMovingAvg/sub_1 <- w/ExponentialMovingAverage/read w",
                   "Mul ExponentialMovingAverage/AssignMovingAvg/mul <- ExponentialMovingAverage/AssignMovingAvg/sub_1 "
                   "ExponentialMovingAverage/AssignMovingAvg/sub",
                   "AssignSub ExponentialMovingAverage/AssignMovingAvg <- w/ExponentialMovingAverage "
                   "ExponentialMovingAverage/AssignMovingAvg/mul",
                   "NoOp ExponentialMovingAverage <- ^ExponentialMovingAverage/AssignMovingAvg"}));
  EXPECT_EQ(node("w/ExponentialMovingAverage").attrs.get<Lines>("_class"), Lines{"loc:@w"});
  EXPECT_EQ(root.collections().node_names(kMovingAverageVariables), Lines{"w"});
  EXPECT_EQ(root.collections().trainable_variables().size(), 2u);
}

TEST_F(MovingAverages, AreMadeOnce) {
  ExponentialMovingAverage ema(0.9f);
  ema.Apply(root, {w.ref});
  ema.Apply(root, {w.ref, b.ref});

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(ema.Average(w.ref).ref.name(), "w/ExponentialMovingAverage:0");
  EXPECT_EQ(ema.AverageName(b.ref), "b/ExponentialMovingAverage");
  EXPECT_EQ(root.collections().variables().size(), 4u);
  EXPECT_TRUE(ema.Average(loss).ref.is_none());
  EXPECT_EQ(ema.AverageName(loss), "loss/ExponentialMovingAverage");
}

// Initialised after its variable got another value, the average takes that one: so does one that is new to a model out
// of a checkpoint.
TEST_F(MovingAverages, StartFromTheVariablesValueIfItHasOne) {
  Operation init = GlobalVariablesInitializer(root);
  Operation grow = ops::Assign(root, w.ref, {{7.0f}});
  ExponentialMovingAverage ema(0.9f);
  ema.Apply(root);
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  session = std::make_unique<Session>(root, one_thread());

  ASSERT_TRUE(session->Run(init.name()).ok());
  ASSERT_TRUE(session->Run(grow.name()).ok());
  Status status = session->Run(ema.Average(w.ref).initializer.name());

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(value("w/ExponentialMovingAverage"), 7);
}

TEST_F(MovingAverages, StartFromTheOutputThatTheVariableStartsFrom) {
  Operation halves = AddNode(root.WithOpName("halves"), "Split", {0, std::vector<float>{3, 8}}, {{"num_split", 2}});
  ModelVariable second = CreateVariable(root.WithOpName("second"), halves.output(1), {.trainable = false});

  ExponentialMovingAverage(0.9f).Apply(root, {second.ref});

  start();
  EXPECT_EQ(session->variable("second/ExponentialMovingAverage")->to_string(), "f32[1]{8}");
}

// The average of values that differ from step to step; with zero_debias it is their weighted mean from the first on.
TEST_F(MovingAverages, OfValuesStartAtZeroUnlessDebiased) {
  Output fed = ops::Placeholder(root.WithOpName("fed"), DT_FLOAT, ops::Placeholder::Shape({}));
  ExponentialMovingAverage plain(0.75f, {.name = "plain"}), debiased(0.75f, {.zero_debias = true, .name = "debiased"});
  Operation apply = plain.Apply(root, {fed}), apply_debiased = debiased.Apply(root, {fed});
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  start();

  double sum = 0, weights = 0;
  for (float x : {3.0f, -1.0f, 4.0f, 10.0f}) {
    std::vector<Tensor> none;
    Status status = session->Run({{"fed", Tensor::scalar(x)}}, {}, {apply.name(), apply_debiased.name()}, &none);
    ASSERT_TRUE(status.ok()) << status.to_string();
    sum = 0.75 * sum + 0.25 * x;
    weights = 0.75 * weights + 0.25;
    EXPECT_NEAR(value("fed/plain"), sum, kTolerance);
    EXPECT_NEAR(value("fed/debiased"), sum / weights, kTolerance);
    EXPECT_NEAR(value("fed/debiased/biased"), sum, kTolerance);
  }
  EXPECT_EQ(value("fed/debiased/local_step"), 4);
}

TEST_F(MovingAverages, BecomeTheValuesWhenRestored) {
  TempDir folder;
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss);
  ExponentialMovingAverage ema(0.8f);
  Operation both = ema.Apply(root.WithControlDependencies({train}));
  Saver saver(root);
  start();
  for (int i = 0; i < 3; ++i) step(both);
  Result<std::string> saved = saver.Save(*session, folder.file("model.ckpt"));
  ASSERT_TRUE(saved.ok()) << saved.status().to_string();
  Result<MetaGraph> meta = read_meta_graph(*saved + ".meta", {});
  ASSERT_TRUE(meta.ok()) << meta.status().to_string();
  EXPECT_EQ(meta->collections.node_names(kMovingAverageVariables), (Lines{"w", "b"}));
  const double averages[] = {value("w/ExponentialMovingAverage"), value("b/ExponentialMovingAverage")};

  // The model alone, as an evaluation builds it.
  root = Scope::NewRootScope();
  SetUp();
  std::map<std::string, Output> names = ExponentialMovingAverage(0.8f).VariablesToRestore(root);
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names["w/ExponentialMovingAverage"], w.ref);
  Saver averaged(root, {.var_map = names});
  start();
  Status status = averaged.Restore(*session, *saved);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(value("w"), averages[0]);
  EXPECT_EQ(value("b"), averages[1]);
}

TEST_F(MovingAverages, LeaveOtherVariablesToThemselves) {
  GetOrCreateGlobalStep(root);
  ModelVariable extra = CreateVariable(root.WithOpName("extra"), Input({1.0f}), {.trainable = false});
  ExponentialMovingAverage ema(0.8f);
  ema.Apply(root, {w.ref, extra.ref});
  Lines names;
  for (const auto& [name, variable] : ema.VariablesToRestore(root))
    names.push_back(name + " -> " + variable.op().name());

  EXPECT_EQ(names, (Lines{"b/ExponentialMovingAverage -> b", "extra/ExponentialMovingAverage -> extra",
                          "global_step -> global_step", "w/ExponentialMovingAverage -> w"}));
}

TEST_F(MovingAverages, SayWhatHasNoAverage) {
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  ExponentialMovingAverage(0.9f).Apply(root, {global_step.ref});
  EXPECT_EQ(root.status().message(),
            "ExponentialMovingAverage: only floating values have averages, not 'global_step:0', ref(i64[])");

  Scope bare = Scope::NewRootScope();
  ExponentialMovingAverage(0.9f).Apply(bare);
  EXPECT_EQ(bare.status().message(),
            "ExponentialMovingAverage: the graph has no trainable variables and none were given");
}

}  // namespace
}  // namespace tarn
