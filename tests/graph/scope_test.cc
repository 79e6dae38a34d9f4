#include "graph/scope.h"

#include <gtest/gtest.h>

#include "tests/graph/toy_ops.h"

namespace tarn {
namespace {

using testing::toy_ops;

Output placeholder(const Scope& scope, DType dtype, const Shape& shape) {
  return AddNode(scope, "Placeholder", {}, {{"dtype", dtype}, {"shape", shape}}).output(0);
}

Output binary(const Scope& scope, const char* op, const Input& x, const Input& y) {
  return AddNode(scope, op, {x, y}).output(0);
}

TEST(Scope, NamesNodesByPrefixAndOpAndCountsRepeats) {
  Scope root = Scope::NewRootScope(toy_ops());
  Output x = placeholder(root.WithOpName("x"), DT_FLOAT, {2});
  Scope net = root.NewSubScope("net");

  EXPECT_EQ(x.name(), "x:0");
  EXPECT_EQ(binary(root, "Add", x, x).op().name(), "Add");
  EXPECT_EQ(binary(root, "Add", x, x).op().name(), "Add_1");
  EXPECT_EQ(binary(root, "Add", x, x).op().name(), "Add_2");
  EXPECT_EQ(binary(net, "Add", x, x).op().name(), "net/Add");
  EXPECT_EQ(binary(net.WithOpName("sum", 7, "_", "a"), "Add", x, x).op().name(), "net/sum7_a");
  EXPECT_EQ(binary(net.NewSubScope("inner"), "Add", x, x).op().name(), "net/inner/Add");
  EXPECT_TRUE(root.ok()) << root.status().to_string();
}

TEST(Scope, SubScopesAndNodesShareOneSetOfNames) {
  Scope root = Scope::NewRootScope(toy_ops());

  EXPECT_EQ(root.NewSubScope("a").prefix(), "a");
  EXPECT_EQ(root.NewSubScope("a").prefix(), "a_1");
  Output x = placeholder(root.WithOpName("a"), DT_FLOAT, {});
  EXPECT_EQ(x.op().name(), "a_2");
  EXPECT_EQ(placeholder(root.WithOpName("b"), DT_FLOAT, {}).op().name(), "b");
  EXPECT_EQ(root.NewSubScope("b").prefix(), "b_1");
  EXPECT_EQ(root.Reopen("a").prefix(), "a");
  EXPECT_EQ(root.Inside(x).prefix(), "a_2");
}

TEST(Scope, OverAGraphKnowsItsNamesAndPrefixes) {
  Graph graph(toy_ops());
  ASSERT_TRUE(graph.add({.name = "net/x", .op = "Placeholder", .attrs = {{"dtype", DType::kFloat}}}).ok());

  Scope scope = Scope::Over(graph);

  EXPECT_EQ(scope.NewSubScope("net").prefix(), "net_1");
  EXPECT_EQ(scope.Reopen("net").GetUniqueNameForOp("x"), "net/x_1");
}

TEST(Scope, InfersFactsAsNodesAreAdded) {
  Scope root = Scope::NewRootScope(toy_ops());
  Output x = placeholder(root, DT_DOUBLE, {-1, 3});

  Output y = binary(root, "Add", x, Input({1.0, 2.0, 3.0}));

  EXPECT_EQ(y.fact().to_string(), "f64[?,3]");
  EXPECT_EQ(y.dtype(), DT_DOUBLE);
  EXPECT_EQ(y.shape().to_string(), "[?,3]");
}

TEST(Scope, FirstErrorSticksAndLaterBuildersDoNothing) {
  Scope root = Scope::NewRootScope(toy_ops());
  Output x = placeholder(root.WithOpName("x"), DT_FLOAT, {2});
  Output y = placeholder(root.WithOpName("y"), DT_FLOAT, {3});
  int nodes = root.graph().node_count();

  Output bad = binary(root.NewSubScope("net").WithOpName("sum"), "Add", x, y);
  std::string first = root.status().to_string();
  Output later = binary(root, "Add", x, x);

  EXPECT_TRUE(bad.is_none());
  EXPECT_TRUE(later.is_none());
  EXPECT_EQ(root.status().node(), "net/sum");
  EXPECT_NE(first.find("Add 'net/sum'"), std::string::npos) << first;
  EXPECT_NE(first.find("x f32[2], y f32[3]"), std::string::npos) << first;
  EXPECT_EQ(root.status().to_string(), first);
  EXPECT_EQ(root.graph().node_count(), nodes);
  root.UpdateStatus(invalid_argument("another"));
  EXPECT_EQ(root.status().to_string(), first);
}

TEST(Scope, NamesTheNearestOpOfAWrongOne) {
  Scope root = Scope::NewRootScope(toy_ops());

  AddNode(root, "Identiti", {1.0f});

  EXPECT_EQ(root.status().message(), "op 'Identiti' of node 'Identiti' is not supported; did you mean 'Identity'?");
}

TEST(Scope, SaysHowManyInputsAnOpTakes) {
  Scope root = Scope::NewRootScope(toy_ops());

  AddNode(root, "Add", {1.0f});

  EXPECT_EQ(root.status().message(), "Add 'Add': expects 2 inputs (x, y), got 1");
}

TEST(Scope, ControlDependenciesReachNodesAndTheirConstants) {
  Scope root = Scope::NewRootScope(toy_ops());
  Output x = placeholder(root, DT_FLOAT, {});
  Operation first = AddNode(root.WithOpName("first"), "NoOp", {});
  Operation second = AddNode(root.WithOpName("second"), "NoOp", {});

  Scope within = root.WithControlDependencies({first, second}).WithControlDependencies(std::vector<Operation>{first});
  Output y = binary(within, "Add", x, 1.0f);
  Output z = binary(within.WithNoControlDependencies(), "Add", x, x);
  Output w = binary(root.WithControlDependencies(y), "Add", x, x);

  EXPECT_EQ(y.op().node().controls, (std::vector<NodeId>{first.id(), second.id()}));
  EXPECT_EQ(root.graph().node(*root.graph().find("Add/y")).controls, (std::vector<NodeId>{first.id(), second.id()}));
  EXPECT_TRUE(z.op().node().controls.empty());
  EXPECT_EQ(w.op().node().controls, (std::vector<NodeId>{y.op().id()}));
}

TEST(Scope, DeviceAndColocationGoOnNodes) {
  Scope root = Scope::NewRootScope(toy_ops());
  Output x = placeholder(root.WithOpName("x").WithDevice("/cpu:0"), DT_FLOAT, {});

  Output y = binary(root.ColocateWith(x.op()), "Add", x, x);
  Output z = binary(root.ColocateWith(x.op()).ClearColocation(), "Add", x, x);

  EXPECT_EQ(x.op().node().device, "/cpu:0");
  EXPECT_EQ(y.op().node().attrs.get<std::vector<std::string>>("_class"), std::vector<std::string>{"loc:@x"});
  EXPECT_FALSE(z.op().node().attrs.contains("_class"));
}

TEST(Scope, RefusesOutputsOfOtherGraphsAndMissingOnes) {
  Scope root = Scope::NewRootScope(toy_ops());
  Scope other = Scope::NewRootScope(toy_ops());
  Output stranger = placeholder(other.WithOpName("stranger"), DT_FLOAT, {});

  binary(root, "Add", 1.0f, stranger);

  EXPECT_EQ(root.status().message(), "Add 'Add': input 'y' is 'stranger:0' of another graph");
  Scope third = Scope::NewRootScope(toy_ops());
  binary(third, "Add", 1.0f, Output());
  EXPECT_NE(third.status().message().find("input 'y' is no output of any node"), std::string_view::npos);
}

TEST(Scope, SeedsFollowTensorFlowsRule) {
  Scope root = Scope::NewRootScope(toy_ops());

  EXPECT_EQ(root.NextSeeds(), (std::pair<int64_t, int64_t>(0, 0)));
  EXPECT_EQ(root.NextSeeds(5), (std::pair<int64_t, int64_t>(87654321, 5)));
  root.SetRandomSeed(3);
  EXPECT_EQ(root.NextSeeds(), (std::pair<int64_t, int64_t>(3, 0)));
  placeholder(root, DT_FLOAT, {});
  EXPECT_EQ(root.NextSeeds(), (std::pair<int64_t, int64_t>(3, 1)));
  EXPECT_EQ(root.NextSeeds(9), (std::pair<int64_t, int64_t>(3, 9)));
  root.SetRandomSeed(0);
  EXPECT_EQ(root.NextSeeds(0), (std::pair<int64_t, int64_t>(0, 2147483647)));
}

// Constants written in place: which op takes them, what was written, what the Const holds.
struct LiteralCase {
  const char* name;
  DType other;  // of the op's other input; kInvalid: the same literal
  Input literal;
  const char* value;  // "" where it is an error
};

class Literals : public ::testing::TestWithParam<LiteralCase> {};

TEST_P(Literals, TakeTheDtypeTheOpNeeds) {
  Scope root = Scope::NewRootScope(toy_ops());
  const LiteralCase& c = GetParam();

  Input other = c.other == DType::kInvalid ? c.literal : Input(placeholder(root, c.other, Shape::unknown()));
  Output y = binary(root, "Add", other, c.literal);

  if (c.value[0] == '\0') {
    EXPECT_FALSE(root.ok());
    return;
  }
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Wire constant = y.op().node().inputs[1];
  EXPECT_EQ(root.graph().node(constant.node).name, "Add/y");
  EXPECT_EQ(root.graph().fact(constant).value.to_string(), c.value);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Literals,
    ::testing::Values(LiteralCase{"FloatForDouble", DT_DOUBLE, 1.5f, "f64[]{1.5}"},
                      LiteralCase{"IntForFloat", DT_FLOAT, 2, "f32[]{2}"},
                      LiteralCase{"IntForInt64", DT_INT64, 2, "i64[]{2}"},
                      LiteralCase{"WholeDoubleForInt", DT_INT32, 2.0, "i32[]{2}"},
                      LiteralCase{"FractionForInt", DT_INT32, 2.5, ""}, LiteralCase{"TooLarge", DT_INT32, 3e9, ""},
                      LiteralCase{"BoolForInt", DT_INT32, true, ""}, LiteralCase{"TextForFloat", DT_FLOAT, "a", ""},
                      LiteralCase{"TensorKeepsItsType", DT_DOUBLE, Tensor::scalar<float>(1), ""},
                      LiteralCase{"NestedList", DT_FLOAT, {{1, 2}, {3, 4}}, "f32[2,2]{1, 2, 3, 4}"},
                      LiteralCase{"MixedList", DType::kInvalid, {1, 2.5f}, "f32[2]{1, 2.5}"},
                      LiteralCase{"Ragged", DT_FLOAT, {{1, 2}, {3}}, ""},
                      LiteralCase{"EmptyList", DT_FLOAT, {}, "f32[0]{}"},
                      LiteralCase{"Vector", DT_FLOAT, std::vector<int>{1, 2}, "f32[2]{1, 2}"},
                      LiteralCase{"AloneAsWritten", DType::kInvalid, 1.5, "f64[]{1.5}"}),
    [](const auto& info) { return info.param.name; });

TEST(Scope, LiteralsMeetOnTheWidestWhenNothingElseTiesThem) {
  Scope root = Scope::NewRootScope(toy_ops());

  Output y = binary(root, "Add", 1, 2.5f);

  EXPECT_EQ(y.dtype(), DT_FLOAT) << root.status().to_string();
}

TEST(Scope, FixedAndDefaultedAttrsRuleLiterals) {
  Scope root = Scope::NewRootScope(toy_ops());

  Output filled = AddNode(root, "Fill", {Input({2, 3}), 1.0f}).output(0);
  Output wide = AddNode(root, "Fill", {Input({2, 3}), 1}, {{"T", DT_DOUBLE}, {"index_type", DT_INT64}}).output(0);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(filled.op().node().attrs.get<DType>("index_type"), DT_INT32);
  EXPECT_EQ(wide.dtype(), DT_DOUBLE);
  EXPECT_EQ(root.graph().fact(wide.op().node().inputs[0]).to_string(), "i64[2]");
}

TEST(Scope, ListsOfInputsBecomeN) {
  Scope root = Scope::NewRootScope(toy_ops());
  Output x = placeholder(root, DT_DOUBLE, {2});

  Output sum = AddNode(root, "AddN", {InputList{x, Input({1, 2}), x}}).output(0);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(sum.op().node().attrs.get<int64_t>("N"), 3);
  EXPECT_EQ(root.graph().fact(sum.op().node().inputs[1]).value.to_string(), "f64[2]{1, 2}");
  EXPECT_TRUE(root.graph().find("AddN/inputs_1").has_value());
}

TEST(Const, TakesNumbersListsAndShapes) {
  Scope root = Scope::NewRootScope(toy_ops());

  EXPECT_EQ(ops::Const(root, 2).fact().value.to_string(), "i32[]{2}");
  EXPECT_EQ(ops::Const(root, 2.0f).fact().value.to_string(), "f32[]{2}");
  EXPECT_EQ(ops::Const<double>(root, {{1, 2}, {3, 4}}).fact().value.to_string(), "f64[2,2]{1, 2, 3, 4}");
  EXPECT_EQ(ops::Const(root, {1.0f, 2.0f, 3.0f, 4.0f}, {2, 2}).fact().value.to_string(), "f32[2,2]{1, 2, 3, 4}");
  EXPECT_EQ(ops::Const(root, 0.5f, {3}).fact().value.to_string(), "f32[3]{0.5, 0.5, 0.5}");
  EXPECT_EQ(ops::Const(root, "a", {2}).fact().value.to_string(),
            Tensor::from<std::string>({2}, {"a", "a"}).to_string());
  EXPECT_EQ(ops::Const(root.WithOpName("c"), 1).name(), "c:0");
  EXPECT_TRUE(root.ok()) << root.status().to_string();
  ops::Const(root.WithOpName("bad"), {1, 2, 3}, {2, 2});
  EXPECT_NE(root.status().message().find("Const 'bad'"), std::string_view::npos) << root.status().message();
}

}  // namespace
}  // namespace tarn
