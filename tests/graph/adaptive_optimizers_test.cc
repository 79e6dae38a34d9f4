// Adagrad, RMSProp, Adadelta and Ftrl against their formulas in double, and TensorFlow 1.15's defaults and slots.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graph/optimizers.h"
#include "tests/graph/graph_lines.h"
#include "tests/graph/line_model.h"

namespace tarn {
namespace {

using testing::graph_lines;
using Lines = std::vector<std::string>;

// A few float operations a step on values near 1: 1e-5 is about 80 roundings.
constexpr double kTolerance = 1e-5;

// One weight in double: its slots, and how a gradient moves it.
struct Weight {
  double w;
  double first, second = 0, third = 0;
};
using Rule = std::function<void(Weight&, double gradient)>;

class AdaptiveOptimizers : public testing::LineModel {
 protected:
  // Five steps of w and b; `slots` are `w`'s, in the order first, second, third.
  void expect_follows(const Optimizer& optimizer, double initial_first, const Rule& rule, const Lines& slots) {
    Operation train = optimizer.Minimize(root, loss);
    start();
    if (HasFatalFailure()) return;
    Weight at_w{0.5, initial_first}, at_b{0.25, initial_first};
    for (int i = 0; i < 5; ++i) {
      step(train);
      Gradient g = gradient(at_w.w, at_b.w);
      rule(at_w, g.w);
      rule(at_b, g.b);
      EXPECT_NEAR(value("w"), at_w.w, kTolerance) << "step " << i;
      EXPECT_NEAR(value("b"), at_b.w, kTolerance) << "step " << i;
      const double expected[] = {at_w.first, at_w.second, at_w.third};
      for (size_t s = 0; s < slots.size(); ++s) {
        EXPECT_NEAR(value(slots[s]), expected[s], kTolerance * (1 + std::abs(expected[s])))
            << slots[s] << " step " << i;
      }
    }
  }

