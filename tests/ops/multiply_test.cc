#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors multiply(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x * y; })};
}

Tensors squared_difference(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return (x - y) * (x - y); })};
}

TARN_OP_CASES(multiply) {
  OpCases cases;
  for (const char* op : {"Mul", "SquaredDifference"}) {
    auto reference = op == std::string("Mul") ? multiply : squared_difference;
    auto add_case = [&](const char* label, Tensor x, Tensor y) {
      cases.push_back({.op = op, .label = label, .inputs = {std::move(x), std::move(y)}, .reference = reference});
    };
    add_case("same shape", uniform({3, 5}), uniform({3, 5}, -1, 1, 2));
    add_case("column", uniform({2, 3, 4}), uniform({3, 1}, -1, 1, 2));
    add_case("both stretched", uniform({2, 1, 4}), uniform({3, 1}, -1, 1, 2));
    add_case("scalar", uniform({2, 3}), uniform({}, -1, 1, 2));
    add_case("empty", uniform({0, 3}), uniform({3}, -1, 1, 2));
  }
  return cases;
}

TEST(Mul, IntegersWrap) {
  Tensor x = Tensor::from<int64_t>({1}, {int64_t{1} << 62});

  auto y = evaluate_op(op_table(), "Mul", {}, std::vector<Tensor>{x, Tensor::from<int64_t>({1}, {6})});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_EQ((*y)[0].item<int64_t>(), std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace tarn::testing
