#include "graph/optimizers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/gradients.h"
#include "graph/layers.h"
#include "tests/graph/graph_lines.h"
#include "tests/graph/line_model.h"

namespace tarn {
namespace {

using testing::graph_lines;
using Lines = std::vector<std::string>;

using testing::one_thread;

class Optimizers : public testing::LineModel {};

// A few float operations a step on values near 1: 1e-5 is about 80 roundings.
constexpr double kTolerance = 1e-5;

TEST_F(Optimizers, GradientDescentWritesTensorFlowsNodes) {
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(train.type(), "NoOp");
  EXPECT_EQ(root.collections().node_names(kTrainOp), Lines{"GradientDescent"});
  Lines lines = graph_lines(root.graph(), {"GradientDescent"});
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0], "Const GradientDescent/learning_rate");
  // Every gradient comes before the first update.
  EXPECT_EQ(node("GradientDescent/group_deps").controls.size(), 2u) << lines[1];
  EXPECT_TRUE(
      lines[2].starts_with("ApplyGradientDescent GradientDescent/update_w/ApplyGradientDescent <- w "
                           "GradientDescent/learning_rate gradients/MatMul_grad/"))
      << lines[2];
  for (int update : {2, 3}) {
    EXPECT_TRUE(lines[static_cast<size_t>(update)].ends_with(" ^GradientDescent/group_deps"));
  }
  EXPECT_EQ(lines[4],
            "NoOp GradientDescent <- ^GradientDescent/update_w/ApplyGradientDescent "
            "^GradientDescent/update_b/ApplyGradientDescent");
}

TEST_F(Optimizers, GradientDescentStepsDownTheGradient) {
  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss);
  start();
  double at_w = 0.5, at_b = 0.25;

  for (int i = 0; i < 5; ++i) {
    step(train);
    Gradient g = gradient(at_w, at_b);
    at_w -= 0.1 * g.w;
    at_b -= 0.1 * g.b;
    EXPECT_NEAR(value("w"), at_w, kTolerance) << "step " << i;
    EXPECT_NEAR(value("b"), at_b, kTolerance) << "step " << i;
  }
}

TEST_F(Optimizers, MomentumKeepsAnAverageInItsSlot) {
  for (bool nesterov : {false, true}) {
    root = Scope::NewRootScope();
    SetUp();
    Operation train = MomentumOptimizer(0.05f, 0.9f, nesterov).Minimize(root, loss);
    start();
    double at_w = 0.5, at_b = 0.25, accumulated_w = 0, accumulated_b = 0;

    for (int i = 0; i < 5; ++i) {
      step(train);
      Gradient g = gradient(at_w, at_b);
      accumulated_w = 0.9 * accumulated_w + g.w;
      accumulated_b = 0.9 * accumulated_b + g.b;
      at_w -= 0.05 * (nesterov ? g.w + 0.9 * accumulated_w : accumulated_w);
      at_b -= 0.05 * (nesterov ? g.b + 0.9 * accumulated_b : accumulated_b);
      EXPECT_NEAR(value("w"), at_w, kTolerance) << "nesterov " << nesterov << " step " << i;
      EXPECT_NEAR(value("w/Momentum"), accumulated_w, kTolerance * 10) << "values near 10";
      EXPECT_NEAR(value("b"), at_b, kTolerance) << "nesterov " << nesterov << " step " << i;
    }
    EXPECT_EQ(node("Momentum/update_w/ApplyMomentum").attrs.get<bool>("use_nesterov"), nesterov);
  }
}

