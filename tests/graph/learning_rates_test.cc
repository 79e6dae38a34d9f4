// Every schedule against its formula in double, over the steps where something changes.
#include "graph/learning_rates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "graph/ops.h"
#include "graph/session.h"
#include "graph/variables.h"

namespace tarn {
namespace {

// float32: pow and cos of arguments up to some tens, rounded a few times.
constexpr double kTolerance = 2e-6;

using Build = std::function<Output(const Scope&, const Output& step)>;
using Formula = std::function<double(double step)>;

struct Case {
  std::string name;  // of the result, where the scope has none
  Build build;
  Formula formula;
};

double cosine(double progress) {
  return 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

// Walks the periods one by one.
double restarts(double step, double first, double t_mul, double m_mul, double alpha) {
  double length = first, height = 1;
  while (step >= length) {
    step -= length;
    length *= t_mul;
    height *= m_mul;
  }
  return (1 - alpha) * height * cosine(step / length) + alpha;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"ExponentialDecay", [](const Scope& s, const Output& step) { return ExponentialDecay(s, 0.1f, step, 7, 0.8f); },
       [](double step) { return 0.1 * std::pow(0.8, step / 7); }},
      {"ExponentialDecay",
       [](const Scope& s, const Output& step) { return ExponentialDecay(s, 0.1f, step, 7, 0.8f, true); },
       [](double step) { return 0.1 * std::pow(0.8, std::floor(step / 7)); }},
      {"ExponentialDecay", [](const Scope& s, const Output& step) { return NaturalExpDecay(s, 0.1f, step, 7, 0.3f); },
       [](double step) { return 0.1 * std::exp(-0.3 * step / 7); }},
      {"ExponentialDecay",
       [](const Scope& s, const Output& step) { return NaturalExpDecay(s, 0.1f, step, 7, 0.3f, true); },
       [](double step) { return 0.1 * std::exp(-0.3 * std::floor(step / 7)); }},
      {"InverseTimeDecay", [](const Scope& s, const Output& step) { return InverseTimeDecay(s, 0.1f, step, 7, 0.5f); },
       [](double step) { return 0.1 / (1 + 0.5 * step / 7); }},
      {"InverseTimeDecay",
       [](const Scope& s, const Output& step) { return InverseTimeDecay(s, 0.1f, step, 7, 0.5f, true); },
       [](double step) { return 0.1 / (1 + 0.5 * std::floor(step / 7)); }},
      {"PiecewiseConstant",
       [](const Scope& s, const Output& step) {
         return PiecewiseConstant(s, step, {7, 20}, {1.0, 0.5, 0.1});
       },
       [](double step) { return step <= 7    ? 1
                                : step <= 20 ? 0.5
                                             : 0.1; }},
      {"PolynomialDecay", [](const Scope& s, const Output& step) { return PolynomialDecay(s, 0.1f, step, 20); },
       [](double step) { return (0.1 - 0.0001) * (1 - std::min(step, 20.0) / 20) + 0.0001; }},
      {"PolynomialDecay",
       [](const Scope& s, const Output& step) {
         return PolynomialDecay(s, 0.1f, step, 20, {.end_learning_rate = 0.01f, .power = 0.5f});
       },
       [](double step) { return (0.1 - 0.01) * std::sqrt(1 - std::min(step, 20.0) / 20) + 0.01; }},
      {"PolynomialDecay",
       [](const Scope& s, const Output& step) {
         return PolynomialDecay(s, 0.1f, step, 7, {.end_learning_rate = 0.01f, .power = 2.0f, .cycle = true});
       },
       [](double step) {
         double left = 1 - step / (7 * std::max(1.0, std::ceil(step / 7)));
         return (0.1 - 0.01) * left * left + 0.01;
       }},
      {"CosineDecay", [](const Scope& s, const Output& step) { return CosineDecay(s, 0.1f, step, 20); },
       [](double step) { return 0.1 * cosine(std::min(step, 20.0) / 20); }},
      {"CosineDecay", [](const Scope& s, const Output& step) { return CosineDecay(s, 0.1f, step, 20, 0.2); },
       [](double step) { return 0.1 * (0.8 * cosine(std::min(step, 20.0) / 20) + 0.2); }},
      {"SGDRDecay",
       [](const Scope& s, const Output& step) {
         return CosineDecayRestarts(s, 0.1f, step, 7, {.t_mul = 1, .m_mul = 0.5, .alpha = 0.1});
       },
       [](double step) { return 0.1 * restarts(step, 7, 1, 0.5, 0.1); }},
      {"LinearWarmUp", [](const Scope& s, const Output& step) { return LinearWarmUp(s, 0.1f, step, 20); },
       [](double step) { return 0.1 * std::min(1.0, step / 20); }},
  };
  return all;
}

class LearningRates : public ::testing::Test {
 protected:
  double at(const Output& rate, int64_t step) {
    if (session == nullptr) session = std::make_unique<Session>(root, SessionOptions{.threads = 1});
    std::vector<Tensor> out;
    Tensor fed = global_step.dtype() == DType::kInt64 ? Tensor::scalar<int64_t>(step)
                                                      : Tensor::scalar<float>(static_cast<float>(step));
    Status status = session->Run({{"step", fed}}, {rate.name()}, &out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!status.ok()) return NAN;
    return out[0].dtype() == DType::kDouble ? out[0].item<double>() : out[0].item<float>();
  }

  void make_step(DType dtype) {
    root = Scope::NewRootScope();
    session.reset();
    global_step = ops::Placeholder(root.WithOpName("step"), dtype, ops::Placeholder::Shape({}));
  }

