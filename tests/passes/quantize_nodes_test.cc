// quantize_nodes against a naive reference of its formulas, and against the graph in float.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "graph/session.h"
#include "graph/text.h"
#include "passes/support/pass_manager.h"
#include "passes/support/pipeline.h"

namespace tarn {
namespace {

std::vector<float> random_values(size_t count, unsigned seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(random);
  return values;
}

Graph read(std::string_view text) {
  Result<Graph> graph = graph_from_text(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? *std::move(graph) : Graph();
}

Result<std::vector<PassReport>> transform(Graph& graph, const std::string& pipeline, const std::string& output = "y") {
  TARN_ASSIGN_OR_RETURN(std::vector<PipelineStep> steps, parse_pipeline(pipeline));
  PassManagerOptions options;
  options.outputs = {output};
  return PassManager(options).run(graph, steps);
}

Result<Tensor> run(const Graph& graph, const Tensor& x) {
  Session session(graph, SessionOptions());
  std::vector<Tensor> values;
  TARN_RETURN_IF_ERROR(session.Run({{"x", x}}, {"y"}, &values));
  return values[0];
}

// --- the formulas, in double
// ------------------------------------------------------------------------------------------
struct Line {
  double low, step;
};
// Of QuantizeV2: holds 0, at least a hundredth of max(1, |low|, |high|) wide.
Line line_of(const std::vector<float>& values) {
  double low = 0, high = 0;
  for (double v : values) low = std::min(low, v), high = std::max(high, v);
  high = std::max(high, low + std::max({1.0, std::abs(low), std::abs(high)}) / 100);
  return {low, (high - low) / 255};
}
// What the code of v stands for in a product: (code - code of 0) * step.
double coded(double v, const Line& line) {
  return (std::nearbyint((v - line.low) / line.step) - std::nearbyint(-line.low / line.step)) * line.step;
}

TEST(QuantizeNodes, MultipliesMatricesAsTheFormulasSay) {
  for (unsigned seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(str_cat("seed ", seed));
    constexpr int kRows = 5, kDepth = 17, kColumns = 6;
    std::vector<float> x = random_values(kRows * kDepth, seed, -1, 3);
    std::vector<float> w = random_values(kDepth * kColumns, seed + 100, -0.5, 0.5);
    Graph graph;
    NodeId px = *graph.add({.name = "x", .op = "Placeholder", .attrs = {{"dtype", DType::kFloat}}});
    NodeId pw =
        *graph.add({.name = "w",
                    .op = "Const",
                    .attrs = {{"value", Tensor::from<float>({kDepth, kColumns}, w)}, {"dtype", DType::kFloat}}});
    ASSERT_TRUE(graph.add({.name = "y", .op = "MatMul", .inputs = {{px, 0}, {pw, 0}}}).ok());

    auto reports = transform(graph, "quantize_nodes");

    ASSERT_TRUE(reports.ok()) << reports.status().to_string();
    EXPECT_EQ(reports->at(0).changes, 1);
    Result<Tensor> y = run(graph, Tensor::from<float>({kRows, kDepth}, x));
    ASSERT_TRUE(y.ok()) << y.status().to_string();
    Line xs = line_of(x), ws = line_of(w);
    std::vector<double> expected(kRows * kColumns, 0);
    for (size_t i = 0; i < kRows; ++i) {
      for (size_t k = 0; k < kDepth; ++k) {
        for (size_t j = 0; j < kColumns; ++j)
          expected[i * kColumns + j] += coded(x[i * kDepth + k], xs) * coded(w[k * kColumns + j], ws);
      }
    }
    double low = std::min(0.0, *std::min_element(expected.begin(), expected.end()));
    double step = (*std::max_element(expected.begin(), expected.end()) - low) / 255;
    for (size_t i = 0; i < expected.size(); ++i) {
      // Half a step for the code, half a step since Dequantize moves the minimum to a multiple of the step, and one
      // level of x and w, should float32 round a code differently from double.
      EXPECT_NEAR(y->flat<float>()[i], expected[i], step + 3 * ws.step + 0.5 * xs.step) << "element " << i;
    }
  }
}

constexpr std::string_view kNetwork = R"(
x: f32[?,8,8,2] = Placeholder
w: f32[3,3,2,4] = random(seed=5)
b: f32[4] = {0.1, -0.2, 0.3, 0}
conv = Conv2D(x, w) {padding="SAME", strides=[1, 2, 2, 1]}
sum = BiasAdd(conv, b)
relu = Relu(sum)
pool = MaxPool(relu) {ksize=[1, 2, 2, 1], padding="VALID", strides=[1, 2, 2, 1]}
sizes: i32[2] = {-1, 16}
flat = Reshape(pool, sizes)
v: f32[16,3] = random(seed=6)
product = MatMul(flat, v)
scale: f32[3] = {1, -2, 0.5}
y = Mul(product, scale)
)";

TEST(QuantizeNodes, ANetworkStaysCloseToItselfInFloat) {
  for (const char* pipeline : {"quantize_nodes", "quantize_weights(minimum_size=1) quantize_nodes"}) {
    SCOPED_TRACE(pipeline);
    Graph graph = read(kNetwork);
    Tensor x = Tensor::from<float>({2, 8, 8, 2}, random_values(256, 9, -1, 1));
    Result<Tensor> before = run(graph, x);
    ASSERT_TRUE(before.ok()) << before.status().to_string();

    auto reports = transform(graph, pipeline);

    ASSERT_TRUE(reports.ok()) << reports.status().to_string();
    int dequantizes = 0;
    for (NodeId id : graph.ids()) dequantizes += graph.node(id).is("Dequantize") ? 1 : 0;
    EXPECT_EQ(dequantizes, 1) << graph_to_text(graph);  // between 8-bit ops there is none
    Result<Tensor> after = run(graph, x);
    ASSERT_TRUE(after.ok()) << after.status().to_string();
    // Codes of QuantizeV2 begin at the minimum, products count them from the one nearest to 0: all values of a tensor
    // may be off by half a step, the same way, and the sums of 18 and of 16 products add that up.
    EXPECT_LT(relative_difference(*before, *after), 40.0 / 255);
  }
}

TEST(QuantizeNodes, ResultsThatAreAllZeroOrAllNegativeAreNoError) {
  Graph graph = read(R"(
x: f32[?,4] = Placeholder
w: f32[4,4] = fill(0.5)
m = MatMul(x, w)
v: f32[4,4] = fill(0.25)
n = MatMul(m, v)
s = Add(n, m)
y = Mul(s, s)
)");
  Graph quantized = graph;
  auto reports = transform(quantized, "quantize_nodes");
  ASSERT_TRUE(reports.ok()) << reports.status().to_string();

  for (float value : {0.0f, -3.0f}) {
    SCOPED_TRACE(value);
    Tensor x = Tensor::from<float>({2, 4}, std::vector<float>(8, value));
    Result<Tensor> expected = run(graph, x), y = run(quantized, x);

    ASSERT_TRUE(expected.ok()) << expected.status().to_string();
    ASSERT_TRUE(y.ok()) << y.status().to_string();
    // Five roundings to 1/255 of the range, and the square doubles them.
    EXPECT_LT(relative_difference(*expected, *y), 10.0 / 255);
  }
}

TEST(QuantizeNodes, AFakeQuantGivesTheRangeAndIsNotHoistedOverWhatBendsIt) {
  Graph graph = read(R"(
x: f32[?,2] = Placeholder
b: f32[2] = {0.5, -0.5}
lo: f32[] = -1
hi: f32[] = 1
sum = BiasAdd(x, b)
bent = Tanh(sum)
y = FakeQuantWithMinMaxVars(bent, lo, hi)
)");
  Graph quantized = graph;

  auto reports = transform(quantized, "quantize_nodes");

  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  NodeId bent = *quantized.find("bent");
  EXPECT_EQ(quantized.wire_name(quantized.node(bent).inputs[0]), "sum") << graph_to_text(quantized);
  EXPECT_TRUE(quantized.find("y_eightbit/requantize").has_value()) << graph_to_text(quantized);
  Tensor x = Tensor::from<float>({3, 2}, {-2, -1, 0, 0.25, 1, 2});
  Result<Tensor> expected = run(graph, x), y = run(quantized, x);
  ASSERT_TRUE(expected.ok()) << expected.status().to_string();
  ASSERT_TRUE(y.ok()) << y.status().to_string();
  // x, b and the sum are rounded to 255 steps of at most 5, half each; the FakeQuant's grid is moved by half a step.
  EXPECT_LT(relative_difference(*expected, *y), 8.0 / 255);
}

TEST(QuantizeNodes, RefusesRangesThatAreNone) {
  for (const char* pipeline :
       {"quantize_nodes(input_min=0)", "quantize_nodes(fallback_max=1)",
        "quantize_nodes(fallback_min=1, fallback_max=2)", "quantize_nodes(input_min=2, input_max=-2)"}) {
    SCOPED_TRACE(pipeline);
    Graph graph = read("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n");

    auto reports = transform(graph, pipeline);

    EXPECT_FALSE(reports.ok());
    EXPECT_TRUE(graph.node(*graph.find("y")).is("Relu"));
  }
}

}  // namespace
}  // namespace tarn
