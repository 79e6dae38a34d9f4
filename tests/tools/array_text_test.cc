// Expected texts are what NumPy 1.26 prints for the same arrays.
#include "tools/support/array_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/half.h"

namespace tarn {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Tensor counting(int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return Tensor::vector<int32_t>(values);
}

TEST(ArrayText, FloatsAreAlignedAtTheirPoints) {
  EXPECT_EQ(array_text(Tensor::from<float>({2, 2}, {1, 2.5f, -3, 4})), "[[ 1.   2.5]\n [-3.   4. ]]");
  EXPECT_EQ(array_text(Tensor::from<double>({3}, {1.0 / 3, 2.0 / 3, 0.5})), "[0.33333333 0.66666667 0.5       ]");
}

TEST(ArrayText, NumbersFarApartHaveExponentsAllOfThem) {
  EXPECT_EQ(array_text(Tensor::from<float>({3}, {0.1f, 1e-5f, 100})), "[1.e-01 1.e-05 1.e+02]");
  EXPECT_EQ(array_text(Tensor::from<float>({2}, {2.5327783e-04f, 0.44957289f})), "[2.5327783e-04 4.4957289e-01]");
  EXPECT_EQ(array_text(Tensor::from<float>({1}, {1e-4f})), "[1.e-04]");  // a little less than that
  EXPECT_EQ(array_text(Tensor::from<double>({3}, {1e16, 1, 1e-300})), "[1.e+016 1.e+000 1.e-300]");
}

TEST(ArrayText, WhatIsNoNumberIsAlignedToo) {
  EXPECT_EQ(array_text(Tensor::from<float>({4}, {kNaN, kInfinity, -kInfinity, 1.5f})), "[ nan  inf -inf  1.5]");
}

Tensor halves(const std::vector<float>& values) {
  std::vector<Half> bits;
  for (float value : values) bits.push_back({float_to_half(value)});
  return Tensor::vector<Half>(bits);
}

TEST(ArrayText, HalvesShowTheDigitsThatTellThemApart) {
  EXPECT_EQ(array_text(halves({1.1f, -2.5f})), "[ 1.1 -2.5]");
  EXPECT_EQ(array_text(halves({1.1f, 65504, 6e-8f})), "[1.10e+00 6.55e+04 5.96e-08]");
  EXPECT_EQ(array_text(halves({65504, 60000})), "[65504. 60000.]");
  EXPECT_EQ(array_text(halves({0.015625f, 0.25f})), "[0.01563 0.25   ]");  // the next half below is nearer
  EXPECT_EQ(array_text(halves({1000.5f, 1})), "[1.0005e+03 1.0000e+00]");
  EXPECT_EQ(array_text(halves({kNaN, -kInfinity, 0.1f})), "[ nan -inf  0.1]");
  EXPECT_EQ(array_text(Tensor::scalar(Half{0x7bff})), "65500.0");
  EXPECT_EQ(array_text(Tensor::scalar(Half{1})), "6e-08");
}

TEST(ArrayText, Bfloat16sAreInNoColumns) {
  std::vector<BFloat16> bits;
  for (float value : {1.1f, 2.0f, 1e10f, 1e-10f, kNaN, kInfinity, -0.0f}) bits.push_back({float_to_bfloat16(value)});
  EXPECT_EQ(array_text(Tensor::vector<BFloat16>(bits)), "[1.10156 2 9.99922e+09 1.00044e-10 nan inf -0]");
  EXPECT_EQ(array_text(Tensor::scalar(bits[0])), "1.10156");
}

template <class T>
Tensor complexes(DType dtype, const Shape& shape, const std::vector<T>& pairs) {
  Tensor tensor = *Tensor::zeros(dtype, shape);
  std::copy(pairs.begin(), pairs.end(), static_cast<T*>(tensor.mutable_data()));
  return tensor;
}

TEST(ArrayText, ComplexNumbersHaveColumnsForBothParts) {
  EXPECT_EQ(array_text(complexes<float>(DType::kComplex64, {2}, {1, 2, 3.25f, -1e-9f})), "[1.  +2.e+00j 3.25-1.e-09j]");
  EXPECT_EQ(array_text(complexes<double>(DType::kComplex128, {1, 2}, {1e10, 2, -0.0, -0.5})),
            "[[ 1.e+10+2.j  -0.e+00-0.5j]]");
  EXPECT_EQ(array_text(complexes<double>(DType::kComplex128, {2}, {1, 2, -3.5, 0.25})), "[ 1. +2.j   -3.5+0.25j]");
  EXPECT_EQ(array_text(complexes<float>(DType::kComplex64, {2}, {1, kNaN, -kInfinity, 2.5f})), "[  1.+nanj -inf+2.5j]");
  EXPECT_EQ(array_text(complexes<float>(DType::kComplex64, {}, {1, 2})), "(1+2j)");
  EXPECT_EQ(array_text(complexes<float>(DType::kComplex64, {}, {0, -2.5f})), "-2.5j");
  EXPECT_EQ(array_text(complexes<double>(DType::kComplex128, {}, {-0.0, 2})), "(-0+2j)");
}

TEST(ArrayText, IntegersAndBools) {
  EXPECT_EQ(array_text(Tensor::from<int32_t>({2, 2}, {1, -20, 300, 4})), "[[  1 -20]\n [300   4]]");
  EXPECT_EQ(array_text(Tensor::from<uint8_t>({2}, {255, 0})), "[255   0]");
  EXPECT_EQ(array_text(Tensor::from<bool>({2}, {true, false})), "[ True False]");
}

TEST(ArrayText, StringsAreBytes) {
  EXPECT_EQ(array_text(Tensor::from<std::string>({2}, {"a", "\xff\n'"})), "[b'a' b\"\\xff\\n'\"]");
}

TEST(ArrayText, OuterDimensionsAreApartByEmptyLines) {
  EXPECT_EQ(array_text(Tensor::from<int64_t>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7})),
            "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
}

