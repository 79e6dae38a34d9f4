#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors power(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return std::pow(x, y); })};
}

TARN_OP_CASES(power) {
  return {
      {.op = "Pow",
       .label = "whole numbers",
       .inputs = {doubles({2, 3}, {0, 1, 2, 3, -2, -3}), doubles({2, 3}, {0, 5, 3, 2, 3, 0})},
       .reference = power,
       .check_gradient = false},  // x = 0 is an edge of where the logarithm counts
      {.op = "Pow",
       .label = "positive base",
       .inputs = {uniform({3, 4}, 0.5, 2), uniform({4}, 0, 0.3, 2)},
       .reference = power},
      {.op = "Pow",
       .label = "both stretched",
       .inputs = {uniform({2, 1}, 1, 2), uniform({3}, 0, 0.3, 2)},
       .reference = power},
      {.op = "Pow", .label = "square", .inputs = {uniform({5}, 1, 2), doubles({}, {2})}, .reference = power},
      {.op = "Pow", .label = "empty", .inputs = {uniform({0}), doubles({}, {2})}, .reference = power},
  };
}

TEST(Pow, NegativeIntegerPowerNamesTheElement) {
  Tensor x = Tensor::from<int32_t>({2}, {2, 2}), y = Tensor::from<int32_t>({2}, {3, -1});

  auto z = evaluate_op(op_table(), "Pow", {}, std::vector<Tensor>{x, y});

  ASSERT_FALSE(z.ok());
  EXPECT_EQ(z.status().message(), "Pow 'evaluate': integers have no negative integer powers: y[1] is -1");
}

TEST(Pow, IntegersWrap) {
  Tensor x = Tensor::scalar<int32_t>(3);

  auto z = evaluate_op(op_table(), "Pow", {}, std::vector<Tensor>{x, Tensor::scalar<int32_t>(40)});

  ASSERT_TRUE(z.ok()) << z.status().to_string();
  uint32_t expected = 1;
  for (int i = 0; i < 40; ++i) expected *= 3;
  EXPECT_EQ((*z)[0].item<int32_t>(), static_cast<int32_t>(expected));
}

}  // namespace
}  // namespace tarn::testing
