// fold_batch_norms over every form it knows: each product, layout and dtype, with each way to write a batch norm behind
// or before it, of random sizes. Both graphs are run by the manager's verification, within the pass's contract.
//
// Where 1e-5 comes from: an output is a sum of at most 3 * 3 * 5 products, computed twice with other roundings: the
// factors W and s once rounded as W * s (2^-24 each), the sum in any order (45 * 2^-24 of its terms' magnitudes, of
// which the output's range is about a third here: constants are drawn around zero, and some output has little
// cancelled). 47 * 6e-8 * 3 = 8.5e-6. A half has 2^-11 for 2^-24, and 16-bit sums are computed in float: of the
// weights' and the bias's rounding, of the old steps' outputs and the new one's there are at most 8, the manager's
// bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <span>

#include "graph/text.h"
#include "passes/support/pass_manager.h"

namespace tarn {
namespace {

struct Sizes {
  int64_t batch, height, width, channels, filters;  // `filters`: the product's output channels
  int64_t filter_height, filter_width;
};

class Text {
 public:
  Text(std::string dtype, uint64_t seed) : dtype_(std::move(dtype)), seed_(seed) {}
  void line(std::string text) { str_append(text_, text, "\n"); }
  // A constant with values in [min, max).
  std::string constant(const std::string& shape, double min, double max, const std::string& dtype = {}) {
    std::string name = str_cat("c", count_++);
    line(str_cat(name, ": ", dtype.empty() ? dtype_ : dtype, shape, " = random(seed=", seed_ * 100 + count_,
                 ", min=", min, ", max=", max, ")"));
    return name;
  }
  std::string node(const std::string& body) {
    std::string name = str_cat("n", count_++);
    line(str_cat(name, " = ", body));
    return name;
  }
  const std::string& dtype() const { return dtype_; }
  const std::string& text() const { return text_; }

