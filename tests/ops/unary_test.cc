// Neg, Abs, Sign, Square, Reciprocal, Inv and the elementwise functions of exp_log, trigonometric,
// inverse_trigonometric, hyperbolic, error_function, round, sigmoid, square_root, relu6.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

using Function = double (*)(double);

double sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}
double round_to_even(double x) {
  return x - std::remainder(x, 1.0);  // IEEE remainder: the nearest whole number, halves to even
}
double sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

// 2 / sqrt(pi) * (x - x^3 / 3 + x^5 / (5 * 2!) - …); terms grow to e^4 at |x| = 2, which costs double two digits.
double erf_by_series(double x) {
  double power = x, sum = x;
  for (int n = 1; n < 60; ++n) {
    power *= -x * x / n;
    sum += power / (2 * n + 1);
  }
  return sum * 1.1283791670955126;
}

struct Unary {
  const char* op;
  Function f;
  double low = -2, high = 2;
  double tolerance_factor = 1;
};

// The float functions of the C library err by a few units in the last place; a factor 2 is for those.
const Unary kUnary[] = {
    {"Neg", [](double x) { return -x; }},
    {"Abs", [](double x) { return std::fabs(x); }},
    {"Sign", sign},
    {"Square", [](double x) { return x * x; }},
    {"Reciprocal", [](double x) { return 1 / x; }, 0.5, 2},
    {"Inv", [](double x) { return 1 / x; }, -2, -0.5},
    {"Sqrt", [](double x) { return std::sqrt(x); }, 0.1, 3},
    {"Rsqrt", [](double x) { return 1 / std::sqrt(x); }, 0.1, 3},
    {"Exp", [](double x) { return std::exp(x); }, -3, 3, 2},
    {"Expm1", [](double x) { return std::expm1(x); }, -1, 2, 2},
    {"Log", [](double x) { return std::log(x); }, 0.1, 3, 2},
    {"Log1p", [](double x) { return std::log1p(x); }, -0.5, 3, 2},
    {"Sin", [](double x) { return std::sin(x); }, -4, 4, 2},
    {"Cos", [](double x) { return std::cos(x); }, -4, 4, 2},
    {"Tan", [](double x) { return std::sin(x) / std::cos(x); }, -1.2, 1.2, 2},
    {"Erf", erf_by_series, -2, 2, 2},
    {"Erfc", [](double x) { return 1 - erf_by_series(x); }, -2, 2, 2},
    {"Sigmoid", sigmoid, -5, 5, 2},
    {"Tanh", [](double x) { return std::tanh(x); }, -3, 3, 2},
    {"Floor", [](double x) { return std::floor(x); }},
    {"Ceil", [](double x) { return std::ceil(x); }},
    {"Round", round_to_even},
    {"Rint", round_to_even},
    {"Asin", [](double x) { return std::atan2(x, std::sqrt(1 - x * x)); }, -0.9, 0.9, 2},
    {"Acos", [](double x) { return std::atan2(std::sqrt(1 - x * x), x); }, -0.9, 0.9, 2},
    {"Atan", [](double x) { return std::atan2(x, 1.0); }, -3, 3, 2},
    {"Sinh", [](double x) { return (std::exp(x) - std::exp(-x)) / 2; }, -2, 2, 2},
    {"Cosh", [](double x) { return (std::exp(x) + std::exp(-x)) / 2; }, -2, 2, 2},
    {"Asinh", [](double x) { return std::log(x + std::sqrt(x * x + 1)); }, -2, 2, 2},
    {"Acosh", [](double x) { return std::log(x + std::sqrt(x * x - 1)); }, 1.2, 3, 2},
    {"Atanh", [](double x) { return std::log((1 + x) / (1 - x)) / 2; }, -0.8, 0.8, 2},
    {"Relu6", [](double x) { return std::fmin(std::fmax(x, 0), 6); }, -4, 9},
};

struct UnaryGrad {
  const char* op;
  double (*f)(double y, double dy);
};

const UnaryGrad kUnaryGrads[] = {
    {"ReciprocalGrad", [](double y, double dy) { return -dy * y * y; }},
    {"InvGrad", [](double y, double dy) { return -dy * y * y; }},
    {"SqrtGrad", [](double y, double dy) { return dy / (2 * y); }},
    {"RsqrtGrad", [](double y, double dy) { return -dy / 2 * y * y * y; }},
    {"SigmoidGrad", [](double y, double dy) { return dy * y * (1 - y); }},
    {"TanhGrad", [](double y, double dy) { return dy * (1 - y * y); }},
};

