#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensor shape_tensor(const Tensor& x) {
  Tensor shape = *Tensor::zeros(DType::kDouble, Shape{x.shape().rank()});
  for (int d = 0; d < x.shape().rank(); ++d)
    shape.mutable_flat<double>()[static_cast<size_t>(d)] = static_cast<double>(x.shape().dim(d));
  return shape;
}

Tensors shapes(const Tensors& in, const AttrMap&) {
  Tensors out;
  for (const Tensor& x : in) out.push_back(shape_tensor(x));
  return out;
}
Tensors shape_and_variable(const Tensors& in, const AttrMap&) {
  return {shape_tensor(in[0]), in[0]};
}
Tensors size_of(const Tensors& in, const AttrMap&) {
  return {Tensor::scalar(static_cast<double>(in[0].element_count()))};
}
Tensors rank_of(const Tensors& in, const AttrMap&) {
  return {Tensor::scalar(static_cast<double>(in[0].shape().rank()))};
}

TARN_OP_CASES(shape) {
  OpCases cases;
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0, 5}, Shape{1, 2, 1, 2, 1, 2, 1}}) {
    for (DType type : {DType::kInt32, DType::kInt64}) {
      std::string label = str_cat(shape.to_string(), " ", dtype_name(type));
      cases.push_back({.op = "Shape",
                       .label = label,
                       .attrs = {{"out_type", type}},
                       .inputs = {uniform(shape)},
                       .reference = shapes});
      cases.push_back({.op = "VariableShape",
                       .label = label,
                       .attrs = {{"out_type", type}},
                       .inputs = {uniform(shape)},
                       .reference = shape_and_variable,
                       .ref_inputs = {0}});
      cases.push_back({.op = "Size",
                       .label = label,
                       .attrs = {{"out_type", type}},
                       .inputs = {uniform(shape)},
                       .reference = size_of});
      cases.push_back({.op = "ShapeN",
                       .label = label,
                       .attrs = {{"out_type", type}},
                       .inputs = {uniform(shape), uniform({3})},
                       .reference = shapes});
    }
    cases.push_back({.op = "Rank", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = rank_of});
  }
  return cases;
}

TEST(Shape, IsKnownBeforeAnythingRuns) {
  const OpRegistry::Op& op = *op_table().find("Shape");
  AttrMap attrs{{"T", DType::kFloat}};
  NodeTypes types;
  InputInfo info{DType::kFloat, false, "x"};
  ASSERT_TRUE(op.schema.resolve("s", attrs, {&info, 1}, {}, types).ok());
  Fact known{DType::kFloat, Shape{7, 2}, {}, false}, unknown{DType::kFloat, Shape{-1, 2}, {}, false};
  std::vector<Fact> outputs;

  ASSERT_TRUE(infer_node(op, "s", attrs, types, {&known, 1}, outputs).ok());
  ASSERT_TRUE(outputs[0].has_value());
  EXPECT_EQ(outputs[0].value.to_string(), "i32[2]{7, 2}");

  ASSERT_TRUE(infer_node(op, "s", attrs, types, {&unknown, 1}, outputs).ok());
  EXPECT_FALSE(outputs[0].has_value());
  EXPECT_EQ(outputs[0].shape, Shape({2}));
}

}  // namespace
}  // namespace tarn::testing
