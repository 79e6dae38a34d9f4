#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

int width_of(const AttrMap& attrs) {
  return static_cast<int>(8 * dtype_size(attrs.get<DType>("T")));
}

// Bit by bit on numbers: bit k of x is floor(x / 2^k) mod 2, which also holds for negative ones in two's complement.
bool bit(double x, int k) {
  double shifted = std::floor(std::ldexp(x, -k));
  return shifted - 2 * std::floor(shifted / 2) != 0;
}

double combine(double x, double y, int width, bool (*f)(bool, bool)) {
  // With the highest bit set the number is negative: -1 less the bits that are not set, which double holds exactly.
  bool is_negative = f(bit(x, width - 1), bit(y, width - 1));
  double sum = 0;
  for (int k = 0; k < width - 1; ++k) sum += f(bit(x, k), bit(y, k)) != is_negative ? std::ldexp(1.0, k) : 0;
  return is_negative ? -1 - sum : sum;
}

template <bool (*f)(bool, bool)>
Tensors by_bits(const Tensors& in, const AttrMap& attrs) {
  int width = width_of(attrs);
  return {map2(in[0], in[1], [&](double x, double y) { return combine(x, y, width, f); })};
}

bool both(bool a, bool b) {
  return a && b;
}
bool either(bool a, bool b) {
  return a || b;
}
bool one_of(bool a, bool b) {
  return a != b;
}

Tensors left(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return std::ldexp(x, static_cast<int>(y)); })};
}
Tensors right(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return std::floor(std::ldexp(x, -static_cast<int>(y))); })};
}

TARN_OP_CASES(bitwise) {
  OpCases cases;
  struct Op {
    const char* name;
    Tensors (*reference)(const Tensors&, const AttrMap&);
    Tensor y;
  };
  Tensor numbers = doubles({3}, {5, 12, 3});
  for (const Op& op : {Op{"BitwiseAnd", by_bits<both>, numbers}, Op{"BitwiseOr", by_bits<either>, numbers},
                       Op{"BitwiseXor", by_bits<one_of>, numbers}, Op{"LeftShift", left, doubles({3}, {0, 1, 3})},
                       Op{"RightShift", right, doubles({3}, {0, 1, 3})}}) {
    auto add_case = [&](const char* label, Tensor x, Tensor y) {
      cases.push_back(
          {.op = op.name, .label = label, .inputs = {std::move(x), std::move(y)}, .reference = op.reference});
    };
    add_case("vectors", doubles({3}, {10, 7, 4}), op.y);
    add_case("broadcast, with negative numbers", doubles({2, 1}, {-9, 14}), op.y);
    add_case("empty", doubles({0, 3}, {}), op.y);
  }
  auto invert = [](const Tensors& in, const AttrMap&) { return Tensors{map(in[0], [](double x) { return -x - 1; })}; };
  for (const Tensor& x : {doubles({4}, {0, 1, -1, 100}), doubles({}, {7}), doubles({0}, {})}) {
    cases.push_back({.op = "Invert", .label = x.shape().to_string(), .inputs = {x}, .reference = invert});
  }
  auto count = [](const Tensors& in, const AttrMap& attrs) {
    Tensor y = *Tensor::zeros(DType::kUInt8, in[0].shape());
    for (int64_t i = 0; i < in[0].element_count(); ++i) {
      auto k = static_cast<size_t>(i);
      for (int b = 0; b < width_of(attrs); ++b) {
        y.mutable_flat<uint8_t>()[k] =
            static_cast<uint8_t>(y.flat<uint8_t>()[k] + (bit(in[0].flat<double>()[k], b) ? 1 : 0));
      }
    }
    return Tensors{y};
  };
  for (const Tensor& x : {doubles({4}, {0, 1, -1, 100}), doubles({}, {7}), doubles({0}, {})}) {
    cases.push_back({.op = "PopulationCount", .label = x.shape().to_string(), .inputs = {x}, .reference = count});
  }
  return cases;
}

TEST(Shift, TakesDistancesIntoTheWidth) {
  Tensor x = Tensor::from<int32_t>({3}, {-8, -8, -8}), y = Tensor::from<int32_t>({3}, {-5, 31, 99});

  auto right = evaluate_op(op_table(), "RightShift", {}, std::vector<Tensor>{x, y});
  auto left = evaluate_op(op_table(), "LeftShift", {}, std::vector<Tensor>{x, y});

  ASSERT_TRUE(right.ok() && left.ok());
  EXPECT_TRUE((*right)[0].identical_to(Tensor::from<int32_t>({3}, {-8, -1, -1}))) << (*right)[0].to_string();
  EXPECT_TRUE((*left)[0].identical_to(Tensor::from<int32_t>({3}, {-8, 0, 0}))) << (*left)[0].to_string();
}

}  // namespace
}  // namespace tarn::testing
