// Empty and DeepCopy.
#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(empty) {
  OpCases cases;
  auto zeros = [](const Tensors& in, const AttrMap& attrs) {
    std::vector<int64_t> dims = int_list(in[0]);
    return Tensors{*Tensor::zeros(attrs.get<DType>("dtype"), Shape(dims))};
  };
  for (DType dtype : {DType::kFloat, DType::kInt8, DType::kString}) {
    cases.push_back({.op = "Empty",
                     .label = std::string(dtype_name(dtype)),
                     .attrs = {{"dtype", dtype}},
                     .inputs = {ints({2}, {2, 3})},
                     .reference = zeros});
  }
  cases.push_back({.op = "Empty",
                   .label = "scalar, init",
                   .attrs = {{"dtype", DType::kDouble}, {"init", true}},
                   .inputs = {ints({0}, {})},
                   .reference = zeros});
  auto copy = [](const Tensors& in, const AttrMap&) { return Tensors{in[0]}; };
  for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0, 2}}) {
    cases.push_back({.op = "DeepCopy", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = copy});
  }
  return cases;
}

TEST(Empty, RefusesANegativeDim) {
  auto y = evaluate_op(op_table(), "Empty", {{"dtype", DType::kFloat}}, std::vector<Tensor>{ints({1}, {-2})});

  EXPECT_EQ(y.status().code(), Code::kInvalidArgument) << y.status().to_string();
}

}  // namespace
}  // namespace tarn::testing
