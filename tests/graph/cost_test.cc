#include "graph/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/graph_text.h"

namespace tarn {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

NodeCost cost_of(const Graph& graph, const GraphCost& cost, std::string_view name) {
  for (const NodeCost& node : cost.nodes) {
    if (graph.node(node.node).name == name) return node;
  }
  ADD_FAILURE() << "no cost of " << name;
  return {};
}

constexpr std::string_view kConvolution = R"(
x: f32[?,6,6,3] = Placeholder
w: f32[2,2,3,4] = random(seed=1)
conv: f32[?,5,5,4] = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="VALID"}
bias: f32[4] = {1, 2, 3, 4}
y: f32[?,5,5,4] = BiasAdd(conv, bias)
pool: f32[?,4,4,4] = MaxPool(y) {ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="VALID"}
flat: f32[?,64] = Reshape(pool, to)
to: i32[2] = {-1, 64}
)";

TEST(GraphCost, CountsAConvolutionOfOnePictureByDefault) {
  Graph graph = graph_of(kConvolution);

  GraphCost cost = graph_cost(graph, {.outputs = {"flat"}});

  NodeCost conv = cost_of(graph, cost, "conv");
  EXPECT_EQ(conv.macs, 5 * 5 * 4 * (2 * 2 * 3));  // outputs times filter numbers
  EXPECT_EQ(conv.operations, 2 * conv.macs);
  EXPECT_EQ(conv.weight_bytes, 4 * 2 * 2 * 3 * 4);
  EXPECT_EQ(conv.read_bytes, 4 * 6 * 6 * 3);
  EXPECT_EQ(conv.written_bytes, 4 * 5 * 5 * 4);
  EXPECT_EQ(cost_of(graph, cost, "y").operations, 5 * 5 * 4);
  EXPECT_EQ(cost_of(graph, cost, "pool").operations, 4 * 4 * 4 * (2 * 2));
  EXPECT_EQ(cost_of(graph, cost, "flat").written_bytes, 0) << "a view writes nothing";
  EXPECT_EQ(cost.macs, conv.macs);
  EXPECT_EQ(cost.weight_bytes, 4 * (2 * 2 * 3 * 4 + 4 + 2));
  EXPECT_THAT(cost.notes, ElementsAre("the unknown batch of 'x' is taken as 1"));
  EXPECT_THAT(cost.uncounted, IsEmpty());
}

TEST(GraphCost, GrowsWithTheBatch) {
  Graph graph = graph_of(kConvolution);

  GraphCost one = graph_cost(graph, {.outputs = {"flat"}});
  GraphCost three = graph_cost(graph, {.outputs = {"flat"}, .batch = 3});

  EXPECT_EQ(three.macs, 3 * one.macs);
  EXPECT_EQ(three.written_bytes, 3 * one.written_bytes);
  EXPECT_EQ(three.weight_bytes, one.weight_bytes);
}

TEST(GraphCost, HasTheArenaOfTheCompiledProgram) {
  GraphCost cost = graph_cost(graph_of(kConvolution), {.outputs = {"flat"}});

  ASSERT_NE(cost.program, nullptr) << cost.no_program;
  // The convolution (with its bias) and the pool live at once.
  EXPECT_GE(cost.arena_bytes, 4U * (5 * 5 * 4 + 4 * 4 * 4));
  EXPECT_GE(cost.arena_bytes, cost.arena_lower_bound_bytes);
  EXPECT_GT(cost.arena_lower_bound_bytes, 0U);
  EXPECT_EQ(program_macs(*cost.program), cost.macs) << "fused steps multiply as often as the nodes did";
}

