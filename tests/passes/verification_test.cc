// Verification: what it lets pass of a network that makes much of a rounding, and what it does not.
#include "passes/support/verification.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/text.h"
#include "passes/support/pass_manager.h"
#include "tests/support/graph_text.h"

namespace tarn {
namespace {

TEST(Verification, MeasuresNumbersOfSixteenBitsAsNumbers) {
  for (std::string dtype : {"f16", "bf16"}) {
    Result<Tensor> a = tensor_from_text(str_cat(dtype, "[3]{1, -4, 2}"));
    Result<Tensor> b = tensor_from_text(str_cat(dtype, "[3]{1, -4, 2.5}"));
    Result<Tensor> c = tensor_from_text(str_cat(dtype, "[3]{1, -4, nan}"));
    ASSERT_TRUE(a.ok() && b.ok() && c.ok());

    EXPECT_EQ(relative_difference(*a, *b), 0.125);
    EXPECT_EQ(relative_difference(*a, *a), 0);
    EXPECT_EQ(relative_difference(*c, *c), 0);
    EXPECT_TRUE(std::isinf(relative_difference(*a, *c)));
  }
}

// Two large sums that nearly cancel, and what is left is scaled up again: one rounding of a weight is seen in the third
// digit.
constexpr const char* kIllConditioned = R"(
x: f32[1,3] = Placeholder
w: f32[3,2] = {1000.1, 1000.2, 1000.3, 1000.4, 1000.5, 1000.6}
v: f32[3,2] = {1000.1, 1000.2, 1000.3, 1000.4, 1000.5001, 1000.6001}
a = MatMul(x, w)
b = MatMul(x, v)
scale: f32[2] = {1.1, 1.3}
left = Mul(a, scale)
right = Mul(b, scale)
y = Sub(left, right)
)";

TEST(Verification, KnowsWhatRoundingDoesToANetwork) {
  Graph graph = graph_of(kIllConditioned);
  PassManager manager({.outputs = {"y"}, .verify = true});
  Result<std::vector<PassReport>> reports = manager.run(graph, *parse_pipeline("fold_batch_norms"));
  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  EXPECT_GT((*reports)[0].changes, 0);
  EXPECT_GT((*reports)[0].max_relative_difference, 1e-5);  // else this shows nothing
  EXPECT_GT((*reports)[0].rounding_noise, 0);
}

// The constant that a node reads.
void change_constant(Graph& graph, const std::string& reader, void (*change)(Tensor&)) {
  NodeId constant = graph.node(*graph.find_node(reader)).inputs[1].node;
  Tensor value = graph.node(constant).attrs.find("value")->as<Tensor>();
  change(value);
  graph.set_attr(constant, "value", std::move(value));
}

Status fold_and_scale_weights(Graph& graph, PassContext& context) {
  TARN_RETURN_IF_ERROR(find_pass("fold_batch_norms")->run(graph, context));
  change_constant(graph, "z", [](Tensor& weights) {
    for (float& number : weights.mutable_flat<float>()) number *= 1.0001F;
  });
  return {};
}

TEST(Verification, ANoisyOutputIsNoExcuseForAnother) {
  Graph graph = graph_of(str_cat(kIllConditioned, "u: f32[3,2] = {1, 2, 3, 4, 5, 6}\nz = MatMul(x, u)\n"));
  PassDef pass{.name = "wrong", .doc = {}, .contract = rounding(1e-5), .run = fold_and_scale_weights};
  PassManager manager({.outputs = {"y", "z"}, .verify = true});

  Status status = manager.run(graph, {{.pass = &pass, .args = {}}}).status();

  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("output 'z' differs by "), std::string::npos) << status.to_string();
  EXPECT_NE(status.message().find("the first node that differs is 'z'"), std::string::npos) << status.to_string();
}

// --- a wrong pass on a deep network whose noise is above the promise -----------------------------------------------

constexpr int kBlocks = 6;
constexpr double kPromised = 1e-5;  // fold_batch_norms's

// Convolution, bias, batch norm, Relu, six times. The first convolution's channels lie around `offset` until the batch
// norm takes that off again, as they do where nobody takes the mean off the pixels: what is rounded there (by 2^-12 at
// 3000) stays, of values that have a range of 5 or so behind it.
std::string deep_network(int offset) {
  std::string text = "x: f32[1,6,6,4] = Placeholder\n", input = "x";
  for (int block = 1; block <= kBlocks; ++block) {
    std::string i = str_cat(block);
    int middle = block == 1 ? offset : 0;
    std::string around = str_cat(", min=", middle - 1, ", max=", middle + 1, ")\n");
    text += str_cat("w", i, ": f32[3,3,4,4] = random(seed=", i, ", min=-0.3, max=0.3)\n");
    text += str_cat("conv", i, " = Conv2D(", input, ", w", i, ") {strides=[1, 1, 1, 1], padding=\"SAME\"}\n");
    text += str_cat("b", i, ": f32[4] = random(seed=1", i, around);
    text += str_cat("biased", i, " = BiasAdd(conv", i, ", b", i, ")\n");
    text += str_cat("gamma", i, ": f32[4] = random(seed=2", i, ", min=0.5, max=1.5)\n");
    text += str_cat("beta", i, ": f32[4] = random(seed=3", i, ", min=0.5, max=1)\n");
    text += str_cat("mean", i, ": f32[4] = random(seed=4", i, around);
    text += str_cat("variance", i, ": f32[4] = random(seed=5", i, ", min=0.5, max=1.5)\n");
    text += str_cat("bn", i, " = FusedBatchNorm(biased", i, ", gamma", i, ", beta", i, ", mean", i, ", variance", i,
                    ") {is_training=false}\n");
    text += str_cat("relu", i, " = Relu(bn", i, ")\n");
    input = str_cat("relu", i);
  }
  return text;
}

