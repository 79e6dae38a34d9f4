// Lgamma, Digamma, Igamma, Igammac, Zeta, Polygamma and Betainc against their series.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Raised to 40 and more by gamma(x + 1) = x * gamma(x), where Stirling's series is good to 1e-18. Near 1 and 2, where
// the result is small, sums of some 100 nearly cancel: in long double 1e-17 of them are left.
double log_gamma(double argument) {
  long double x = argument, shift = 0;
  for (; x < 40; ++x) shift += std::log(std::fabs(x));
  long double cube = x * x * x;
  long double series = 1 / (12 * x) - 1 / (360 * cube) + 1 / (1260 * cube * x * x) - 1 / (1680 * cube * cube * x);
  return static_cast<double>((x - 0.5L) * std::log(x) - x + 0.91893853320467274178L + series - shift);  // log(2 pi) / 2
}

double digamma(double x) {
  double shift = 0;
  for (; x < 20; ++x) shift += 1 / x;
  double r = 1 / (x * x);
  return std::log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r / 132)))) - shift;
}

// P(a, x) = x^a e^-x / gamma(a + 1) * (1 + x / (a + 1) + x^2 / ((a + 1)(a + 2)) + ...)
double lower_gamma(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < 400; ++n) sum += term *= x / (a + n);
  return sum * std::exp(a * std::log(x) - x - log_gamma(a + 1));
}
double upper_gamma(double a, double x) {
  return 1 - lower_gamma(a, x);
}

// Direct terms up to q + 40, then Euler and Maclaurin's formula for the rest.
double zeta(double x, double q) {
  double sum = 0, n = q;
  for (int i = 0; i < 40; ++i, ++n) sum += std::pow(n, -x);
  return sum + std::pow(n, 1 - x) / (x - 1) + std::pow(n, -x) / 2 + x * std::pow(n, -x - 1) / 12 -
         x * (x + 1) * (x + 2) * std::pow(n, -x - 3) / 720 +
         x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * std::pow(n, -x - 5) / 30240;
}

// (-1)^(n + 1) n! zeta(n + 1, x)
double polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  double factorial = 1;
  for (int i = 2; i <= n; ++i) factorial *= i;
  return (static_cast<int>(n) % 2 == 0 ? -1 : 1) * factorial * zeta(n + 1, x);
}

// x^a (1 - x)^b / (a B(a, b)) * (1 + (a + b) / (a + 1) x + (a + b)(a + b + 1) / ((a + 1)(a + 2)) x^2 + ...)
double betainc(double a, double b, double x) {
  double term = 1, sum = 1;
  for (int n = 0; n < 1000; ++n) sum += term *= (a + b + n) / (a + 1 + n) * x;
  double log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
  return sum * std::exp(a * std::log(x) + b * std::log1p(-x) - log_beta) / a;
}

// Cephes' series and fractions in float are good to some tens of roundings.
constexpr double kSeries = 20;

TARN_OP_CASES(special_functions) {
  OpCases cases;
  auto add_unary = [&](const char* op, double (*f)(double), double low, double high) {
    for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}}) {
      cases.push_back({.op = op,
                       .label = shape.to_string(),
                       .inputs = {uniform(shape, low, high)},
                       .reference = [f](const Tensors& in, const AttrMap&) { return Tensors{map(in[0], f)}; },
                       .tolerance_factor = kSeries});
    }
  };
  add_unary("Lgamma", log_gamma, 0.2, 6);
  add_unary("Digamma", digamma, 0.5, 6);
  auto add_binary = [&](const char* op, double (*f)(double, double), Tensor a, Tensor b) {
    cases.push_back({.op = op,
                     .label = str_cat(a.shape(), " ", b.shape()),
                     .inputs = {std::move(a), std::move(b)},
                     .reference = [f](const Tensors& in, const AttrMap&) { return Tensors{map2(in[0], in[1], f)}; },
                     .tolerance_factor = kSeries});
  };
  struct Binary {
    const char* op;
    double (*f)(double, double);
    double a_low, a_high, b_low, b_high;
  };
  for (const Binary& b : {Binary{"Igamma", lower_gamma, 0.5, 4, 0.2, 6}, Binary{"Igammac", upper_gamma, 0.5, 4, 0.2, 3},
                          Binary{"Zeta", zeta, 1.5, 5, 0.5, 4}}) {
    add_binary(b.op, b.f, uniform({3, 4}, b.a_low, b.a_high), uniform({3, 4}, b.b_low, b.b_high, 2));
    add_binary(b.op, b.f, uniform({2, 1}, b.a_low, b.a_high), uniform({3}, b.b_low, b.b_high, 2));
    add_binary(b.op, b.f, uniform({0, 3}, b.a_low, b.a_high), uniform({3}, b.b_low, b.b_high, 2));
  }
  add_binary("Polygamma", polygamma, doubles({4}, {0, 1, 2, 3}), uniform({4}, 0.5, 4));
  add_binary("Polygamma", polygamma, doubles({2, 1}, {1, 2}), uniform({3}, 0.5, 4));
  add_binary("Polygamma", polygamma, doubles({}, {1}), uniform({0}, 0.5, 4));
  auto beta = [](const Tensors& in, const AttrMap&) {
    const Shape& shape = in[2].shape().is_scalar() ? in[0].shape() : in[2].shape();
    return Tensors{by_index(shape, [&](const Index& index) {
      auto value = [&](const Tensor& x) { return x.shape().is_scalar() ? x.item<double>() : at(x, index); };
      return betainc(value(in[0]), value(in[1]), value(in[2]));
    })};
  };
  auto add_beta = [&](const Shape& a, const Shape& b, const Shape& x) {
    cases.push_back({.op = "Betainc",
                     .label = str_cat(a, " ", b, " ", x),
                     .inputs = {uniform(a, 0.6, 4), uniform(b, 0.6, 4, 2), uniform(x, 0.1, 0.9, 3)},
                     .reference = beta,
                     .tolerance_factor = kSeries});
  };
  add_beta({2, 3}, {2, 3}, {2, 3});
  add_beta({}, {}, {4});
  add_beta({3}, {3}, {});
  add_beta({0}, {0}, {0});
  return cases;
}

double value(const char* op, double a, double x) {
  auto y = evaluate_op(op_table(), op, {}, std::vector<Tensor>{Tensor::scalar(a), Tensor::scalar(x)});
  return y.ok() ? (*y)[0].item<double>() : -99;
}

TEST(Igamma, IsNanOutsideItsDomain) {
  EXPECT_TRUE(std::isnan(value("Igamma", -1, 1)));
  EXPECT_TRUE(std::isnan(value("Igammac", 1, -1)));
  EXPECT_EQ(value("Igamma", 2, 0), 0);
  EXPECT_EQ(value("Igammac", 2, 0), 1);
}

TEST(Zeta, KnowsThatOfTwo) {
  EXPECT_NEAR(value("Zeta", 2, 1), 1.6449340668482264, 1e-14);  // pi^2 / 6
  EXPECT_EQ(value("Zeta", 1, 1), INFINITY);
}

TEST(Polygamma, OfHalfOrderIsNan) {
  EXPECT_TRUE(std::isnan(value("Polygamma", 0.5, 1)));
}

TEST(Betainc, RefusesShapesThatDiffer) {
  auto y = evaluate_op(op_table(), "Betainc", {}, std::vector<Tensor>{iota({2}), iota({3}), iota({})});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("a, b and x must have one shape or be scalars, have [2], [3] and []"),
            std::string_view::npos)
      << y.status().to_string();
}

}  // namespace
}  // namespace tarn::testing
