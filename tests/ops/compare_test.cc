#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

struct Comparison {
  const char* op;
  bool (*f)(double, double);
};

const Comparison kComparisons[] = {
    {"Equal", [](double x, double y) { return x == y; }},  {"NotEqual", [](double x, double y) { return x != y; }},
    {"Less", [](double x, double y) { return x < y; }},    {"LessEqual", [](double x, double y) { return x <= y; }},
    {"Greater", [](double x, double y) { return x > y; }}, {"GreaterEqual", [](double x, double y) { return x >= y; }},
};

// 0, 1 and 2, so that equal pairs come up.
Tensor few_values(const Shape& shape, uint64_t seed) {
  return map(uniform(shape, 0, 3, seed), [](double x) { return std::floor(x); });
}

TARN_OP_CASES(compare) {
  OpCases cases;
  for (const Comparison& comparison : kComparisons) {
    auto reference = [f = comparison.f](const Tensors& in, const AttrMap&) {
      return Tensors{map2(in[0], in[1], [f](double x, double y) { return f(x, y) ? 1.0 : 0.0; })};
    };
    auto add_case = [&](const char* label, const Shape& x, const Shape& y) {
      cases.push_back({.op = comparison.op,
                       .label = label,
                       .inputs = {few_values(x, 1), few_values(y, 2)},
                       .reference = reference});
    };
    add_case("same shape", {3, 5}, {3, 5});
    add_case("row", {2, 3, 4}, {4});
    add_case("both stretched", {2, 1, 4}, {3, 1});
    add_case("scalar", {}, {2, 3});
    add_case("empty", {0, 3}, {3});
  }
  return cases;
}

Result<Tensors> run(const char* op, Tensor x, Tensor y, AttrMap attrs = {}) {
  return evaluate_op(op_table(), op, std::move(attrs), std::vector<Tensor>{std::move(x), std::move(y)});
}

TEST(Compare, NanIsUnorderedAndUnequal) {
  for (const Comparison& comparison : kComparisons) {
    auto z = run(comparison.op, Tensor::scalar<float>(NAN), Tensor::scalar<float>(NAN));

    ASSERT_TRUE(z.ok()) << z.status().to_string();
    EXPECT_EQ((*z)[0].item<bool>(), comparison.op == std::string("NotEqual")) << comparison.op;
  }
}

TEST(Equal, ComparesStrings) {
  Tensor x = Tensor::from<std::string>({2}, {"a", "b"});

  auto z = run("Equal", x, Tensor::scalar<std::string>("b"));

  ASSERT_TRUE(z.ok()) << z.status().to_string();
  EXPECT_FALSE((*z)[0].flat<bool>()[0]);
  EXPECT_TRUE((*z)[0].flat<bool>()[1]);
}

TEST(Equal, ShapesThatDoNotBroadcastAreUnequalIfAllowed) {
  AttrMap lenient{{"incompatible_shape_error", false}};

  auto equal = run("Equal", uniform({2}), uniform({3}), lenient);
  auto different = run("NotEqual", uniform({2}), uniform({3}), lenient);
  auto refused = run("Equal", uniform({2}), uniform({3}));

  ASSERT_TRUE(equal.ok()) << equal.status().to_string();
  ASSERT_TRUE(different.ok()) << different.status().to_string();
  EXPECT_FALSE((*equal)[0].item<bool>());
  EXPECT_TRUE((*different)[0].item<bool>());
  EXPECT_FALSE(refused.ok());
}

}  // namespace
}  // namespace tarn::testing