  Lines variables() const {
    Lines names;
    for (const VariableRecord& record : root.collections().variables()) names.push_back(record.variable);
    return names;
  }
};

TEST_F(AdaptiveOptimizers, AdagradDividesByTheRootOfAllSquares) {
  expect_follows(AdagradOptimizer(0.3f), 0.1,
                 [](Weight& v, double g) {
                   v.first += g * g;
                   v.w -= 0.3 * g / std::sqrt(v.first);
                 },
                 {"w/Adagrad"});
}

TEST_F(AdaptiveOptimizers, RMSPropStartsItsMeanSquareAtOne) {
  expect_follows(RMSPropOptimizer(0.05f, {.decay = 0.8f, .momentum = 0.5f}), 1,
                 [](Weight& v, double g) {
                   v.first = 0.8 * v.first + 0.2 * g * g;
                   v.second = 0.5 * v.second + 0.05 * g / std::sqrt(v.first + 1e-10);
                   v.w -= v.second;
                 },
                 {"w/RMSProp", "w/RMSProp_1"});
}

TEST_F(AdaptiveOptimizers, CenteredRMSPropDividesByTheDeviation) {
  expect_follows(RMSPropOptimizer(0.05f, {.decay = 0.8f, .momentum = 0.5f, .centered = true}), 1,
                 [](Weight& v, double g) {
                   v.first = 0.8 * v.first + 0.2 * g * g;
                   v.second = 0.8 * v.second + 0.2 * g;
                   v.third = 0.5 * v.third + 0.05 * g / std::sqrt(v.first - v.second * v.second + 1e-10);
                   v.w -= v.third;
                 },
                 {"w/RMSProp", "w/RMSProp_1", "w/RMSProp_2"});
}

TEST_F(AdaptiveOptimizers, AdadeltaTakesItsStepFromThePastOnes) {
  expect_follows(AdadeltaOptimizer(1.0f, 0.9f, 1e-3f), 0,
                 [](Weight& v, double g) {
                   v.first = 0.9 * v.first + 0.1 * g * g;
                   double update = g * std::sqrt(v.second + 1e-3) / std::sqrt(v.first + 1e-3);
                   v.second = 0.9 * v.second + 0.1 * update * update;
                   v.w -= update;
                 },
                 {"w/Adadelta", "w/Adadelta_1"});
}

// McMahan et al. 2013, algorithm 1, with `shrink` * 2 * w added to the gradient that linear takes.
Rule ftrl(double rate, double power, double l1, double l2, double shrink) {
  return [=](Weight& v, double g) {
    double accum = v.first + g * g;
    double sigma = (std::pow(accum, -power) - std::pow(v.first, -power)) / rate;
    v.second += g + 2 * shrink * v.w - sigma * v.w;
    v.first = accum;
    double sign = v.second > 0 ? 1 : -1;
    v.w = std::abs(v.second) <= l1 ? 0 : (sign * l1 - v.second) / (std::pow(accum, -power) / rate + 2 * l2);
  };
}

TEST_F(AdaptiveOptimizers, FtrlFollowsTheRegularizedLeader) {
  expect_follows(FtrlOptimizer(0.3f), 0.1, ftrl(0.3, -0.5, 0, 0, 0), {"w/Ftrl", "w/Ftrl_1"});

  EXPECT_EQ(node("Ftrl/update_w/ApplyFtrl").op, "ApplyFtrl");
}

TEST_F(AdaptiveOptimizers, FtrlTakesItsPenalties) {
  FtrlOptions options{.learning_rate_power = -0.7,
                      .initial_accumulator_value = 0.5,
                      .l1_regularization_strength = 0.2,
                      .l2_regularization_strength = 0.1,
                      .l2_shrinkage_regularization_strength = 0.05};
  expect_follows(FtrlOptimizer(0.3f, options), 0.5, ftrl(0.3, -0.7, 0.2, 0.1, 0.05), {"w/Ftrl", "w/Ftrl_1"});

  EXPECT_EQ(node("Ftrl/update_w/ApplyFtrlV2").op, "ApplyFtrlV2");
}

TEST_F(AdaptiveOptimizers, CallSlotsAndNumbersAsTensorFlowDoes) {
  struct Case {
    std::string name;
    std::shared_ptr<Optimizer> optimizer;
    Lines slots, numbers;
  };
  const std::vector<Case> cases = {
      {"Adagrad", std::make_shared<AdagradOptimizer>(0.1f), {"Adagrad"}, {"learning_rate"}},
      {"RMSProp",
       std::make_shared<RMSPropOptimizer>(0.1f),
       {"RMSProp", "RMSProp_1"},
       {"learning_rate", "decay", "momentum", "epsilon"}},
      {"RMSProp",
       std::make_shared<RMSPropOptimizer>(0.1f, RMSPropOptions{.centered = true}),
       {"RMSProp", "RMSProp_1", "RMSProp_2"},
       {"learning_rate", "decay", "momentum", "epsilon"}},
      {"Adadelta", std::make_shared<AdadeltaOptimizer>(), {"Adadelta", "Adadelta_1"}, {"lr", "rho", "epsilon"}},
      {"Ftrl",
       std::make_shared<FtrlOptimizer>(0.1f),
       {"Ftrl", "Ftrl_1"},
       {"learning_rate", "l1_regularization_strength", "l2_regularization_strength", "learning_rate_power"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    root = Scope::NewRootScope();
    SetUp();
    Operation train = c.optimizer->Minimize(root, loss);

    ASSERT_TRUE(root.ok()) << root.status().to_string();
    EXPECT_EQ(train.name(), c.name);
    Lines expected = {"w", "b"};
    for (const char* variable : {"w/", "b/"}) {
      for (const std::string& slot : c.slots) expected.push_back(variable + slot);
    }
    EXPECT_EQ(variables(), expected);
    EXPECT_EQ(root.collections().trainable_variables().size(), 2u);
    for (const std::string& number : c.numbers) EXPECT_EQ(node(c.name + "/" + number).op, "Const") << number;
  }
}

TEST_F(AdaptiveOptimizers, SayWhichNumberIsOutOfRange) {
  AdagradOptimizer(0.1f, 0).Minimize(root, loss);
  EXPECT_EQ(root.status().message(), "Adagrad: initial_accumulator_value must be positive, is 0");

  root = Scope::NewRootScope();
  SetUp();
  FtrlOptimizer(0.1f, {.learning_rate_power = 0.5}).Minimize(root, loss);
  EXPECT_EQ(root.status().message(), "Ftrl: learning_rate_power must be 0 or below, is 0.5");

  root = Scope::NewRootScope();
  SetUp();
  FtrlOptimizer(0.1f, {.l1_regularization_strength = NAN}).Minimize(root, loss);
  EXPECT_EQ(root.status().message(), "Ftrl: l1_regularization_strength must be 0 or above, is nan");
}

TEST_F(AdaptiveOptimizers, TakeFloatRatesForDoubleVariables) {
  Scope scope = Scope::NewRootScope();
  ModelVariable v = CreateVariable(scope.WithOpName("v"), Input({1.0, 2.0}));
  Output rate = ops::Placeholder(scope.WithOpName("rate"), DT_FLOAT, ops::Placeholder::Shape({}));
  Output squares = ops::Sum(scope, ops::Square(scope, v.read), 0);

  AdagradOptimizer(rate).Minimize(scope, squares);

  ASSERT_TRUE(scope.ok()) << scope.status().to_string();
  EXPECT_EQ(graph_lines(scope.graph(), {"Adagrad/Cast"}), Lines{"Cast Adagrad/Cast <- rate"});
}

}  // namespace
}  // namespace tarn
