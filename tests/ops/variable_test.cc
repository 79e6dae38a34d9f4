#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(Variable, "needs a ResourceMap");
TARN_OP_WITHOUT_CASES(VariableV2, "needs a ResourceMap");

TARN_OP_CASES(variable) {
  OpCases cases;
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0}}) {
    auto yes = [](const Tensors& in, const AttrMap&) { return Tensors{Tensor::scalar(true), in[0]}; };
    cases.push_back({.op = "IsVariableInitialized",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape)},
                     .reference = yes,
                     .ref_inputs = {0}});
  }
  return cases;
}

struct Store {
  ResourceMap resources;
  Services services;
  Store() { services.set_resources(&resources); }
  Result<Tensors> run(std::string_view node, AttrMap attrs) {
    const OpRegistry::Op& op = *op_table().find("VariableV2");
    NodeTypes types;
    TARN_RETURN_IF_ERROR(op.schema.resolve(node, attrs, {}, {}, types));
    return evaluate_node(op, node, attrs, {}, {.services = &services});
  }
};

TEST(VariableV2, IsFoundByNodeNameOrSharedName) {
  Store store;

  ASSERT_TRUE(store.run("w", {{"shape", Shape{2}}, {"dtype", DType::kFloat}}).ok());
  ASSERT_TRUE(store.run("v", {{"shape", Shape{2}}, {"dtype", DType::kFloat}, {"shared_name", "common"}}).ok());
  ASSERT_TRUE(store.run("u", {{"shape", Shape{2}}, {"dtype", DType::kFloat}, {"container", "box"}}).ok());

  EXPECT_EQ(store.resources.names(Variable::kKind), (std::vector<std::string>{"box/u", "common", "w"}));
  store.resources.find<Variable>("w")->set_value(iota({2}));
  EXPECT_EQ(store.run("w", {{"shape", Shape{2}}, {"dtype", DType::kFloat}}).status().message(),
            "VariableV2 'w': variable 'w' holds double, not float");
}

TEST(VariableV2, NeedsAPlaceForVariables) {
  Result<Tensors> y = evaluate_op(op_table(), "VariableV2", {{"shape", Shape{2}}, {"dtype", DType::kFloat}}, {});

  EXPECT_EQ(y.status().code(), Code::kFailedPrecondition);
}

TEST(Variable, TakesAScalarShapeForUnknown) {
  const OpRegistry::Op& op = *op_table().find("Variable");
  AttrMap attrs{{"dtype", DType::kFloat}, {"shape", Shape{}}};
  NodeTypes types;
  ASSERT_TRUE(op.schema.resolve("v", attrs, {}, {}, types).ok());

  std::vector<Fact> outputs;
  ASSERT_TRUE(infer_node(op, "v", attrs, types, {}, outputs).ok());

  EXPECT_FALSE(outputs[0].shape.has_rank());
  EXPECT_TRUE(outputs[0].is_ref);
}

TEST(IsVariableInitialized, IsFalseBeforeTheFirstAssign) {
  Variable fresh("v");
  Variable* variables[] = {&fresh};

  Result<Tensors> y =
      evaluate_op(op_table(), "IsVariableInitialized", {}, std::vector{iota({2})}, {.variables = variables});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_FALSE((*y)[0].item<bool>());
}

}  // namespace
}  // namespace tarn::testing
