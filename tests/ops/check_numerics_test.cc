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

TEST(Assert, ShowsItsData) {
  std::vector<Tensor> inputs = {Tensor::scalar(false), Tensor::scalar(std::string("x must be even, is")),
                                ints({4}, {1, 2, 3, 4})};

  Result<Tensors> y = evaluate_op(op_table(), "Assert", {}, inputs);

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().code(), Code::kInvalidArgument);
  EXPECT_NE(y.status().message().find("assertion failed: str[]{'x must be even, is'} i32[4]{1, 2, 3, …}"),
            std::string_view::npos)
      << y.status().message();
}

}  // namespace
}  // namespace tarn::testing
