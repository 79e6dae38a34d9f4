// DivNoNan, MulNoNan, Xdivy, Xlogy, Xlog1py and Atan2.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

struct Binary {
  const char* op;
  double (*f)(double x, double y);
  bool zero_in_x;  // the zero that wins; else it is y's
};

const Binary kBinary[] = {
    {"DivNoNan", [](double x, double y) { return y == 0 ? 0 : x / y; }, false},
    {"MulNoNan", [](double x, double y) { return y == 0 ? 0 : x * y; }, false},
    {"Xdivy", [](double x, double y) { return x == 0 ? 0 : x / y; }, true},
    {"Xlogy", [](double x, double y) { return x == 0 ? 0 : x * std::log(y); }, true},
    {"Xlog1py", [](double x, double y) { return x == 0 ? 0 : x * std::log1p(y); }, true},
};

TARN_OP_CASES(no_nan) {
  OpCases cases;
  for (const Binary& binary : kBinary) {
    auto reference = [f = binary.f](const Tensors& in, const AttrMap&) { return Tensors{map2(in[0], in[1], f)}; };
    auto add_case = [&](const char* label, Tensor x, Tensor y, bool check_gradient = true) {
      cases.push_back({.op = binary.op,
                       .label = label,
                       .inputs = {std::move(x), std::move(y)},
                       .reference = reference,
                       .tolerance_factor = 2,
                       .check_gradient = check_gradient});
    };
    add_case("same shape", uniform({3, 5}, 0.5, 2), uniform({3, 5}, 0.5, 2, 2));
    add_case("broadcast", uniform({2, 1, 3}, -2, -0.5), uniform({4, 1}, 0.5, 2, 2));
    add_case("empty", uniform({0, 3}), uniform({3}, 0.5, 2, 2));
    // At the zero that wins the function jumps: no differences there.
    if (binary.zero_in_x) {
      add_case("zeros", doubles({4}, {0, 0, 0, 1}), doubles({4}, {0, INFINITY, NAN, 2}), false);
    } else {
      add_case("zeros", doubles({4}, {0, INFINITY, NAN, 1}), doubles({4}, {0, 0, 0, 2}), false);
    }
  }
  // The angle by halves: tan(angle / 2) = y / (sqrt(x^2 + y^2) + x).
  auto angle = [](const Tensors& in, const AttrMap&) {
    return Tensors{map2(in[0], in[1], [](double y, double x) { return 2 * std::atan(y / (std::hypot(x, y) + x)); })};
  };
  for (auto [y, x] : {std::pair{Shape{3, 5}, Shape{3, 5}}, {Shape{2, 1}, Shape{3}}, {Shape{0, 2}, Shape{2}}}) {
    cases.push_back({.op = "Atan2",
                     .label = str_cat(y, " ", x),
                     .inputs = {uniform(y, 0.5, 2), uniform(x, -1, 1, 2)},
                     .reference = angle,
                     .tolerance_factor = 2});
  }
  return cases;
}

TEST(Atan2, KnowsAllQuarters) {
  Tensor y = doubles({5}, {1, 1, -1, -1, 0}), x = doubles({5}, {1, -1, -1, 1, 0});

  auto angle = evaluate_op(op_table(), "Atan2", {}, std::vector<Tensor>{y, x});

  ASSERT_TRUE(angle.ok());
  constexpr double kQuarter = 0.78539816339744828;
  double want[] = {kQuarter, 3 * kQuarter, -3 * kQuarter, -kQuarter, 0};
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR((*angle)[0].flat<double>()[i], want[i], 1e-15);
}

}  // namespace
}  // namespace tarn::testing