 private:
  std::string dtype_, text_;
  uint64_t seed_, count_ = 0;
};

constexpr std::string_view kProducts[] = {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul",
                                          "MatMul transposed"};
constexpr std::string_view kSteps[] = {"FusedBatchNorm",
                                       "FusedBatchNormV2",
                                       "FusedBatchNormV3",
                                       "global",
                                       "scale",
                                       "scale reversed",
                                       "scale of all",
                                       "shift",
                                       "less",
                                       "from",
                                       "divided",
                                       "unfused",
                                       "no gamma",
                                       "no beta",
                                       "by deviation",
                                       "bias and scale",
                                       "folded parameters"};

bool is_matrix(std::string_view product) {
  return product.starts_with("MatMul");
}

// y = step(x) for `channels` channels. Empty: the op has no such layout or dtype.
std::string add_step(Text& t, std::string_view step, const std::string& x, int64_t channels, bool is_nchw,
                     bool is_matrix) {
  std::string vector = str_cat("[", channels, "]");
  std::string across = is_nchw ? str_cat("[", channels, ",1,1]") : vector;
  std::string format = is_nchw ? " {data_format=\"NCHW\"}" : "";
  bool is_half = t.dtype() == "f16";
  if (step.starts_with("Fused")) {
    if (is_matrix || (is_half && step == "FusedBatchNorm")) return {};
    std::string parameters = step == "FusedBatchNorm" || t.dtype() == "f64" ? t.dtype() : "f32";
    if (step != "FusedBatchNorm" && t.dtype() == "f64") parameters = "f64";
    std::string gamma = t.constant(vector, 0.5, 2, parameters), beta = t.constant(vector, -1, 1, parameters);
    std::string mean = t.constant(vector, -1, 1, parameters), variance = t.constant(vector, 0.25, 4, parameters);
    return t.node(str_cat(step, "(", x, ", ", gamma, ", ", beta, ", ", mean, ", ", variance,
                          ") {is_training=false, epsilon=0.01", is_nchw ? ", data_format=\"NCHW\"" : "", "}"));
  }
  if (step == "global") {
    if (is_matrix || is_nchw) return {};
    std::string mean = t.constant(vector, -1, 1), variance = t.constant(vector, 0.25, 4);
    std::string beta = t.constant(vector, -1, 1), gamma = t.constant(vector, 0.5, 2);
    return t.node(str_cat("BatchNormWithGlobalNormalization(", x, ", ", mean, ", ", variance, ", ", beta, ", ", gamma,
                          ") {variance_epsilon=0.01, scale_after_normalization=true}"));
  }
  if (step == "scale") return t.node(str_cat("Mul(", x, ", ", t.constant(across, 0.5, 2), ")"));
  if (step == "scale reversed") return t.node(str_cat("Mul(", t.constant(across, -2, -0.5), ", ", x, ")"));
  if (step == "scale of all") return t.node(str_cat("Mul(", x, ", ", t.constant("[]", 0.5, 2), ")"));
  if (step == "shift") return t.node(str_cat("Add(", x, ", ", t.constant(across, -1, 1), ")"));
  if (step == "less") return t.node(str_cat("Sub(", x, ", ", t.constant(across, -1, 1), ")"));
  if (step == "from") return t.node(str_cat("Sub(", t.constant(across, -1, 1), ", ", x, ")"));
  if (step == "divided") return t.node(str_cat("RealDiv(", x, ", ", t.constant(across, 0.5, 2), ")"));
  if (step == "bias and scale") {
    std::string biased = t.node(str_cat("BiasAdd(", x, ", ", t.constant(vector, -1, 1), ")", format));
    return t.node(str_cat("Mul(", biased, ", ", t.constant(across, 0.5, 2), ")"));
  }
  std::string mean = t.constant(across, -1, 1);
  if (step == "folded parameters") {
    std::string centered = t.node(str_cat("Sub(", x, ", ", mean, ")"));
    std::string scaled = t.node(str_cat("Mul(", centered, ", ", t.constant(across, 0.5, 2), ")"));
    return t.node(str_cat("AddV2(", scaled, ", ", t.constant(across, -1, 1), ")"));
  }
  // As tf.nn.batch_normalization writes it: x * (rsqrt(variance + epsilon) * gamma) + (beta - mean * …).
  std::string moved = t.node(str_cat("Add(", t.constant(across, 0.25, 4), ", ", t.constant("[]", 0.01, 0.02), ")"));
  if (step == "by deviation") {
    std::string centered = t.node(str_cat("Sub(", x, ", ", mean, ")"));
    return t.node(str_cat("RealDiv(", centered, ", ", t.node(str_cat("Sqrt(", moved, ")")), ")"));
  }
  std::string scale = t.node(str_cat("Rsqrt(", moved, ")"));
  if (step != "no gamma") scale = t.node(str_cat("Mul(", scale, ", ", t.constant(across, 0.5, 2), ")"));
  std::string scaled = t.node(str_cat("Mul(", x, ", ", scale, ")"));
  std::string away = t.node(str_cat("Mul(", mean, ", ", scale, ")"));
  if (step == "no beta") return t.node(str_cat("Sub(", scaled, ", ", away, ")"));
  std::string shift = t.node(str_cat("Sub(", t.constant(across, -1, 1), ", ", away, ")"));
  return t.node(str_cat("Add(", scaled, ", ", shift, ")"));
}

std::string add_product(Text& t, std::string_view product, const std::string& x, const Sizes& s, bool is_nchw,
                        std::string_view padding) {
  if (product == "MatMul")
    return t.node(str_cat("MatMul(", x, ", ", t.constant(str_cat("[", s.channels, ",", s.filters, "]"), -1, 1), ")"));
  if (is_matrix(product)) {
    std::string w = t.constant(str_cat("[", s.filters, ",", s.channels, "]"), -1, 1);
    return t.node(str_cat("MatMul(", x, ", ", w, ") {transpose_b=true}"));
  }
  std::string attrs =
      str_cat(" {strides=[1, 1, 1, 1], padding=\"", padding, "\"", is_nchw ? ", data_format=\"NCHW\"" : "", "}");
  if (product == "Conv2DBackpropInput") {
    // As large as its input, which SAME keeps.
    std::string w =
        t.constant(str_cat("[", s.filter_height, ",", s.filter_width, ",", s.filters, ",", s.channels, "]"), -1, 1);
    std::string sizes = str_cat("sizes", w);
    t.line(str_cat(sizes, ": i32[4] = {", s.batch, ", ", is_nchw ? s.filters : s.height, ", ",
                   is_nchw ? s.height : s.width, ", ", is_nchw ? s.width : s.filters, "}"));
    return t.node(str_cat("Conv2DBackpropInput(", sizes, ", ", w, ", ", x, ")", attrs));
  }
  int64_t last = product == "DepthwiseConv2dNative" ? s.filters / s.channels : s.filters;
  std::string w =
      t.constant(str_cat("[", s.filter_height, ",", s.filter_width, ",", s.channels, ",", last, "]"), -1, 1);
  return t.node(str_cat(product, "(", x, ", ", w, ")", attrs));
}

Sizes draw_sizes(std::mt19937_64& random, std::string_view product) {
  auto draw = [&](int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(random); };
  Sizes s{draw(1, 2), draw(3, 6), draw(3, 6), draw(1, 5), draw(1, 5), draw(1, 3), draw(1, 3)};
  if (product == "DepthwiseConv2dNative") s.filters = s.channels * draw(1, 3);
  return s;
}

std::string image(const Sizes& s, bool is_nchw, bool is_matrix) {
  if (is_matrix) return str_cat("[", s.batch, ",", s.channels, "]");
  return is_nchw ? str_cat("[", s.batch, ",", s.channels, ",", s.height, ",", s.width, "]")
                 : str_cat("[", s.batch, ",", s.height, ",", s.width, ",", s.channels, "]");
}

int count_ops(const Graph& graph, std::string_view op) {
  int count = 0;
  for (NodeId id : graph.ids()) count += graph.node(id).is(op) ? 1 : 0;
  return count;
}

// Runs the pass with verification, twice. What is left: the input, constants, one product, perhaps one BiasAdd.
void expect_folded(const std::string& text, const std::string& output, std::string_view product) {
  SCOPED_TRACE(text);
  Result<Graph> graph = graph_from_text(text);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  PassManager manager({.outputs = {output}, .verify = true});
  std::vector<PipelineStep> pipeline = *parse_pipeline("fold_batch_norms");

  Result<std::vector<PassReport>> reports = manager.run(*graph, pipeline);

  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  EXPECT_TRUE(reports->at(0).verified);
  std::string op(product.substr(0, product.find(' ')));
  EXPECT_EQ(count_ops(*graph, op), 1);
  EXPECT_LE(count_ops(*graph, "BiasAdd"), 1);
  int others = graph->node_count() - count_ops(*graph, "Const") - count_ops(*graph, "Placeholder");
  EXPECT_EQ(others, 1 + count_ops(*graph, "BiasAdd")) << graph_to_text(*graph);
  Result<std::vector<PassReport>> again = manager.run(*graph, pipeline);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->at(0).changes, 0);
}

constexpr uint64_t kDraws = 4;  // of sizes and constants, for each form, layout and dtype

// A graph that begins with its image, x, and grows.
struct Case {
  std::string_view product, step;
  bool is_nchw;
  uint64_t seed;
  Sizes sizes;
  Text text;