TEST(GraphCost, LeavesOutWhatTheOutputsDoNotNeedAndWhatIsFed) {
  Graph graph = graph_of(std::string(kConvolution) + "z: f32[?,5,5,4] = Relu(conv)\n");

  GraphCost cost = graph_cost(graph, {.inputs = {"y"}, .outputs = {"flat"}});

  EXPECT_EQ(cost.macs, 0);
  EXPECT_EQ(cost_of(graph, cost, "pool").operations, 4 * 4 * 4 * (2 * 2));
  EXPECT_FALSE(std::any_of(cost.nodes.begin(), cost.nodes.end(),
                           [&](const NodeCost& node) { return graph.node(node.node).name == "z"; }));
}

TEST(GraphCost, SaysWhatItCannotCount) {
  Graph graph = graph_of(R"(
x: f32? = Placeholder
m: f32[3,3] = Placeholder
a: f32? = Relu(x)
w: f32[3,3] = Cholesky(m)
)");

  GraphCost cost = graph_cost(graph, {});

  EXPECT_THAT(cost.notes, Contains(HasSubstr("the shape of 'x' is unknown")));
  EXPECT_THAT(cost.uncounted, Contains(Pair("Relu", 1)));
  EXPECT_THAT(cost.uncounted, Contains(Pair("Cholesky", 1)));
  EXPECT_EQ(cost.program, nullptr);
  EXPECT_THAT(cost.no_program, HasSubstr("'x'"));
}

TEST(GraphCost, TakesModesAndFilesOfUnknownShapeAsScalars) {
  Graph graph = graph_of(R"(
training: bool = Placeholder
x: f32[2,4] = Placeholder
pick: (f32[2,4], f32[2,4]) = Switch(x, training)
on: f32[2,4] = Relu(pick:1)
y: (f32[2,4], i32[]) = Merge(pick, on)
)");

  GraphCost cost = graph_cost(graph, {.outputs = {"y"}});

  EXPECT_THAT(cost.notes, ElementsAre("the unknown shape of 'training' is taken as a scalar's"));
  EXPECT_NE(cost.program, nullptr) << cost.no_program;
}

TEST(GraphCost, TakesTheBatchThroughShapesThatAreComputed) {
  Graph graph = graph_of(R"(
x: f32[?,8] = Placeholder
shape: i32[2] = Shape(x)
zero: i32[1] = {0}
one: i32[1] = {1}
batch: i32[] = StridedSlice(shape, zero, one, one) {shrink_axis_mask=1}
two: i32[] = 2
four: i32[] = 4
to: i32[3] = Pack(batch, two, four)
cube: f32[?,2,4] = Reshape(x, to)
y: f32[?,2,4] = Tanh(cube)
)");

  EXPECT_EQ(graph_cost(graph, {.outputs = {"y"}, .batch = 5}).operations, 5 * 8);
}

// What an op multiplies, against the loops that define it.
struct Product {
  std::string op;
  std::vector<Shape> inputs;
  Shape output;
  int64_t macs;
};
class MultiplyAccumulates : public testing::TestWithParam<Product> {};

TEST_P(MultiplyAccumulates, AreThoseOfTheDefinition) {
  const Product& product = GetParam();
  std::vector<const Shape*> inputs;
  for (const Shape& shape : product.inputs) inputs.push_back(&shape);
  const Shape* output = &product.output;

  EXPECT_EQ(multiply_accumulates(product.op, {}, inputs, std::span(&output, 1)), product.macs);
}