// Folds as it should, and makes one mistake in a block.
struct Mistake {
  std::string what;
  Status (*run)(Graph& graph, PassContext& context);
  bool is_small;  // a bound that is wider by two digits would not see it
};

constexpr PassArg kArgs[] = {{.name = "block", .kind = PassArg::kInteger, .fallback = "1"}};

Status fold_and_change(Graph& graph, PassContext& context, std::string_view reader, void (*change)(Tensor&)) {
  TARN_RETURN_IF_ERROR(find_pass("fold_batch_norms")->run(graph, context));
  change_constant(graph, str_cat(reader, context.args.integer("block")), change);
  return {};
}

Status shift_one_bias(Graph& graph, PassContext& context) {
  return fold_and_change(graph, context, "bn", [](Tensor& bias) { bias.mutable_flat<float>()[1] += 2e-3F; });
}

Status swap_two_biases(Graph& graph, PassContext& context) {
  return fold_and_change(graph, context, "bn",
                         [](Tensor& bias) { std::swap(bias.mutable_flat<float>()[0], bias.mutable_flat<float>()[1]); });
}

Status scale_one_filter(Graph& graph, PassContext& context) {
  return fold_and_change(graph, context, "conv", [](Tensor& filters) {
    std::span<float> numbers = filters.mutable_flat<float>();
    for (size_t i = 0; i < numbers.size(); i += 4) numbers[i] *= 1.001F;
  });
}

Status swap_two_filters(Graph& graph, PassContext& context) {
  return fold_and_change(graph, context, "conv", [](Tensor& filters) {
    std::span<float> numbers = filters.mutable_flat<float>();
    for (size_t i = 0; i < numbers.size(); i += 4) std::swap(numbers[i], numbers[i + 3]);
  });
}

PassReport report_of(int offset, const PassDef& pass, int block = 0) {
  Graph graph = graph_of(deep_network(offset));
  PassManager manager({.outputs = {str_cat("relu", kBlocks)}, .verify = true});
  PipelineStep step{.pass = &pass, .args = {}, .ignore_errors = true};
  if (!pass.args.empty()) step.args.add("block", str_cat(block));
  EXPECT_TRUE(step.args.check(pass.name, pass.args).ok());
  Result<std::vector<PassReport>> reports = manager.run(graph, {step});
  EXPECT_TRUE(reports.ok()) << reports.status().to_string();
  return reports.ok() ? reports->at(0) : PassReport();
}

TEST(Verification, LetsAnHonestPassThroughByTheNetworksNoiseAlone) {
  PassReport report = report_of(3000, *find_pass("fold_batch_norms"));
  EXPECT_TRUE(report.verified) << report.ignored_error << ", noise " << report.rounding_noise;
  EXPECT_GE(report.changes, kBlocks);
  EXPECT_GT(report.max_relative_difference, kPromised);
  EXPECT_GT(report.rounding_noise, kPromised);
}

TEST(Verification, RefusesASmallMistakeWhereTheNetworkIsNoisyAndNamesItsNode) {
  const Mistake mistakes[] = {
      {"a bias is off by less than 1e-3 of the range", shift_one_bias, true},
      {"two biases are swapped", swap_two_biases, false},
      {"a filter is scaled by 1.001", scale_one_filter, true},
      {"two filters are swapped", swap_two_filters, false},
  };
  for (const Mistake& mistake : mistakes) {
    PassDef pass{.name = "wrong", .doc = {}, .contract = rounding(kPromised), .run = mistake.run, .args = kArgs};
    for (int block = 1; block <= kBlocks; ++block) {
      PassReport report = report_of(400, pass, block);
      SCOPED_TRACE(str_cat(mistake.what, ", block ", block, ", noise ", report.rounding_noise));

      EXPECT_FALSE(report.verified);
      std::string named = str_cat("the first node that differs is 'relu", block, "'");
      EXPECT_NE(report.ignored_error.find(named), std::string::npos) << report.ignored_error;
      EXPECT_GT(report.rounding_noise, kPromised);
      EXPECT_TRUE(!mistake.is_small || report.max_relative_difference < 200 * report.rounding_noise)
          << report.ignored_error;
    }
  }
}

}  // namespace
}  // namespace tarn
