#include "graph/gradients.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/graph/toy_ops.h"

namespace tarn {
namespace {

using testing::toy_ops;

class Gradients : public ::testing::Test {
 protected:
  Output placeholder(const char* name, const Shape& shape = {}, DType dtype = DT_FLOAT) {
    return AddNode(root.WithOpName(name), "Placeholder", {}, {{"dtype", dtype}, {"shape", shape}}).output(0);
  }
  Output node(const char* op, const Input& x, const char* name = "") {
    return AddNode(root.WithOpName(name), op, {x}).output(0);
  }
  Output node(const char* op, const Input& x, const Input& y) { return AddNode(root, op, {x, y}).output(0); }
  const Node& by_name(const char* name) { return root.graph().node(*root.graph().find(name)); }

  // What a graph of Placeholder (from `values`), Const, Add, Mul, Neg, AddN, Identity computes: a reference of its own.
  double value(Wire wire, const std::map<std::string, double>& values) {
    const Node& n = root.graph().node(wire.node);
    auto in = [&](size_t i) { return value(n.inputs[i], values); };
    if (n.is("Placeholder")) return values.at(n.name);
    if (n.is("Const")) return n.attrs.get<Tensor>("value").item<float>();
    if (n.is("Add")) return in(0) + in(1);
    if (n.is("Mul")) return in(0) * in(1);
    if (n.is("Neg")) return -in(0);
    if (n.is("Identity") || n.is("Split2") || n.is("StopGradient")) return in(0);
    double sum = 0;
    for (size_t i = 0; i < n.inputs.size(); ++i) sum += in(i);
    EXPECT_EQ(n.op, "AddN");
    return sum;
  }

