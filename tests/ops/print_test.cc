// Print, PrintV2 and StringFormat.
#include <gtest/gtest.h>

#include "tests/ops/golden_cases.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(print) {
  auto first = [](const Tensors& in, const AttrMap&) { return Tensors{in[0]}; };
  AttrMap silent{{"first_n", 0}};
  return {
      {.op = "Print", .label = "2d", .attrs = silent, .inputs = {uniform({2, 3}), iota({2})}, .reference = first},
      {.op = "Print", .label = "no data", .attrs = silent, .inputs = {uniform({3})}, .reference = first},
      {.op = "Print", .label = "empty", .attrs = silent, .inputs = {iota({0}), ints({}, {1})}, .reference = first},
  };
}

TARN_OP_CASES(format_goldens) {
  return golden_cases("format");
}

TARN_OP_WITHOUT_CASES(PrintV2, "it has no outputs; what it prints is tested below");

std::string printed(const char* op, const AttrMap& attrs, const Tensors& inputs, int times = 1) {
  ResourceMap resources;
  Services services;
  services.set_resources(&resources);
  EvaluateOptions options;
  options.services = &services;
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < times; ++i) {
    Result<Tensors> y = evaluate_op(op_table(), op, attrs, inputs, options);
    EXPECT_TRUE(y.ok()) << y.status().to_string();
  }
  return ::testing::internal::GetCapturedStderr();
}

// TensorFlow's words: v1.Print(x, [x, n], "hey ", first_n, summarize).
TEST(Print, SaysItsDataAsTensorFlowDoes) {
  Tensor x = Tensor::from<float>({2, 2}, {1, 2.5f, 3, 4}), n = Tensor::scalar<int64_t>(-7);

  EXPECT_EQ(printed("Print", {{"message", "hey "}}, {x, x, n}), "hey [[1 2.5][3...]...][-7]\n");
  EXPECT_EQ(printed("Print", {{"summarize", -1}}, {n, x, Tensor::scalar<std::string>("a\n")}),
            "[[1 2.5][3 4]][a\\n]\n");
  EXPECT_EQ(printed("Print", {{"message", "m"}}, {n}, 2), "m\nm\n");
  EXPECT_EQ(printed("Print", {{"message", "m"}, {"first_n", 2}}, {n}, 5), "m\nm\n");
}

TEST(PrintV2, PrintsAStringAndItsEnd) {
  Tensor text = Tensor::scalar<std::string>("[1 2]");

  EXPECT_EQ(printed("PrintV2", {}, {text}), "[1 2]\n");
  EXPECT_EQ(printed("PrintV2", {{"end", ";"}, {"output_stream", "log(warning)"}}, {text}), "[1 2];");
  EXPECT_EQ(printed("PrintV2", {{"output_stream", "stdout"}}, {Tensor::scalar<std::string>("")}), "");
}

TEST(StringFormat, CountsItsPlaceholders) {
  auto y = evaluate_op(op_table(), "StringFormat", {{"template", "{} and {}"}, {"placeholder", "{}"}},
                       std::vector<Tensor>{iota({2})});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("num placeholders in template and num inputs must match: 2 vs. 1"),
            std::string_view::npos)
      << y.status().message();
}

TEST(PrintV2, WritesNoFiles) {
  for (const char* stream : {"file:///tmp/words", "nowhere"}) {
    auto y = evaluate_op(op_table(), "PrintV2", {{"output_stream", stream}},
                         std::vector<Tensor>{Tensor::scalar<std::string>("x")});

    ASSERT_FALSE(y.ok());
    EXPECT_NE(y.status().message().find(stream), std::string_view::npos) << y.status().message();
  }
}

}  // namespace
}  // namespace tarn::testing
