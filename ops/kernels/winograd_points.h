// The coefficients of Winograd's transforms (internal; winograd_transform.h), which the compiler makes of the points.
#pragma once

#include <cstdint>

#include "ops/kernels/winograd_transform.h"

namespace tarn::kernels {

// Products of (x - point), as polynomials in x^2: those of a pair +-p make x^2 - p^2.
template <class T, int N>
struct WinogradPoints {
  static constexpr int kPairs = N / 2 - 1;
  T pair[kPairs];
  T all[kPairs + 1];            // of all pairs; the highest coefficient is 1
  T others[kPairs][kPairs];     // of all but one
  T inverse0, inverse[kPairs];  // 1 / product of (point - another point)
};
template <class T, int N>
constexpr WinogradPoints<T, N> make_winograd_points() {
  constexpr int kPairs = WinogradPoints<T, N>::kPairs;
  constexpr const double(&pair)[kMaxWinogradPairs] = kWinogradPairs[kPairs - 1];
  WinogradPoints<T, N> points{};
  for (int left_out = -1; left_out < kPairs; ++left_out) {
    double product[kPairs + 1] = {1};
    double at_point = left_out < 0 ? 1 : 2 * pair[left_out] * pair[left_out];
    for (int j = 0; j < kPairs; ++j) {
      if (j == left_out) continue;
      for (int k = kPairs; k >= 0; --k) product[k] = (k > 0 ? product[k - 1] : 0) - pair[j] * pair[j] * product[k];
      at_point *= (left_out < 0 ? 0 : pair[left_out] * pair[left_out]) - pair[j] * pair[j];
    }
    if (left_out < 0) {
      for (int k = 0; k <= kPairs; ++k) points.all[k] = T(product[k]);
      points.inverse0 = T(1 / at_point);
    } else {
      for (int k = 0; k < kPairs; ++k) points.others[left_out][k] = T(product[k]);
      points.pair[left_out] = T(pair[left_out]);
      points.inverse[left_out] = T(1 / at_point);
    }
  }
  return points;
}
template <class T, int N>
inline constexpr WinogradPoints<T, N> kWinogradPoints = make_winograd_points<T, N>();

// The same as matrices, for builds for size. A row takes every second value, from value row % 2 on, the last row from
// value (in - 1) % 2 on: of B^T and G the two rows of points +-p are the sum and the difference of two, which are
// written in their places, first the one of odd powers. A^T takes the differences and sums of such pairs.
template <class T, int kIn, int kOut>
struct WinogradRows {
  T at[kOut * ((kIn + 1) / 2)];

  template <class Coefficient>
  explicit constexpr WinogradRows(const Coefficient& coefficient) : at{} {
    T* next = at;
    for (int row = 0; row < kOut; ++row) {
      for (int i = winograd_row_begin(row, kIn, kOut); i < kIn; i += 2) *next++ = T(coefficient(row, i));
    }
  }
};

// B^T: the coefficients of the product over j != i of (x - p_j); the last row of the product over all points.
template <class T, int N>
inline constexpr WinogradRows<T, N, N> kWinogradInput([](int row, int i) -> double {
  constexpr WinogradPoints<double, N> points = make_winograd_points<double, N>();
  if (row == 0 || row == N - 1) return points.all[i / 2];
  const int pair = (row - 1) / 2;
  if (row % 2 == 0) return i == 0 ? 0 : points.others[pair][i / 2 - 1];
  return i == N - 1 ? 0 : points.pair[pair] * points.others[pair][i / 2];
});

// G: a polynomial of R coefficients at each point over that point's product; its last coefficient for infinity.
template <class T, int N, int R>
inline constexpr WinogradRows<T, R, N> kWinogradFilter([](int row, int i) -> double {
  constexpr WinogradPoints<double, N> points = make_winograd_points<double, N>();
  if (row == 0) return i == 0 ? points.inverse0 : 0;
  if (row == N - 1) return i == R - 1 ? 1 : 0;
  double value = points.inverse[(row - 1) / 2];
  for (int power = 0; power < i; ++power) value *= points.pair[(row - 1) / 2];
  return value;
});

// A^T: row k of M holds the k-th powers of the points; infinity counts in the last row. M is even.
template <class T, int N, int M>
inline constexpr WinogradRows<T, N, M> kWinogradOutput([](int row, int i) -> double {
  if (i == 0 || i == N - 1) return row == (i == 0 ? 0 : M - 1) ? 1 : 0;
  double value = 1;
  for (int power = 0; power < row; ++power) value *= kWinogradPairs[N / 2 - 2][(i - 1) / 2];
  return value;
});

template <class T>
struct WinogradCoefficients {
  const T *input, *filter, *output;
};
template <class T, int kBlock, int kTaps>
inline constexpr WinogradCoefficients<T> kWinogradCoefficientsOf = {kWinogradInput<T, kBlock + kTaps - 1>.at,
                                                                    kWinogradFilter<T, kBlock + kTaps - 1, kTaps>.at,
                                                                    kWinogradOutput<T, kBlock + kTaps - 1, kBlock>.at};
// Of filters of 3, 5 and 7 with blocks of 2 and 4.
template <class T>
inline constexpr WinogradCoefficients<T> kWinogradCoefficients[3][2] = {
    {kWinogradCoefficientsOf<T, 2, 3>, kWinogradCoefficientsOf<T, 4, 3>},
    {kWinogradCoefficientsOf<T, 2, 5>, kWinogradCoefficientsOf<T, 4, 5>},
    {kWinogradCoefficientsOf<T, 2, 7>, kWinogradCoefficientsOf<T, 4, 7>}};

}  // namespace tarn::kernels
