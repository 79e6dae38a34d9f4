#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(Placeholder, "has a value only if fed");
TARN_OP_WITHOUT_CASES(PlaceholderV2, "has a value only if fed");

Tensors same(const Tensors& in, const AttrMap&) {
  return {in[0]};
}

TARN_OP_CASES(placeholder) {
  return {
      {.op = "PlaceholderWithDefault",
       .label = "2d",
       .attrs = {{"shape", Shape{2, 3}}},
       .inputs = {uniform({2, 3})},
       .reference = same},
      {.op = "PlaceholderWithDefault",
       .label = "any batch",
       .attrs = {{"shape", Shape{-1, 3}}},
       .inputs = {uniform({4, 3})},
       .reference = same,
       .dynamic_shape = true},
      {.op = "PlaceholderWithDefault",
       .label = "scalar",
       .attrs = {{"shape", Shape{}}},
       .inputs = {uniform({})},
       .reference = same},
  };
}

TEST(Placeholder, TakesShapeFromAttr) {
  const OpRegistry::Op& op = *op_table().find("Placeholder");
  AttrMap attrs{{"dtype", DType::kFloat}, {"shape", Shape{-1, 784}}};
  NodeTypes types;
  ASSERT_TRUE(op.schema.resolve("x", attrs, {}, {}, types).ok());

  std::vector<Fact> outputs;
  ASSERT_TRUE(infer_node(op, "x", attrs, types, {}, outputs).ok());

  EXPECT_EQ(outputs[0].to_string(), "f32[?,784]");
  EXPECT_TRUE(op.def->traits & kSourceOp);
}

TEST(Placeholder, SaysWhichOneWasNotFed) {
  Result<Tensors> y = evaluate_op(op_table(), "Placeholder", {{"dtype", DType::kFloat}}, {});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(), "Placeholder 'evaluate': You must feed a value for placeholder 'evaluate'");
}

TEST(PlaceholderWithDefault, RefusesADefaultThatDoesNotFit) {
  Result<Tensors> y =
      evaluate_op(op_table(), "PlaceholderWithDefault", {{"shape", Shape{2, 2}}}, std::vector{iota({2, 3})});

  EXPECT_EQ(y.status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tarn::testing