TARN_OP_CASES(unary) {
  OpCases cases;
  for (const Unary& unary : kUnary) {
    auto reference = [f = unary.f](const Tensors& in, const AttrMap&) { return Tensors{map(in[0], f)}; };
    auto add_case = [&](const char* label, const Shape& shape) {
      cases.push_back({.op = unary.op,
                       .label = label,
                       .inputs = {uniform(shape, unary.low, unary.high)},
                       .reference = reference,
                       .tolerance_factor = unary.tolerance_factor});
    };
    add_case("2d", {3, 5});
    add_case("scalar", {});
    add_case("empty", {2, 0});
    add_case("more than one range", {5, 9001});
  }
  for (const UnaryGrad& grad : kUnaryGrads) {
    auto reference = [f = grad.f](const Tensors& in, const AttrMap&) { return Tensors{map2(in[0], in[1], f)}; };
    for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}}) {
      cases.push_back({.op = grad.op,
                       .label = shape.to_string(),
                       .inputs = {uniform(shape, 0.2, 0.9), uniform(shape, -1, 1, 2)},
                       .reference = reference});
    }
  }
  auto relu6_grad = [](const Tensors& in, const AttrMap&) {
    return Tensors{map2(in[0], in[1], [](double dy, double x) { return x > 0 && x < 6 ? dy : 0; })};
  };
  cases.push_back(
      {.op = "Relu6Grad", .label = "2d", .inputs = {uniform({3, 5}), uniform({3, 5}, -4, 9)}, .reference = relu6_grad});
  cases.push_back({.op = "Relu6Grad",
                   .label = "edges",
                   .inputs = {uniform({4}), doubles({4}, {0, 6, 3, -1})},
                   .reference = relu6_grad});
  cases.push_back(
      {.op = "Relu6Grad", .label = "empty", .inputs = {uniform({0}), uniform({0})}, .reference = relu6_grad});
  return cases;
}

Result<Tensors> run(const char* op, Tensor x) {
  return evaluate_op(op_table(), op, {}, std::vector<Tensor>{std::move(x)});
}

TEST(Unary, SmallestIntegerStays) {
  constexpr int32_t kSmallest = std::numeric_limits<int32_t>::min();
  for (const char* op : {"Neg", "Abs"}) {
    auto y = run(op, Tensor::scalar<int32_t>(kSmallest));

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_EQ((*y)[0].item<int32_t>(), kSmallest) << op;
  }
}

TEST(Expm1, KeepsTheDigitsOfSmallNumbers) {
  auto y = run("Expm1", Tensor::from<float>({4}, {1e-10f, -1e-10f, 0.0f, -INFINITY}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({4}, {1e-10f, -1e-10f, 0.0f, -1.0f}))) << (*y)[0].to_string();
}

TEST(Erfc, KeepsTheDigitsOfLargeNumbers) {
  auto y = run("Erfc", Tensor::from<double>({3}, {5.0, INFINITY, -INFINITY}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_NEAR((*y)[0].flat<double>()[0], 1.5374597944280349e-12, 1e-26);  // Abramowitz and Stegun, table 7.3
  EXPECT_EQ((*y)[0].flat<double>()[1], 0.0);
  EXPECT_EQ((*y)[0].flat<double>()[2], 2.0);
}

TEST(Trigonometric, InfinitiesGiveNan) {
  for (const char* op : {"Sin", "Cos", "Tan"}) {
    auto y = run(op, Tensor::scalar<float>(INFINITY));

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_TRUE(std::isnan((*y)[0].item<float>())) << op;
  }
}

TEST(Unary, NanStaysNan) {
  for (const char* op : {"Expm1", "Sin", "Cos", "Tan", "Erf", "Erfc", "Neg", "Abs", "Sign", "Square", "Sqrt", "Exp",
                         "Sigmoid", "Tanh", "Round", "Floor", "Relu6"}) {
    auto y = run(op, Tensor::scalar<float>(NAN));

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_TRUE(std::isnan((*y)[0].item<float>())) << op;
  }
}

TEST(Round, HalvesGoToTheEvenNeighbour) {
  auto y = run("Round", Tensor::from<float>({7}, {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 8388609.0f}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  Tensor expected = Tensor::from<float>({7}, {0.0f, 2.0f, 2.0f, -0.0f, -2.0f, -2.0f, 8388609.0f});
  EXPECT_TRUE((*y)[0].identical_to(expected)) << (*y)[0].to_string();
}

TEST(Sigmoid, GoesToItsLimits) {
  auto y = run("Sigmoid", Tensor::from<float>({4}, {-1000.0f, 1000.0f, -INFINITY, INFINITY}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({4}, {0, 1, 0, 1}))) << (*y)[0].to_string();
}

}  // namespace
}  // namespace tarn::testing
