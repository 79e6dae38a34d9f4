#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors reshaped(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> sizes = int_list(in[1]);
  int64_t known = 1;
  for (int64_t size : sizes) known *= size == -1 ? 1 : size;
  for (int64_t& size : sizes) size = size == -1 ? in[0].element_count() / known : size;
  return {*in[0].reshaped(Shape(std::span<const int64_t>(sizes)))};
}

// The shape is written out, not computed.
auto as_shape(Shape shape) {
  return [shape](const Tensors& in, const AttrMap&) { return Tensors{*in[0].reshaped(shape)}; };
}

TARN_OP_CASES(reshape) {
  return {
      {.op = "Reshape", .label = "flatten", .inputs = {uniform({2, 3}), ints({1}, {6})}, .reference = reshaped},
      {.op = "Reshape", .label = "the rest", .inputs = {uniform({4, 3}), ints({3}, {2, -1, 3})}, .reference = reshaped},
      {.op = "Reshape",
       .label = "int64",
       .inputs = {uniform({4, 3}), Tensor::from<int64_t>({2}, {-1, 2})},
       .reference = reshaped},
      {.op = "Reshape", .label = "to a scalar", .inputs = {uniform({1, 1}), ints({0}, {})}, .reference = as_shape({})},
      {.op = "Reshape",
       .label = "empty",
       .inputs = {uniform({0, 3}), ints({2}, {-1, 3})},
       .reference = as_shape({0, 3})},
      {.op = "Reshape",
       .label = "empty with zero size",
       .inputs = {uniform({0, 3}), ints({2}, {-1, 0})},
       .reference = as_shape({3, 0})},
      {.op = "ExpandDims",
       .label = "front",
       .inputs = {uniform({2, 3}), ints({}, {0})},
       .reference = as_shape({1, 2, 3})},
      {.op = "ExpandDims",
       .label = "back",
       .inputs = {uniform({2, 3}), ints({}, {-1})},
       .reference = as_shape({2, 3, 1})},
      {.op = "ExpandDims",
       .label = "scalar, dim a vector",
       .inputs = {uniform({}), ints({1}, {0})},
       .reference = as_shape({1})},
      {.op = "ExpandDims",
       .label = "middle, int64",
       .inputs = {uniform({0, 3}), Tensor::scalar<int64_t>(1)},
       .reference = as_shape({0, 1, 3})},
      {.op = "Squeeze", .label = "all", .inputs = {uniform({1, 3, 1, 2, 1})}, .reference = as_shape({3, 2})},
      {.op = "Squeeze",
       .label = "two",
       .attrs = {{"squeeze_dims", {0, -1}}},
       .inputs = {uniform({1, 3, 1, 2, 1})},
       .reference = as_shape({3, 1, 2})},
      {.op = "Squeeze", .label = "to a scalar", .inputs = {uniform({1, 1})}, .reference = as_shape({})},
      {.op = "Squeeze", .label = "empty", .inputs = {uniform({0, 1})}, .reference = as_shape({0})},
  };
}

std::string refusal(std::string_view op, const Tensors& inputs, AttrMap attrs = {}) {
  Result<Tensors> y = evaluate_op(op_table(), op, std::move(attrs), inputs);
  return y.ok() ? "accepted" : y.status().to_string();
}

TEST(Reshape, RefusesSizesThatDoNotFit) {
  Tensor x = iota({2, 3});

  EXPECT_EQ(
      refusal("Reshape", {x, ints({2}, {-1, -1})}),
      "InvalidArgument: Reshape 'evaluate': only one size may be -1, not both 0 and 1 (tensor f64[2,3], shape i32[2])");
  EXPECT_EQ(refusal("Reshape", {x, ints({1}, {-5})}),
            "InvalidArgument: Reshape 'evaluate': size 0 must be non-negative, not -5 (tensor f64[2,3], shape i32[1])");
  EXPECT_EQ(refusal("Reshape", {x, ints({1}, {7})}),
            "InvalidArgument: Reshape 'evaluate': cannot reshape a tensor of shape [2,3] (6 elements) to [7] (tensor "
            "f64[2,3], shape i32[1])");
  int32_t most = INT32_MAX;
  EXPECT_NE(refusal("Reshape", {x, ints({4}, {most, most, most, most})}), "accepted");
  EXPECT_NE(refusal("Reshape", {x, ints({2}, {0, -1})}), "accepted");
  EXPECT_NE(refusal("Reshape", {x, ints({1, 1}, {6})}), "accepted");
}

TEST(ExpandDims, RefusesDimsOutOfRange) {
  EXPECT_NE(refusal("ExpandDims", {iota({2}), ints({}, {10})}), "accepted");
  EXPECT_NE(refusal("ExpandDims", {iota({2}), ints({0}, {})}), "accepted");
}

TEST(Squeeze, RefusesADimThatIsNotOne) {
  EXPECT_EQ(refusal("Squeeze", {iota({2, 1})}, {{"squeeze_dims", {0}}}),
            "InvalidArgument: Squeeze 'evaluate': can not squeeze dim 0 of squeeze_dims, expected a dimension of 1, "
            "got 2 (input f64[2,1])");
  EXPECT_NE(refusal("Squeeze", {iota({2, 1})}, {{"squeeze_dims", {9}}}), "accepted");
}

TEST(Squeeze, DoesNotGuessTheRankWhenADimIsUnknown) {
  const OpRegistry::Op& op = *op_table().find("Squeeze");
  AttrMap attrs{{"T", DType::kFloat}};
  NodeTypes types;
  InputInfo info{DType::kFloat, false, "x"};
  ASSERT_TRUE(op.schema.resolve("s", attrs, {&info, 1}, {}, types).ok());
  Fact x{DType::kFloat, Shape{-1, 1, 3}, {}, false};

  std::vector<Fact> outputs;
  ASSERT_TRUE(infer_node(op, "s", attrs, types, {&x, 1}, outputs).ok());

  EXPECT_FALSE(outputs[0].shape.has_rank());
}

}  // namespace
}  // namespace tarn::testing