INSTANTIATE_TEST_SUITE_P(
    Ops, MultiplyAccumulates,
    testing::Values(Product{"Conv2D", {{2, 8, 8, 3}, {3, 3, 3, 16}}, {2, 4, 4, 16}, 2 * 4 * 4 * 16 * (3 * 3 * 3)},
                    Product{"DepthwiseConv2dNative", {{1, 8, 8, 6}, {3, 3, 6, 2}}, {1, 8, 8, 12}, 8 * 8 * 12 * 9},
                    // Each of the 4 * 4 * 5 numbers of the smaller picture goes to 3 * 3 places of 7 channels.
                    Product{"Conv2DBackpropInput", {{4}, {3, 3, 7, 5}, {1, 4, 4, 5}}, {1, 8, 8, 7}, 4 * 4 * 5 * 9 * 7},
                    Product{"Conv2DBackpropFilter", {{1, 8, 8, 7}, {4}, {1, 4, 4, 5}}, {3, 3, 7, 5}, 4 * 4 * 5 * 9 * 7},
                    Product{"Conv3D", {{1, 4, 4, 4, 2}, {2, 2, 2, 2, 3}}, {1, 3, 3, 3, 3}, 27 * 3 * (8 * 2)},
                    Product{"MatMul", {{5, 7}, {7, 3}}, {5, 3}, 5 * 7 * 3},
                    Product{"MatMul", {{7, 5}, {3, 7}}, {5, 3}, 5 * 7 * 3},  // both transposed
                    Product{"MatMul", {{5, 0}, {0, 3}}, {5, 3}, 0},
                    Product{"BatchMatMulV2", {{2, 1, 5, 7}, {6, 7, 3}}, {2, 6, 5, 3}, 2 * 6 * 5 * 7 * 3},
                    Product{"BatchMatMul", {{2, 7, 5}, {2, 7, 3}}, {2, 5, 3}, 2 * 5 * 7 * 3},  // the first transposed
                    Product{"LSTMBlockCell", {{4, 10}, {4, 8}, {4, 8}, {18, 32}}, {4, 8}, 4 * 18 * 32},
                    Product{"BlockLSTM", {{}, {6, 4, 10}, {4, 8}, {4, 8}, {18, 32}}, {6, 4, 8}, 6 * 4 * 18 * 32},
                    Product{"GRUBlockCell", {{4, 10}, {4, 8}, {18, 16}, {18, 8}}, {4, 8}, 4 * 18 * 24},
                    Product{"SparseTensorDenseMatMul", {{9, 2}, {9}, {2}, {5, 3}}, {4, 3}, 9 * 3},
                    Product{"Relu", {{4, 4}}, {4, 4}, 0}),
    [](const testing::TestParamInfo<Product>& info) { return info.param.op + std::to_string(info.index); });

TEST(MultiplyAccumulates, OfEinsumCountEachLabelOnce) {
  AttrMap attrs;
  auto macs = [&](std::string equation, const Shape& a, const Shape& b) {
    attrs.set("equation", std::move(equation));
    const Shape* inputs[] = {&a, &b};
    const Shape any;
    const Shape* output[] = {&any};
    return multiply_accumulates("Einsum", attrs, inputs, output);
  };

  EXPECT_EQ(macs("ab,bc->ac", {2, 3}, {3, 5}), 2 * 3 * 5);
  EXPECT_EQ(macs("...ab,...bc->...ac", {7, 2, 3}, {7, 3, 5}), 7 * 2 * 3 * 5);
  EXPECT_EQ(macs("...ab,bc->...ac", {7, 4, 2, 3}, {3, 5}), 7 * 4 * 2 * 3 * 5);
  EXPECT_EQ(macs("ab,bc->ac", {2, 3, 4}, {3, 5}), std::nullopt) << "the equation does not fit";
}

TEST(MultiplyAccumulates, AreUnknownOfUnknownSizesAndNeverOverflow) {
  Shape unknown{-1, 4}, weights{4, 2}, out{-1, 2};
  const Shape* inputs[] = {&unknown, &weights};
  const Shape* output[] = {&out};
  EXPECT_EQ(multiply_accumulates("MatMul", {}, inputs, output), std::nullopt);

  constexpr int64_t kHuge = int64_t{1} << 40;
  Shape huge{1, kHuge, kHuge, 1}, filter{3, 3, 1, 1};
  const Shape* huge_inputs[] = {&huge, &filter};
  const Shape* huge_output[] = {&huge};
  EXPECT_EQ(multiply_accumulates("Conv2D", {}, huge_inputs, huge_output), std::numeric_limits<int64_t>::max());
}

}  // namespace
}  // namespace tarn
