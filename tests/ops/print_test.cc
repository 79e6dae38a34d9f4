// PrintV2 and StringFormat.
#include <gtest/gtest.h>

#include "tests/ops/golden_cases.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(format_goldens) {
  return golden_cases("format");
}

TARN_OP_WITHOUT_CASES(PrintV2, "it has no outputs; what it prints is tested below");

std::string printed(const AttrMap& attrs, const Tensors& inputs) {
  ::testing::internal::CaptureStderr();
  Result<Tensors> y = evaluate_op(op_table(), "PrintV2", attrs, inputs);
  EXPECT_TRUE(y.ok()) << y.status().to_string();
  return ::testing::internal::GetCapturedStderr();
}

TEST(PrintV2, PrintsAStringAndItsEnd) {
  Tensor text = Tensor::scalar<std::string>("[1 2]");

  EXPECT_EQ(printed({}, {text}), "[1 2]\n");
  EXPECT_EQ(printed({{"end", ";"}, {"output_stream", "log(warning)"}}, {text}), "[1 2];");
  EXPECT_EQ(printed({{"output_stream", "stdout"}}, {Tensor::scalar<std::string>("")}), "");
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
