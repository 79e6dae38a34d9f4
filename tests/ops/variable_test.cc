#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(Variable, "needs a ResourceMap");
TARN_OP_WITHOUT_CASES(VariableV2, "needs a ResourceMap");
TARN_OP_WITHOUT_CASES(VarHandleOp, "needs a ResourceMap");
TARN_OP_WITHOUT_CASES(DestroyResourceOp, "leaves its variable without a value to compare");
TARN_OP_GRADIENT_TESTED_APART(ReadVariableOp, "its input is a variable: tests/graph/resource_variables_test.cc");

TARN_OP_CASES(variable) {
  OpCases cases;
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0}}) {
    auto yes = [](const Tensors& in, const AttrMap&) { return Tensors{Tensor::scalar(true), in[0]}; };
    cases.push_back({.op = "IsVariableInitialized",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape)},
                     .reference = yes,
                     .ref_inputs = {0}});
    cases.push_back(cases.back());
    cases.back().op = "VarIsInitializedOp";
    auto value = [](const Tensors& in, const AttrMap&) { return Tensors{in[0], in[0]}; };
    auto unchanged = [](const Tensors& in, const AttrMap&) { return Tensors{in[0]}; };
    cases.push_back({.op = "DisableCopyOnRead",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape)},
                     .reference = unchanged,
                     .ref_inputs = {0}});
    cases.push_back({.op = "ReadVariableOp",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape)},
                     .reference = value,
                     .ref_inputs = {0}});
  }
  return cases;
}

struct Store {
  ResourceMap resources;
  Services services;
  Store() { services.set_resources(&resources); }
  Result<Tensors> run(std::string_view node, AttrMap attrs, std::string_view op_name = "VariableV2") {
    const OpRegistry::Op& op = *op_table().find(op_name);
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

TEST(VarHandleOp, IsFoundByNodeNameOrSharedName) {
  Store store;
  AttrMap plain{{"shape", Shape{2}}, {"dtype", DType::kFloat}};
  AttrMap shared = plain, boxed = plain;
  shared.set("shared_name", "common");
  boxed.set("container", "box");

  for (const auto& [node, attrs] : {std::pair("w", plain), std::pair("v", shared), std::pair("u", boxed)})
    ASSERT_TRUE(store.run(node, attrs, "VarHandleOp").ok());

  EXPECT_EQ(store.resources.names(Variable::kKind), (std::vector<std::string>{"box/u", "common", "w"}));
  store.resources.find<Variable>("w")->set_value(iota({2}));
  EXPECT_EQ(store.run("w", plain, "VarHandleOp").status().message(),
            "VarHandleOp 'w': variable 'w' holds double, not float");
}

TEST(VarHandleOp, SaysWhatIsBehindIt) {
  const OpRegistry::Op& op = *op_table().find("VarHandleOp");
  AttrMap attrs{{"dtype", DType::kFloat}, {"shape", Shape{4, 2}}};
  NodeTypes types;
  ASSERT_TRUE(op.schema.resolve("v", attrs, {}, {}, types).ok());

  std::vector<Fact> outputs;
  ASSERT_TRUE(infer_node(op, "v", attrs, types, {}, outputs).ok());

  EXPECT_EQ(outputs[0].dtype, DType::kResource);
  EXPECT_EQ(outputs[0].shape, Shape());
  EXPECT_EQ(outputs[0].to_string(), "handle(f32[4,2])");
}

TEST(ReadVariableOp, RefusesAVariableOfAnotherDtype) {
  Variable v("v");
  v.set_value(iota({2}));
  Variable* variables[] = {&v};

  Result<Tensors> y = evaluate_op(op_table(), "ReadVariableOp", {{"dtype", DType::kInt32}}, std::vector{iota({2})},
                                  {.variables = variables});

  EXPECT_EQ(y.status().code(), Code::kInvalidArgument);
  EXPECT_NE(y.status().message().find("attr 'dtype' is int32 but the variable of input 0 holds double"),
            std::string::npos)
      << y.status().message();
}

TEST(DestroyResourceOp, TakesTheValueAwayOnce) {
  Variable v("v");
  v.set_value(iota({2}));
  Variable* variables[] = {&v};
  auto destroy = [&](bool ignore_lookup_error) {
    return evaluate_op(op_table(), "DestroyResourceOp", {{"ignore_lookup_error", ignore_lookup_error}},
                       std::vector{iota({2})}, {.variables = variables})
        .status();
  };

  EXPECT_TRUE(destroy(false).ok());
  EXPECT_FALSE(v.is_initialized());
  EXPECT_TRUE(destroy(true).ok());
  EXPECT_EQ(destroy(false).code(), Code::kNotFound);
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

  for (const char* op : {"IsVariableInitialized", "VarIsInitializedOp"}) {
    Result<Tensors> y = evaluate_op(op_table(), op, {}, std::vector{iota({2})}, {.variables = variables});

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_FALSE((*y)[0].item<bool>());
  }
}

}  // namespace
}  // namespace tarn::testing
