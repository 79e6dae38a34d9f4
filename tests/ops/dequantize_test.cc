#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// The formulas of the op's documentation, in double; `bits` and the limits of the type written out.
Tensors dequantized(const Tensors& in, const AttrMap& attrs) {
  DType type = attrs.get<DType>("T");
  bool is_signed = type == DType::kQInt8 || type == DType::kQInt16 || type == DType::kQInt32;
  int bits = type == DType::kQInt8 || type == DType::kQUInt8 ? 8 : type == DType::kQInt32 ? 32 : 16;
  double lowest = is_signed ? -std::ldexp(1.0, bits - 1) : 0;
  double highest = is_signed ? std::ldexp(1.0, bits - 1) - 1 : std::ldexp(1.0, bits) - 1;
  const std::string& mode = attrs.get<std::string>("mode");
  int64_t axis = attrs.get<int64_t>("axis");
  Tensor q = to_double(in[0]), lows = to_double(in[1]), highs = to_double(in[2]);
  return {by_index(q.shape(), [&](const Index& index) {
    size_t channel = axis < 0 ? 0 : static_cast<size_t>(index[static_cast<size_t>(axis)]);
    double low = lows.flat<double>()[channel], high = highs.flat<double>()[channel], code = at(q, index);
    if (mode == "MIN_COMBINED") {
      double half = is_signed ? (highest - lowest + 1) / 2 : 0;
      return (code + half) * (high - low) / (highest - lowest) + low;
    }
    if (mode == "MIN_FIRST") {
      double step = (high - low) / (highest - lowest);
      return (step == 0 ? low : std::round(low / step) * step) + (code - lowest) * step;
    }
    double scale = high / highest;
    if (is_signed) scale = std::max(scale, low / (lowest + (attrs.get<bool>("narrow_range") ? 1 : 0)));
    return code * scale;
  })};
}

TARN_OP_CASES(dequantize) {
  OpCases cases;
  for (DType type : {DType::kQUInt8, DType::kQInt8, DType::kQUInt16, DType::kQInt16, DType::kQInt32}) {
    for (const char* mode : {"MIN_COMBINED", "MIN_FIRST", "SCALED"}) {
      Tensor q = to_dtype(iota({3, 40}), type);
      // A float sum of two numbers up to the largest magnitude of the range: 2 roundings and the scale's.
      auto add = [&](std::string label, Tensor low, Tensor high, AttrMap attrs) {
        attrs.set("mode", mode);
        attrs.set("T", type);
        cases.push_back({.op = "Dequantize",
                         .label = str_cat(dtype_name(type), " ", mode, " ", label),
                         .attrs = attrs,
                         .inputs = {q, low, high},
                         .reference = dequantized,
                         .sum_length = 2});
      };
      // No range puts 0 between two steps: round(min_range / s) would be a matter of luck.
      add("scalars", Tensor::scalar(-1.5f), Tensor::scalar(2.25f), {});
      add("vectors of one", Tensor::from<float>({1}, {0.0f}), Tensor::from<float>({1}, {6.0f}),
          {{"narrow_range", true}});
      add("a range a row", Tensor::from<float>({3}, {-1.1f, -2, 0}), Tensor::from<float>({3}, {1, 4, 8}),
          {{"axis", 0}});
    }
  }
  cases.push_back({.op = "Dequantize",
                   .label = "empty",
                   .attrs = {{"T", DType::kQUInt8}},
                   .inputs = {to_dtype(iota({0, 2}), DType::kQUInt8), Tensor::scalar(0.0f), Tensor::scalar(1.0f)},
                   .reference = dequantized});
  cases.push_back(
      {.op = "Dequantize",
       .label = "one value",
       .attrs = {{"T", DType::kQUInt8}, {"mode", "MIN_FIRST"}},
       .inputs = {to_dtype(doubles({2}, {0, 0}), DType::kQUInt8), Tensor::scalar(3.0f), Tensor::scalar(3.0f)},
       .reference = dequantized});
  return cases;
}

TEST(Dequantize, RefusesRangesThatAreNone) {
  auto code = [](Tensor low, Tensor high, int64_t axis) {
    Tensor q = to_dtype(iota({2, 3}), DType::kQUInt8);
    return evaluate_op(op_table(), "Dequantize", {{"axis", axis}}, std::vector{q, low, high}).status().code();
  };
  auto one = [](float v) { return Tensor::scalar(v); };
  EXPECT_EQ(code(one(1), one(-1), -1), Code::kInvalidArgument);
  EXPECT_EQ(code(one(NAN), one(1), -1), Code::kInvalidArgument);
  EXPECT_EQ(code(Tensor::from<float>({0}, {}), one(1), -1), Code::kInvalidArgument);
  EXPECT_EQ(code(Tensor::from<float>({2}, {0, 0}), one(1), -1), Code::kInvalidArgument);
  EXPECT_EQ(code(Tensor::from<float>({2}, {0, 0}), Tensor::from<float>({3}, {1, 1, 1}), 1), Code::kInvalidArgument);
  EXPECT_EQ(code(one(0), one(1), 9), Code::kInvalidArgument);
  EXPECT_EQ(code(one(0), one(1), -2), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tarn::testing
