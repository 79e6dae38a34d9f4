// Expected texts are what NumPy 1.26 prints for the same arrays.
#include "tools/support/array_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

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
  EXPECT_EQ(array_text(Tensor::from<double>({3}, {1e16, 1, 1e-300})), "[1.e+016 1.e+000 1.e-300]");
}

TEST(ArrayText, WhatIsNoNumberIsAlignedToo) {
  EXPECT_EQ(array_text(Tensor::from<float>({4}, {kNaN, kInfinity, -kInfinity, 1.5f})), "[ nan  inf -inf  1.5]");
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
  EXPECT_EQ(array_text(Tensor::scalar(true)), "True");
  EXPECT_EQ(array_text(Tensor::scalar(int64_t{-7})), "-7");
}

TEST(ArrayText, NoElementsAreAPairOfBrackets) {
  EXPECT_EQ(array_text(*Tensor::zeros(DType::kFloat, {2, 0})), "[]");
}

}  // namespace
}  // namespace tarn
