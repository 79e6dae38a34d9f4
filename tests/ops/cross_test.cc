#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// By the permutation symbol: (a x b)_i = sum of e_ijk a_j b_k.
Tensors cross(const Tensors& in, const AttrMap&) {
  return {by_index(in[0].shape(), [&](const Index& index) {
    double sum = 0;
    int64_t i = index.back();
    for (int64_t j = 0; j < 3; ++j) {
      for (int64_t k = 0; k < 3; ++k) {
        auto sign = static_cast<double>((i - j) * (j - k) * (k - i)) / 2;
        Index left = index, right = index;
        left.back() = j;
        right.back() = k;
        sum += sign * at(in[0], left) * at(in[1], right);
      }
    }
    return sum;
  })};
}

TARN_OP_CASES(cross) {
  OpCases cases;
  for (const Shape& shape : {Shape{3}, Shape{4, 3}, Shape{2, 0, 3}, Shape{9001, 3}}) {
    cases.push_back({.op = "Cross",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape), uniform(shape, -1, 1, 2)},
                     .reference = cross,
                     .sum_length = 2});
  }
  return cases;
}

TEST(Cross, RefusesVectorsOfThePlane) {
  auto y = evaluate_op(op_table(), "Cross", {}, std::vector<Tensor>{iota({2}), iota({2})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(),
            "Cross 'evaluate': the last dim of a and b must be 3, their shape is [2] (a f64[2], b f64[2])");
}

}  // namespace
}  // namespace tarn::testing