  Scope root = Scope::NewRootScope(toy_ops());
  std::vector<Output> grads;
};

TEST_F(Gradients, OfAProductAreTheOtherFactors) {
  Output x = placeholder("x");
  Output y = placeholder("y");
  Output z = node("Mul", x, y);

  Status status = AddSymbolicGradients(root, {z}, {x, y}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(grads[0].op().name(), "gradients/Mul_grad/Mul");
  EXPECT_EQ(grads[1].op().name(), "gradients/Mul_grad/Mul_1");
  EXPECT_EQ(by_name("gradients/grad_ys_0").attrs.get<Tensor>("value").to_string(), "f32[]{1}");
  EXPECT_EQ(value(grads[0].wire(), {{"x", 3}, {"y", 5}}), 5);
  EXPECT_EQ(value(grads[1].wire(), {{"x", 3}, {"y", 5}}), 3);
}

TEST_F(Gradients, MatchCentralDifferencesWhereValuesFanOut) {
  // z = -(x * x * y) + x + y * 3, with x used four times
  Output x = placeholder("x");
  Output y = placeholder("y");
  Output cubic = node("Neg", node("Mul", node("Mul", x, x), y));
  Output z = node("Add", node("Add", cubic, x), node("Mul", y, 3));

  Status status = AddSymbolicGradients(root, {z}, {x, y}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  auto f = [&](double at_x, double at_y) { return value(z.wire(), {{"x", at_x}, {"y", at_y}}); };
  constexpr double kStep = 1e-4;
  // f is quadratic in x and linear in y: central differences are exact but for rounding (1e-16 * 10 / step).
  EXPECT_NEAR(value(grads[0].wire(), {{"x", 1.5}, {"y", -2}}), (f(1.5 + kStep, -2) - f(1.5 - kStep, -2)) / (2 * kStep),
              1e-10);
  EXPECT_NEAR(value(grads[1].wire(), {{"x", 1.5}, {"y", -2}}), (f(1.5, -2 + kStep) - f(1.5, -2 - kStep)) / (2 * kStep),
              1e-10);
  EXPECT_EQ(grads[0].op().type(), "AddN");
}

TEST_F(Gradients, SeveralYsAndTheirGradientsAddUp) {
  Output x = placeholder("x");
  Output y1 = node("Neg", x);
  Output y2 = node("Mul", x, 4);

  ASSERT_TRUE(AddSymbolicGradients(root, {y1, y2}, {x}, {NoGradient(), ops::Const(root, 10.0f)}, &grads).ok());

  EXPECT_EQ(value(grads[0].wire(), {{"x", 1}}), -1 + 40);
}

TEST_F(Gradients, OfYWithRespectToItselfAreTheOnes) {
  Output x = placeholder("x", {-1});

  ASSERT_TRUE(AddSymbolicGradients(root, {x}, {x}, &grads).ok());

  EXPECT_EQ(grads[0].op().name(), "gradients/grad_ys_0");
  EXPECT_EQ(grads[0].op().type(), "Fill");
}

TEST_F(Gradients, UnreachableXHasNoGradient) {
  Output x = placeholder("x");
  Output other = placeholder("other");

  ASSERT_TRUE(AddSymbolicGradients(root, {node("Neg", x)}, {x, other}, &grads).ok());

  EXPECT_FALSE(grads[0].is_none());
  EXPECT_EQ(grads[1], NoGradient());
}

TEST_F(Gradients, StopAtStopGradientAndIntegers) {
  Output x = placeholder("x");
  Output stopped = node("Mul", x, node("StopGradient", x));
  Output through_ints =
      AddNode(root, "Cast", {AddNode(root, "Cast", {x}, {{"DstT", DT_INT32}}).output(0)}, {{"DstT", DT_FLOAT}})
          .output(0);

  Status status = AddSymbolicGradients(root, {node("Add", stopped, through_ints)}, {x}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(value(grads[0].wire(), {{"x", 7}}), 7);  // not 14: the second factor is constant
}

TEST_F(Gradients, NameTheOpThatHasNone) {
  Output x = placeholder("x");
  Output y = node("Neg", node("NoGrad", node("Neg", x), "secret"));

  Status status = AddSymbolicGradients(root, {y}, {x}, &grads);

  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_EQ(status.node(), "secret");
  EXPECT_EQ(status.message(),
            "no gradient through NoGrad 'secret', which lies between 'Neg_1:0' and 'x:0': op NoGrad has none (its "
            "derivative is a secret)");
}

TEST_F(Gradients, OpsAsideOfTheWayNeedNone) {
  Output x = placeholder("x");
  Output aside = node("NoGrad", placeholder("data"));
  node("NoGrad", x);  // y does not depend on it

  EXPECT_TRUE(AddSymbolicGradients(root, {node("Mul", x, aside)}, {x}, &grads).ok());
}

TEST_F(Gradients, CheckThatAGradientFitsItsInput) {
  Output x = placeholder("x", {3});

  Status status = AddSymbolicGradients(root, {node("BadGrad", x, "bad")}, {x}, &grads);

  EXPECT_EQ(status.message(), "gradient of BadGrad 'bad': input 0 is f32[3] but its gradient is f32[7]");
}

TEST_F(Gradients, UnusedOutputsOfAnOpHaveNone) {
  Output x = placeholder("x");
  Operation split = AddNode(root, "Split2", {x});

  ASSERT_TRUE(AddSymbolicGradients(root, {node("Neg", split.output(1))}, {x, split.output(0)}, &grads).ok());

  EXPECT_EQ(value(grads[0].wire(), {{"x", 1}}), -1);
  EXPECT_EQ(grads[1], NoGradient());
}

TEST_F(Gradients, OfAVariableComeBackForAnyHandleOnIt) {
  AttrMap attrs{{"dtype", DT_FLOAT}, {"shape", Shape{}}};
  Output w = AddNode(root.WithOpName("w"), "VariableV2", {}, attrs).output(0);
  Output assign = AddNode(root.WithOpName("w/Assign"), "Assign", {w, 2.0f}).output(0);
  Output read = node("Identity", w, "w/read");
  Output x = placeholder("x");
  Output by_read = node("Mul", read, x);

  ASSERT_TRUE(AddSymbolicGradients(root, {by_read}, {w, assign, read}, &grads).ok());
  EXPECT_EQ(value(grads[0].wire(), {{"x", 3}}), 3);
  EXPECT_EQ(grads[1], grads[0]);
  EXPECT_EQ(grads[2], grads[0]);

  // Every use of the variable counts for the variable; a read that is not used gets the variable's gradient.
  Output by_all = node("Add", node("Mul", w, x), node("Mul", assign, x));
  Status status = AddSymbolicGradients(root, {by_all}, {w, read}, &grads);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(value(grads[0].wire(), {{"x", 3}}), 6);
  EXPECT_EQ(value(grads[1].wire(), {{"x", 3}}), 6);
}

TEST_F(Gradients, DoNotFlowIntoAssignedValues) {
  AttrMap attrs{{"dtype", DT_FLOAT}, {"shape", Shape{}}};
  Output w = AddNode(root.WithOpName("w"), "VariableV2", {}, attrs).output(0);
  Output x = placeholder("x");
  Output assigned = AddNode(root, "Assign", {w, node("Neg", x)}).output(0);

  ASSERT_TRUE(AddSymbolicGradients(root, {node("Neg", assigned)}, {x, w}, &grads).ok());

  EXPECT_EQ(grads[0], NoGradient());
  EXPECT_FALSE(grads[1].is_none());
}

TEST_F(Gradients, RefuseIntegerYsAndStrangers) {
  Output n = placeholder("n", {}, DT_INT32);
  Output x = placeholder("x");
  Scope other = Scope::NewRootScope(toy_ops());

  EXPECT_EQ(AddSymbolicGradients(root, {n}, {x}, &grads).message(),
            "AddSymbolicGradients: 'n:0' is int32; only floating values have gradients");
  EXPECT_EQ(AddSymbolicGradients(root, {x}, {Output()}, &grads).message(), "AddSymbolicGradients: xs[0] is no output");
  EXPECT_EQ(AddSymbolicGradients(other, {x}, {x}, &grads).message(),
            "AddSymbolicGradients: ys[0] 'x:0' belongs to another graph than the scope");
}

TEST_F(Gradients, AChainOfAHundredThousandNodesNeedsNoStack) {
  Output x = placeholder("x");
  Output y = x;
  for (int i = 0; i < 100000; ++i) y = node("Neg", y);

  Status status = AddSymbolicGradients(root, {y}, {x}, &grads);

  ASSERT_TRUE(status.ok()) << status.to_string();
  int negations = 0;
  for (Wire wire = grads[0].wire(); !root.graph().node(wire.node).is("Const");
       wire = root.graph().node(wire.node).inputs[0])
    ++negations;
  EXPECT_EQ(negations, 100000);
}

TEST_F(Gradients, TwoCallsKeepTheirNodesApart) {
  Output x = placeholder("x");
  Output y = node("Mul", x, x);
  std::vector<Output> first, second;

  ASSERT_TRUE(AddSymbolicGradients(root, {y}, {x}, &first).ok());
  ASSERT_TRUE(AddSymbolicGradients(root, {first[0]}, {x}, &second).ok());

  EXPECT_EQ(first[0].op().name(), "gradients/AddN");
  EXPECT_TRUE(second[0].op().name().starts_with("gradients_1/")) << second[0].name();
  EXPECT_EQ(value(second[0].wire(), {{"x", 5}}), 2);  // d2(x^2)/dx2
}

}  // namespace
}  // namespace tarn
