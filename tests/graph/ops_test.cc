// The generated builder functions: how each kind of signature looks to a caller.
#include "graph/ops.h"

#include <gtest/gtest.h>

#include "graph/session.h"

namespace tarn {
namespace {

TEST(GeneratedOps, SingleOutputOpsAreTheirOutput) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 4}));

  auto y = ops::Relu(root.WithOpName("y"), x);
  Output out = y;
  Input in = y;
  Operation op = y.operation;

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(out.name(), "y:0");
  EXPECT_EQ(y.activations.name(), "y:0");
  EXPECT_EQ(in.output(), out);
  EXPECT_EQ(op.type(), "Relu");
  EXPECT_EQ(y.shape().to_string(), "[?,4]");
}

TEST(GeneratedOps, RequiredAttrsFollowInputsAndOptionalOnesChain) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root, DT_FLOAT, ops::Placeholder::Shape({-1, 8, 8, 3}));
  auto w = ops::Variable(root.WithOpName("w"), {5, 5, 3, 4}, DT_FLOAT);

  auto y = ops::Conv2D(root, x, w, {1, 1, 1, 1}, "SAME", ops::Conv2D::DataFormat("NHWC").Dilations({1, 1, 1, 1}));
  auto z = ops::Conv2D(root, x, w, {1, 1, 1, 1}, "SAME");

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(w.operation.type(), "VariableV2");
  EXPECT_EQ(y.shape().to_string(), "[?,8,8,4]");
  EXPECT_EQ(y.operation.node().attrs, z.operation.node().attrs);
}

TEST(GeneratedOps, OpsWithSeveralOutputsHaveAFieldForEach) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root, DT_FLOAT, ops::Placeholder::Shape({-1, 8, 8, 2}));

  auto bn = ops::FusedBatchNorm(root.WithOpName("bn"), x, {1, 1}, {0, 0}, ops::Const<float>(root, {}),
                                ops::Const<float>(root, {}), ops::FusedBatchNorm::Epsilon(1e-3f));

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(bn.y.name(), "bn:0");
  EXPECT_EQ(bn.batch_mean.name(), "bn:1");
  EXPECT_EQ(bn.batch_variance.shape().to_string(), "[2]");
  EXPECT_EQ(bn.operation.node().attrs.get<float>("epsilon"), 1e-3f);
}

TEST(GeneratedOps, OpsWithoutOutputsAreOperations) {
  Scope root = Scope::NewRootScope();
  auto first = ops::NoOp(root.WithOpName("first"));

  auto second = ops::NoOp(root.WithControlDependencies({first}).WithOpName("second"));

  EXPECT_EQ(second.node().controls, std::vector<NodeId>{first.id()});
}

TEST(GeneratedOps, ListInputsTakeBraces) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root, DT_DOUBLE, ops::Placeholder::Shape({2}));

  auto sum = ops::AddN(root, {x, x, 1.0});

  EXPECT_FALSE(root.ok()) << "AddN does not broadcast";
  Scope other = Scope::NewRootScope();
  auto y = ops::Placeholder(other, DT_DOUBLE, ops::Placeholder::Shape({2}));
  sum = ops::AddN(other, {y, y, {1, 2}});
  ASSERT_TRUE(other.ok()) << other.status().to_string();
  EXPECT_EQ(sum.operation.node().attrs.get<int64_t>("N"), 3);
  EXPECT_EQ(sum.dtype(), DT_DOUBLE);
}

TEST(GeneratedOps, ConstantsAreWrittenInPlace) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root, DT_DOUBLE, ops::Placeholder::Shape({-1, 2}));

  auto y = ops::Add(root, ops::MatMul(root, x, {{1, 2}, {3, 4}}), 1.0f);
  auto z = ops::Reshape(root, y, {-1, 1, 2});

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(y.fact().to_string(), "f64[?,2]");
  EXPECT_EQ(z.fact().to_string(), "f64[?,1,2]");
  EXPECT_TRUE(root.graph().find("Reshape/shape").has_value());
  EXPECT_TRUE(root.graph().find("MatMul/b").has_value());
}

TEST(GeneratedOps, AliasesAreTensorFlowsCppNames) {
  Scope root = Scope::NewRootScope();

  auto y = ops::Multiply(root, 2.0f, 3.0f);

  EXPECT_EQ(y.operation.type(), "Mul") << root.status().to_string();
  EXPECT_EQ(y.name(), "Mul:0");
}

TEST(GeneratedOps, ASessionOfAGraphThatCouldNotBeBuiltSaysWhy) {
  Scope root = Scope::NewRootScope();
  Output x = ops::Const<float>(root.WithOpName("x"), {1, 2});
  ops::Conv2D(root.WithOpName("conv"), x, x, {1, 1, 1, 1}, "SAME");
  ops::Identity(root.WithOpName("y"), x);
  Session session(root);
  std::vector<Tensor> out;

  Status status = session.Run({}, {"y"}, &out);

  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.to_string().find("the graph could not be built"), std::string::npos) << status.to_string();
  EXPECT_NE(status.to_string().find("'conv'"), std::string::npos) << status.to_string();
}

}  // namespace
}  // namespace tarn