  std::string product_of(const std::string& x, std::string_view padding) {
    return add_product(text, product, x, sizes, is_nchw, padding);
  }
  // Empty: the op has no such layout or dtype.
  std::string step_of(const std::string& x, int64_t channels) {
    return add_step(text, step, x, channels, is_nchw, is_matrix(product));
  }
};

// `check` once for each of the steps, dtypes and layouts, and draw.
void for_each_case(std::string_view product, std::span<const std::string_view> steps,
                   std::initializer_list<std::string_view> dtypes, uint64_t seed,
                   const std::function<void(Case&)>& check) {
  for (std::string_view step : steps) {
    for (std::string_view dtype : dtypes) {
      for (bool is_nchw : {false, true}) {
        if (is_nchw && is_matrix(product)) continue;
        for (uint64_t draw = 0; draw < kDraws; ++draw) {
          std::mt19937_64 random(++seed);
          Case one{product, step, is_nchw, seed, draw_sizes(random, product), Text(std::string(dtype), seed)};
          one.text.line(str_cat("x: ", dtype, image(one.sizes, is_nchw, is_matrix(product)), " = Placeholder"));
          check(one);
          if (::testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

class FoldBatchNorms : public ::testing::TestWithParam<std::string_view> {};

TEST_P(FoldBatchNorms, KeepsWhatIsComputedOfEveryStepBehindAProduct) {
  const std::string_view product = GetParam();
  uint64_t cases = 0;
  for_each_case(product, kSteps, {"f32", "f64", "f16"}, 1, [&](Case& c) {
    std::string padding = product == "Conv2DBackpropInput" || c.seed % 2 == 0 ? "SAME" : "VALID";
    std::string y = c.step_of(c.product_of("x", padding), c.sizes.filters);
    if (y.empty()) return;
    expect_folded(c.text.text(), y, product);
    ++cases;
  });
  EXPECT_GE(cases, kDraws * (is_matrix(product) ? 39 : 90));
}

// Which of them move what they are given, not only stretch it.
bool shifts(std::string_view step) {
  return !step.starts_with("scale") && step != "divided";
}

TEST_P(FoldBatchNorms, KeepsWhatIsComputedOfEveryStepBeforeAProduct) {
  const std::string_view product = GetParam();
  std::vector<std::string_view> steps;
  for (std::string_view step : kSteps) {
    // The border of what it gives sees less of the filter.
    if (product != "Conv2DBackpropInput" || !shifts(step)) steps.push_back(step);
  }
  for_each_case(product, steps, {"f32", "f64"}, 1000, [&](Case& c) {
    std::string moved = c.step_of("x", c.sizes.channels);
    if (moved.empty()) return;
    expect_folded(c.text.text(), c.product_of(moved, shifts(c.step) ? "VALID" : "SAME"), product);
  });
}

TEST_P(FoldBatchNorms, KeepsEveryReaderOfASharedProduct) {
  const std::string_view product = GetParam();
  for (std::string_view step : kSteps) {
    std::mt19937_64 random(7);
    Sizes s = draw_sizes(random, product);
    Text t("f32", 7);
    t.line(str_cat("x: f32", image(s, false, is_matrix(product)), " = Placeholder"));
    std::string conv = add_product(t, product, "x", s, false, "SAME");
    std::string y = add_step(t, step, conv, s.filters, false, is_matrix(product));
    if (y.empty()) continue;
    std::string z = t.node(str_cat("Relu(", conv, ")"));
    SCOPED_TRACE(t.text());
    Result<Graph> graph = graph_from_text(t.text());
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();

    Result<std::vector<PassReport>> reports =
        PassManager({.outputs = {y, z}, .verify = true}).run(*graph, *parse_pipeline("fold_batch_norms"));

    ASSERT_TRUE(reports.ok()) << reports.status().to_string();
    EXPECT_TRUE(reports->at(0).verified);
    EXPECT_EQ(count_ops(*graph, std::string(product.substr(0, product.find(' ')))), 1) << "no product is added";
  }
}

INSTANTIATE_TEST_SUITE_P(Products, FoldBatchNorms, ::testing::ValuesIn(kProducts), [](const auto& info) {
  std::string name(info.param);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

}  // namespace
}  // namespace tarn