TEST_F(Optimizers, AdamFollowsItsPaperAndCountsSteps) {
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  Operation train = AdamOptimizer(0.01f).Minimize(root, loss, {.global_step = global_step.ref});
  start();
  double at_w = 0.5, at_b = 0.25;
  double m_w = 0, v_w = 0, m_b = 0, v_b = 0;

  for (int t = 1; t <= 5; ++t) {
    step(train);
    Gradient g = gradient(at_w, at_b);
    auto move = [&](double& at, double& m, double& v, double gradient_at) {
      m = 0.9 * m + 0.1 * gradient_at;
      v = 0.999 * v + 0.001 * gradient_at * gradient_at;
      double rate = 0.01 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t));
      at -= rate * m / (std::sqrt(v) + 1e-8);
    };
    move(at_w, m_w, v_w, g.w);
    move(at_b, m_b, v_b, g.b);
    EXPECT_NEAR(value("w"), at_w, kTolerance) << "step " << t;
    EXPECT_NEAR(value("b"), at_b, kTolerance) << "step " << t;
    EXPECT_NEAR(value("beta1_power"), std::pow(0.9, t + 1), kTolerance);
    EXPECT_NEAR(value("beta2_power"), std::pow(0.999, t + 1), kTolerance);
    EXPECT_EQ(session->variable("global_step")->item<int64_t>(), t);
  }
}

TEST_F(Optimizers, TakeTheirRateByItsHandle) {
  ModelVariable rate =
      CreateVariable(root.WithOpName("rate"), Input(0.25f), {.trainable = false, .use_resource = true});
  Operation train = GradientDescentOptimizer(rate.ref).Minimize(root, loss);
  start();

  step(train);

  EXPECT_NEAR(value("w"), 0.5 - 0.25 * gradient(0.5, 0.25).w, kTolerance);
}

TEST_F(Optimizers, AdamsVariablesAreOfTheKindOfThoseItMoves) {
  AdamOptimizer(0.01f).Minimize(root.WithResourceVariables(), loss);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  ASSERT_EQ(root.collections().variables().size(), 8u);
  for (const VariableRecord& record : root.collections().variables()) {
    EXPECT_EQ(node(record.variable).op, "VariableV2") << record.variable;
  }
}

TEST_F(Optimizers, AdamWritesTensorFlowsNodesAndSlots) {
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  Operation train = AdamOptimizer(1e-4f).Minimize(root, loss, {.global_step = global_step.ref});

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Lines variables;
  for (const VariableRecord& record : root.collections().variables()) variables.push_back(record.variable);
  EXPECT_EQ(variables,
            (Lines{"w", "b", "global_step", "beta1_power", "beta2_power", "w/Adam", "w/Adam_1", "b/Adam", "b/Adam_1"}));
  EXPECT_EQ(root.collections().trainable_variables().size(), 2u);
  EXPECT_EQ(
      graph_lines(root.graph(), {"beta1_power", "w/Adam"}),
      (Lines{"Const beta1_power/initial_value", "VariableV2 beta1_power",
             "Assign beta1_power/Assign <- beta1_power beta1_power/initial_value",
             "Identity beta1_power/read <- beta1_power", "Const w/Adam/Initializer/zeros", "VariableV2 w/Adam",
             "Assign w/Adam/Assign <- w/Adam w/Adam/Initializer/zeros", "Identity w/Adam/read <- w/Adam",
             "Const w/Adam_1/Initializer/zeros", "VariableV2 w/Adam_1",
             "Assign w/Adam_1/Assign <- w/Adam_1 w/Adam_1/Initializer/zeros", "Identity w/Adam_1/read <- w/Adam_1"}));
  Lines lines = graph_lines(root.graph(), {"Adam"});
  EXPECT_EQ(lines.back(), "AssignAdd Adam <- global_step Adam/value");
  EXPECT_EQ(train.name(), "Adam");
  const std::string updates = " ^Adam/update_w/ApplyAdam ^Adam/update_b/ApplyAdam";
  EXPECT_EQ(
      (Lines(lines.end() - 7, lines.end() - 1)),
      (Lines{"Mul Adam/mul <- beta1_power/read Adam/beta1" + updates, "Assign Adam/Assign <- beta1_power Adam/mul",
             "Mul Adam/mul_1 <- beta2_power/read Adam/beta2" + updates,
             "Assign Adam/Assign_1 <- beta2_power Adam/mul_1",
             "NoOp Adam/update <-" + updates + " ^Adam/Assign ^Adam/Assign_1", "Const Adam/value <- ^Adam/update"}));
  EXPECT_EQ(node("beta1_power").attrs.get<Lines>("_class"), Lines{"loc:@b"});
  EXPECT_EQ(node("w/Adam").attrs.get<Lines>("_class"), Lines{"loc:@w"});
  EXPECT_EQ(node("w/Adam").outputs[0].to_string(), "ref(f32[1,1])");
}

