// quantize_nodes against TensorFlow's formulas in naive loops (quantized_reference.h), and against the graph in float.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "graph/session.h"
#include "graph/text.h"
#include "passes/support/pass_manager.h"
#include "passes/support/pipeline.h"
#include "tests/passes/quantized_reference.h"
#include "tests/support/graph_text.h"

namespace tarn::testing {
namespace {

std::vector<float> random_values(size_t count, unsigned seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(random);
  return values;
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

std::vector<float> values_of(const Tensor& tensor) {
  std::span<const float> values = tensor.flat<float>();
  return {values.begin(), values.end()};
}
// Of a Const.
std::vector<float> values_of(const Graph& graph, std::string_view name) {
  return values_of(graph.node(*graph.find(name)).outputs[0].value);
}

// `y`, of the graph in 8 bits, is what the formulas give; and is as close to `before`, of the graph in float, as the
// roundings of all stages let it.
void expect_as_computed(const Bytes& expected, const Tensor& before, const Tensor& y) {
  EXPECT_EQ(values_of(y), dequantized(expected));
  EXPECT_LE(largest_part_of_bound(expected), 1);
  ASSERT_EQ(before.element_count(), std::ssize(expected.codes));
  double largest = 0;
  for (double value : expected.in_float) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(str_cat("element ", i));
    const auto in_float = static_cast<double>(before.flat<float>()[i]);
    // float32 sums of at most 18 products, several one after the other.
    const double rounding = 1e-5 * largest;
    EXPECT_NEAR(in_float, expected.in_float[i], rounding);
    EXPECT_NEAR(static_cast<double>(y.flat<float>()[i]), in_float, expected.off_by[i] + rounding);
  }
}

TEST(QuantizeNodes, MultipliesMatricesAsTheFormulasSay) {
  for (unsigned seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(str_cat("seed ", seed));
    constexpr int kRows = 5, kDepth = 17, kColumns = 6;
    std::vector<float> x = random_values(kRows * kDepth, seed, -1, 3);
    std::vector<float> w = random_values(kDepth * kColumns, seed + 100, -0.5, 0.5);
    Tensor fed = Tensor::from<float>({kRows, kDepth}, x);
    Graph graph;
    NodeId px = *graph.add({.name = "x", .op = "Placeholder", .attrs = {{"dtype", DType::kFloat}}});
    NodeId pw =
        *graph.add({.name = "w",
                    .op = "Const",
                    .attrs = {{"value", Tensor::from<float>({kDepth, kColumns}, w)}, {"dtype", DType::kFloat}}});
    ASSERT_TRUE(graph.add({.name = "y", .op = "MatMul", .inputs = {{px, 0}, {pw, 0}}}).ok());
    Result<Tensor> before = run(graph, fed);
    ASSERT_TRUE(before.ok()) << before.status().to_string();

    auto reports = transform(graph, "quantize_nodes");

    ASSERT_TRUE(reports.ok()) << reports.status().to_string();
    EXPECT_EQ(reports->at(0).changes, 1);
    Result<Tensor> y = run(graph, fed);
    ASSERT_TRUE(y.ok()) << y.status().to_string();
    expect_as_computed(requantized(mat_mul(quantized({kRows, kDepth}, x), quantized_weights({kDepth, kColumns}, w))),
                       *before, *y);
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

// kNetwork in 8 bits, stage by stage.
Bytes network_by_formulas(const Graph& graph, const Tensor& x) {
  auto constant = [&](std::string_view name, std::vector<int64_t> dims) {
    return quantized_weights(std::move(dims), values_of(graph, name));
  };
  const int64_t batch = x.shape().dim(0);
  auto judged = [](std::string_view stage, Bytes bytes) {
    EXPECT_LE(largest_part_of_bound(bytes), 1) << stage;
    return bytes;
  };
  Bytes fed = judged("x", quantized({batch, 8, 8, 2}, values_of(x)));
  Bytes conv = judged("conv", requantized(conv2d_same(fed, judged("w", constant("w", {3, 3, 2, 4})), 2)));
  Bytes sum = judged("sum", requantized(bias_add(conv, judged("b", constant("b", {4})))));
  Bytes flat = judged("flat", reshaped(max_pool(relu(sum), 2), {batch, 16}));
  Bytes product = judged("product", requantized(mat_mul(flat, judged("v", constant("v", {16, 3})))));
  return requantized(mul(product, judged("scale", constant("scale", {3}))));
}

TEST(QuantizeNodes, ANetworkComputesAsTheFormulasSayAndIsAsCloseToFloatAsTheyLet) {
  for (const char* pipeline : {"quantize_nodes", "quantize_weights(minimum_size=1) quantize_nodes"}) {
    const Graph graph = graph_of(kNetwork);
    Graph eight_bit = graph;
    auto reports = transform(eight_bit, pipeline);
    ASSERT_TRUE(reports.ok()) << reports.status().to_string();
    int dequantizes = 0;
    for (NodeId id : eight_bit.ids()) dequantizes += eight_bit.node(id).is("Dequantize") ? 1 : 0;
    EXPECT_EQ(dequantizes, 1) << graph_to_text(eight_bit);  // between 8-bit ops there is none

    for (unsigned seed = 9; seed < 29; ++seed) {
      SCOPED_TRACE(str_cat(pipeline, ", seed ", seed));
      const float low = seed % 4 == 0 ? 0.0f : seed % 4 == 1 ? -1.0f : -0.1f * static_cast<float>(seed % 7);
      Tensor x = Tensor::from<float>({2, 8, 8, 2}, random_values(256, seed, low, 1));
      Result<Tensor> before = run(graph, x), after = run(eight_bit, x);
      ASSERT_TRUE(before.ok()) << before.status().to_string();
      ASSERT_TRUE(after.ok()) << after.status().to_string();

      expect_as_computed(network_by_formulas(graph, x), *before, *after);
    }
  }
}

TEST(QuantizeNodes, ResultsThatAreAllZeroOrAllNegativeAreNoError) {
  Graph graph = graph_of(R"(
x: f32[?,4] = Placeholder
w: f32[4,4] = fill(0.5)
m = MatMul(x, w)
v: f32[4,4] = fill(0.25)
n = MatMul(m, v)
s = Add(n, m)
y = Mul(s, s)
)");
  Graph eight_bit = graph;
  auto reports = transform(eight_bit, "quantize_nodes");
  ASSERT_TRUE(reports.ok()) << reports.status().to_string();

  for (float value : {0.0f, -3.0f}) {
    SCOPED_TRACE(value);
    Tensor x = Tensor::from<float>({2, 4}, std::vector<float>(8, value));
    Result<Tensor> before = run(graph, x), y = run(eight_bit, x);

    ASSERT_TRUE(before.ok()) << before.status().to_string();
    ASSERT_TRUE(y.ok()) << y.status().to_string();
    Bytes m = requantized(mat_mul(quantized({2, 4}, values_of(x)), quantized_weights({4, 4}, values_of(graph, "w"))));
    Bytes n = requantized(mat_mul(m, quantized_weights({4, 4}, values_of(graph, "v"))));
    Bytes s = requantized(add(n, m));
    expect_as_computed(requantized(mul(s, s)), *before, *y);
  }
}

TEST(QuantizeNodes, AFakeQuantGivesTheRangeAndIsNotHoistedOverWhatBendsIt) {
  Graph graph = graph_of(R"(
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
    Graph graph = graph_of("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n");

    auto reports = transform(graph, pipeline);

    EXPECT_FALSE(reports.ok());
    EXPECT_TRUE(graph.node(*graph.find("y")).is("Relu"));
  }
}

}  // namespace
}  // namespace tarn::testing
