#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors filled(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> dims = int_list(in[0]);
  return {by_index(Shape(std::span<const int64_t>(dims)), [&](const Index&) { return in[1].flat<double>()[0]; })};
}
Tensors zeros(const Tensors& in, const AttrMap&) {
  return {map(in[0], [](double) { return 0; })};
}
Tensors ones(const Tensors& in, const AttrMap&) {
  return {map(in[0], [](double) { return 1; })};
}

TARN_OP_CASES(fill) {
  OpCases cases = {
      // The gradient is a sum over every element of the result.
      {.op = "Fill", .label = "2d", .inputs = {ints({2}, {2, 3}), uniform({}, 0.5, 1)}, .reference = filled},
      {.op = "Fill", .label = "scalar", .inputs = {ints({0}, {}), uniform({}, 0.5, 1)}, .reference = filled},
      {.op = "Fill",
       .label = "empty, int64",
       .inputs = {Tensor::from<int64_t>({2}, {3, 0}), uniform({}, 0.5, 1)},
       .reference = filled},
      {.op = "Fill",
       .label = "more than one range",
       .inputs = {ints({1}, {70001}), uniform({}, 0.5, 1)},
       .reference = filled},
  };
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0, 4}, Shape{40000}}) {
    cases.push_back({.op = "ZerosLike", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = zeros});
    cases.push_back({.op = "OnesLike", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = ones});
  }
  return cases;
}

TEST(Fill, RefusesNegativeAndUncountableDims) {
  for (Tensor dims : {ints({1}, {-1}), ints({4}, {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX}), ints({1, 1}, {2})}) {
    EXPECT_EQ(evaluate_op(op_table(), "Fill", {}, std::vector{dims, Tensor::scalar(1.0f)}).status().code(),
              Code::kInvalidArgument)
        << dims.to_string();
  }
}

}  // namespace
}  // namespace tarn::testing