TEST_F(Optimizers, LearningRateMayBeAnyValue) {
  Output rate = ops::Placeholder(root.WithOpName("rate"), DT_FLOAT, ops::Placeholder::Shape({}));

  GradientDescentOptimizer(rate).Minimize(root.WithOpName("train"), loss);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(node("train/update_w/ApplyGradientDescent").inputs[1], rate.wire());
}

TEST_F(Optimizers, NumbersTakeTheVariablesType) {
  Scope scope = Scope::NewRootScope();
  ModelVariable v = CreateVariable(scope.WithOpName("v"), Input({1.0, 2.0}));
  Output square = ops::Sum(scope, ops::Square(scope, v.read), 0);

  AdamOptimizer(0.1f).Minimize(scope, square);

  EXPECT_TRUE(scope.ok()) << scope.status().to_string();
}

TEST_F(Optimizers, OnlyTheGivenVariablesMove) {
  GradientDescentOptimizer(0.1f).Minimize(root, loss, {.var_list = {b.ref}});

  EXPECT_FALSE(root.graph().find("GradientDescent/update_w/ApplyGradientDescent").has_value());
  EXPECT_TRUE(root.graph().find("GradientDescent/update_b/ApplyGradientDescent").has_value());
}

TEST_F(Optimizers, VariablesThatTheLossDoesNotNeedStay) {
  CreateVariable(root.WithOpName("idle"), Input({1.0f}));

  GradientDescentOptimizer(0.1f).Minimize(root, loss);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_FALSE(root.graph().find("GradientDescent/update_idle/ApplyGradientDescent").has_value());
}

TEST_F(Optimizers, SayWhyNothingCanMove) {
  ModelVariable idle = CreateVariable(root.WithOpName("idle"), Input({1.0f}));

  Operation train = GradientDescentOptimizer(0.1f).Minimize(root, loss, {.var_list = {idle.ref}});

  EXPECT_TRUE(train.is_none());
  EXPECT_EQ(root.status().message(), "GradientDescent: the loss depends on none of the variables idle");

  Scope bare = Scope::NewRootScope();
  auto y = ops::Placeholder(bare.WithOpName("y"), DT_FLOAT);
  AdamOptimizer().Minimize(bare, y);
  EXPECT_EQ(bare.status().message(), "Adam: the graph has no trainable variables and none were given");
}

TEST_F(Optimizers, RunTheMovingAveragesOfBatchNorms) {
  Scope scope = Scope::NewRootScope();
  auto input = ops::Placeholder(scope.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 1}));
  Output normal = layers::BatchNorm(scope.WithOpName("bn"), input, true, {.momentum = 0.5});
  Output squares = losses::MeanSquaredError(scope, ops::Const(scope, {{1.0f}, {2.0f}}), normal);
  Operation train = GradientDescentOptimizer(0.1f).Minimize(scope, squares);
  Operation without =
      GradientDescentOptimizer(0.1f).Minimize(scope.WithOpName("without"), squares, {.run_update_ops = false});
  Operation init = GlobalVariablesInitializer(scope);
  ASSERT_TRUE(scope.ok()) << scope.status().to_string();
  Session s(scope.shared_graph(), one_thread());
  ASSERT_TRUE(s.Run(init.name()).ok());
  std::vector<Tensor> none;
  std::vector<Session::Feed> feeds{{"x", Tensor::from<float>({2, 1}, {1, 5})}};

  ASSERT_TRUE(s.Run(feeds, {}, {without.name()}, &none).ok());
  EXPECT_EQ(s.variable("bn/moving_mean")->item<float>(), 0);

  Status status = s.Run(feeds, {}, {train.name()}, &none);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_NEAR(s.variable("bn/moving_mean")->item<float>(), 0.5 * 3, kTolerance);
  // The variance that is averaged has Bessel's correction: ((1-3)^2 + (5-3)^2) / (2 - 1) = 8.
  EXPECT_NEAR(s.variable("bn/moving_variance")->item<float>(), 0.5 * 1 + 0.5 * 8, kTolerance);
}

}  // namespace
}  // namespace tarn
