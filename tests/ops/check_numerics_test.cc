#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors same(const Tensors& in, const AttrMap&) {
  return {in[0]};
}

TARN_OP_CASES(check_numerics) {
  AttrMap attrs{{"message", "loss"}};
  auto nothing = [](const Tensors&, const AttrMap&) { return Tensors{}; };
  Tensor yes = Tensor::scalar(true);
  return {
      {.op = "CheckNumerics", .label = "2d", .attrs = attrs, .inputs = {uniform({2, 3})}, .reference = same},
      {.op = "CheckNumerics", .label = "scalar", .attrs = attrs, .inputs = {uniform({})}, .reference = same},
      {.op = "CheckNumerics", .label = "empty", .attrs = attrs, .inputs = {uniform({0, 2})}, .reference = same},
      {.op = "Assert", .label = "holds", .inputs = {yes, iota({2})}, .reference = nothing},
      {.op = "Assert", .label = "holds, two data", .inputs = {yes, iota({2}), ints({}, {3})}, .reference = nothing},
      {.op = "Assert", .label = "holds, empty data", .inputs = {yes, iota({0})}, .reference = nothing},
  };
}

TEST(CheckNumerics, FailsOnNanAndInf) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    Tensor x = Tensor::from<float>({3}, {1.0f, bad, 2.0f});

    Result<Tensors> y = evaluate_op(op_table(), "CheckNumerics", {{"message", "loss"}}, std::vector{x});

    ASSERT_FALSE(y.ok()) << bad;
    EXPECT_NE(
        y.status().message().find(std::isnan(bad) ? "loss : Tensor had NaN values" : "loss : Tensor had Inf values"),
        std::string_view::npos)
        << y.status().message();
  }
}

// TensorFlow's messages: tf.raw_ops.Assert(condition=False, data=[…], summarize=…).
TEST(Assert, ShowsItsDataAsTensorFlowDoes) {
  auto words = [](std::vector<Tensor> data, int64_t summarize) {
    data.insert(data.begin(), Tensor::scalar(false));
    Result<Tensors> y = evaluate_op(op_table(), "Assert", {{"summarize", summarize}}, data);
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  auto expect = [](const std::string& words, std::string_view text) {
    EXPECT_TRUE(words.ends_with(str_cat("assertion failed: ", text))) << words;
  };
  Tensor six = Tensor::from<int64_t>({2, 3}, {0, 1, 2, 3, 4, 5});

  expect(words({Tensor::from<float>({4}, {1, 2.5f, 3, 4})}, 3), "[1 2.5 3...]");
  expect(words({six}, 3), "[[0 1 2]...]");
  expect(words({six}, -1), "[[0 1 2][3 4 5]]");
  expect(words({Tensor::scalar<std::string>("x\n\""), Tensor::scalar(0.1f), Tensor::scalar(true)}, 3),
         "[x\\n\\\"] [0.1] [1]");
  expect(words({*Tensor::from<int64_t>({8}, {0, 1, 2, 3, 4, 5, 6, 7}).reshaped({2, 2, 2})}, 5),
         "[[[0 1][2 3]][[4...]]...]");
  expect(words({Tensor::from<double>({4}, {1.0 / 3, 1e20, INFINITY, NAN})}, 4), "[0.33333333333333331 1e+20 inf nan]");
  expect(words({*Tensor::zeros(DType::kDouble, {0, 2})}, 3), "[]");
  expect(words({Tensor::from<float>({3}, {16777216.0f, 1e-7f, 123456789.0f})}, 3), "[16777216 1e-07 123456792]");
}

}  // namespace
}  // namespace tarn::testing