  Scope root = Scope::NewRootScope();
  Output global_step;
  std::unique_ptr<Session> session;
};

TEST_F(LearningRates, FollowTheirFormulas) {
  for (DType dtype : {DType::kInt64, DType::kFloat}) {
    for (size_t i = 0; i < cases().size(); ++i) {
      const Case& c = cases()[i];
      SCOPED_TRACE(str_cat("case ", i, " ", c.name, " of a step that is ", dtype_name(dtype)));
      make_step(dtype);

      Output rate = c.build(root, global_step);

      ASSERT_TRUE(root.ok()) << root.status().to_string();
      EXPECT_EQ(rate.name(), c.name + ":0");
      EXPECT_EQ(rate.fact().to_string(), "f32[]");
      for (int64_t step : {0, 1, 6, 7, 8, 13, 14, 15, 19, 20, 21, 35, 36, 60})
        EXPECT_NEAR(at(rate, step), c.formula(static_cast<double>(step)), kTolerance) << "step " << step;
    }
  }
}

// log(1 - progress * (1 - t)) / log(t) is rounded: exactly at a restart either side may come out, in TensorFlow too. So
// steps between restarts.
TEST_F(LearningRates, RestartsGrowLonger) {
  for (double t_mul : {1.5, 2.0}) {
    make_step(DType::kInt64);
    Output rate = CosineDecayRestarts(root, 0.1f, global_step, 8, {.t_mul = t_mul, .m_mul = 0.8, .alpha = 0.05});
    for (int64_t step : {0, 1, 5, 7, 9, 15, 19, 23, 25, 37, 50, 55, 57, 75})
      EXPECT_NEAR(at(rate, step), 0.1 * restarts(static_cast<double>(step), 8, t_mul, 0.8, 0.05), kTolerance)
          << "step " << step << " t_mul " << t_mul;
  }
}

TEST_F(LearningRates, AreComputedInTheLearningRatesType) {
  make_step(DType::kInt64);

  Output rate = ExponentialDecay(root, Tensor::scalar(0.1), global_step, 7, Tensor::scalar(0.8));

  EXPECT_EQ(rate.fact().to_string(), "f64[]");
  EXPECT_NEAR(at(rate, 10), 0.1 * std::pow(0.8, 10.0 / 7), 1e-15);
}

TEST_F(LearningRates, MayFollowOneAnother) {
  make_step(DType::kInt64);

  Output rate = LinearWarmUp(root.WithOpName("rate"), CosineDecay(root, 0.1f, global_step, 20), global_step, 5);

  EXPECT_EQ(rate.name(), "rate:0");
  EXPECT_NEAR(at(rate, 3), 0.1 * cosine(3.0 / 20) * 3 / 5, kTolerance);
  EXPECT_NEAR(at(rate, 9), 0.1 * cosine(9.0 / 20), kTolerance);
}

TEST_F(LearningRates, MayHaveParametersThatAreComputed) {
  make_step(DType::kInt64);
  Output decay_steps = ops::Const<int64_t>(root, 7);
  Output end = ops::Const(root, 0.01);  // a double

  Output rate = PolynomialDecay(root, 0.1f, global_step, decay_steps, {.end_learning_rate = end});

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_NEAR(at(rate, 3), (0.1 - 0.01) * (1 - 3.0 / 7) + 0.01, kTolerance);
}

TEST_F(LearningRates, TakeTheStepByItsHandle) {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    SCOPED_TRACE(str_cat("case ", i, " ", c.name));
    root = Scope::NewRootScope().WithResourceVariables();
    session.reset();
    global_step = ops::Placeholder(root.WithOpName("step"), DT_INT64, ops::Placeholder::Shape({}));
    ModelVariable counted = CreateVariable(root.WithOpName("counted"), Shape(), Initializer::Zeros(),
                                           {.dtype = DType::kInt64, .trainable = false});
    Operation count = AddNode(root, "AssignVariableOp", {counted.ref, global_step});

    Output rate = c.build(root.WithControlDependencies({count}), counted.ref);

    ASSERT_TRUE(root.ok()) << root.status().to_string();
    for (int64_t step : {0, 8, 21}) EXPECT_NEAR(at(rate, step), c.formula(static_cast<double>(step)), kTolerance);
  }
}

TEST_F(LearningRates, MayStartFromWhatAHandleRefersTo) {
  make_step(DType::kInt64);
  ModelVariable initial = CreateVariable(root.WithResourceVariables().WithOpName("initial"), Input(0.5f));

  Output rate =
      ExponentialDecay(root.WithControlDependencies({initial.initializer}), initial.ref, global_step, 7, 0.8f);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(rate.fact().to_string(), "f32[]");
  EXPECT_NEAR(at(rate, 10), 0.5 * std::pow(0.8, 10.0 / 7), kTolerance);
}

TEST_F(LearningRates, SayWhatDoesNotFit) {
  make_step(DType::kInt64);
  PiecewiseConstant(root, global_step, {7, 20}, {1.0, 0.5});
  EXPECT_EQ(
      root.status().message(),
      "PiecewiseConstant 'PiecewiseConstant': there must be one value more than boundaries, and a boundary; there "
      "are 2 values and 2 boundaries");

  make_step(DType::kInt64);
  PiecewiseConstant(root, global_step, {7.5}, {1.0, 0.5});
  EXPECT_FALSE(root.ok()) << "a fraction is no step";

  make_step(DType::kInt64);
  CosineDecayRestarts(root, 0.1f, global_step, 8, {.t_mul = 0});
  EXPECT_EQ(root.status().message(), "CosineDecayRestarts 'SGDRDecay': t_mul must be positive, is 0");
}

}  // namespace
}  // namespace tarn