TEST(ArrayText, LongRowsWrapAtTheLineWidth) {
  std::vector<float> values;
  for (int i = 0; i < 12; ++i) values.push_back(static_cast<float>(i) * 100.25f);

  EXPECT_EQ(array_text(Tensor::vector<float>(values)),
            "[   0.    100.25  200.5   300.75  401.    501.25  601.5   701.75  802.\n"
            "  902.25 1002.5  1102.75]");
}

TEST(ArrayText, OfLargeArraysOnlyTheEdgesAreShown) {
  EXPECT_EQ(array_text(counting(1001)), "[   0    1    2 ...  998  999 1000]");
  EXPECT_EQ(array_text(*counting(12).reshaped({4, 3}), {.threshold = 5, .edge_items = 1}),
            "[[ 0 ...  2]\n ...\n [ 9 ... 11]]");
}

TEST(ArrayText, ScalarsShowEveryDigit) {
  EXPECT_EQ(array_text(Tensor::scalar(1e-5f)), "1e-05");
  EXPECT_EQ(array_text(Tensor::scalar(3.0f)), "3.0");
  EXPECT_EQ(array_text(Tensor::scalar(0.1f)), "0.1");
  EXPECT_EQ(array_text(Tensor::scalar(1e22)), "1e+22");
  EXPECT_EQ(array_text(Tensor::scalar(123456789.125)), "123456789.125");
  EXPECT_EQ(array_text(Tensor::scalar(-0.0f)), "-0.0");
  EXPECT_EQ(array_text(Tensor::scalar(494236896.0f)), "494236900.0");  // more digits would say no more
  EXPECT_EQ(array_text(Tensor::scalar(true)), "True");
  EXPECT_EQ(array_text(Tensor::scalar(int64_t{-7})), "-7");
}

TEST(ArrayText, NoElementsAreAPairOfBrackets) {
  EXPECT_EQ(array_text(*Tensor::zeros(DType::kFloat, {2, 0})), "[]");
}

}  // namespace
}  // namespace tarn
