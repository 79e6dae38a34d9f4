// The transforms under winograd.h (internal), for each flavour. Winograd's F(m, r), or Cook's and Toom's: m
// neighbouring outputs of a filter of r taps cost n = m + r - 1 products instead of m * r, between the values of two
// polynomials at n points. Both ways F(m x m, r x r) costs n^2 instead of (m * r)^2: F(4x4, 3x3) 36 instead of 144.
//
//   y = A^T [(G g) . (B^T d)]              along one axis: d: n inputs, g: the taps, y: m outputs, . elementwise
//   Y = A^T [(G g G^T) . (B^T d B)] A      both ways: n x n inputs
//
// The points are 0, infinity and pairs +-p, which share most of their sums. All are short in binary, so that B and A
// are exact, and they are those of least error among such in eighths (searched on post-ReLU inputs; Barabasz et al.
// 2020 on the choice of points): 5/8 and 3/2 round a third as much as the usual 1 and 2. The filter's gradient is the
// same algorithm with the block of dy as the filter and the taps as the outputs.
#pragma once

#include <cstdint>

#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

// Of the pairs: row i is for 2 * i + 4 points.
inline constexpr int kMaxWinogradPairs = 4;
inline constexpr double kWinogradPairs[kMaxWinogradPairs][kMaxWinogradPairs] = {
    {1}, {0.625, 1.5}, {0.5, 1, 2}, {0.375, 0.875, 1.25, 2.5}};

// Where a row of a matrix of winograd_points.h begins.
constexpr int winograd_row_begin(int row, int in, int out) {
  return (row == out - 1 ? in - 1 : row) % 2;
}

// Where a tile's outputs go: the first rows x columns of its block. Of a transform along one axis: `columns` pixels
// from y on.
template <class T>
struct WinogradOutput {
  T* y;
  int64_t row_stride, pixel_stride;  // elements
  int64_t rows, columns;             // 1 … block
  int64_t channels;
  Epilogue<T> epilogue;
};

// A transform's matrix along one axis, for builds for size, whose loops read it; builds for speed know it.
template <class T>
struct WinogradMatrix {
  static constexpr int kMostIn = 10, kMostOut = 10;
  int in, out;
  bool both_ways;
  bool is_output;
  const T* coefficients;  // winograd_points.h
};

// Cells at row and pixel strides (elements; along one axis: pixel strides), `channels` neighbouring values each, to
// points `point_stride` apart. Writes whole vectors: zeros up to the next multiple of the vector's width.
template <class T>
struct WinogradTransform {
  void (*run)(const WinogradMatrix<T>& matrix, const T* cells, int64_t row_stride, int64_t pixel_stride,
              int64_t channels, T* points, int64_t point_stride);
  WinogradMatrix<T> matrix;

  void operator()(const T* cells, int64_t row_stride, int64_t pixel_stride, int64_t channels, T* points,
                  int64_t point_stride) const {
    run(matrix, cells, row_stride, pixel_stride, channels, points, point_stride);
  }
};

// Reads whole vectors of the points.
template <class T>
struct WinogradOutputTransform {
  void (*run)(const WinogradMatrix<T>& matrix, const T* points, int64_t point_stride, const WinogradOutput<T>& to);
  WinogradMatrix<T> matrix;

  void operator()(const T* points, int64_t point_stride, const WinogradOutput<T>& to) const {
    run(matrix, points, point_stride, to);
  }
};

template <class T>
struct WinogradKernels {
  WinogradTransform<T> input;   // a tile's cells of x
  WinogradTransform<T> filter;  // the taps
  WinogradOutputTransform<T> output;
};

// A table of its own, which programs that do not train need not link.
template <class T>
struct WinogradGradientKernels {
  WinogradTransform<T> gradient;  // a block of dy
  // Adds the partial sums of `groups` in order, then transforms `count` values to taps.
  void (*filter_gradient)(const T* partials, int64_t point_stride, int64_t groups, int64_t group_stride, int64_t count,
                          T* dfilter, int64_t tap_stride);
};

// Both ways: blocks of 2 or 4 of a filter of 3 or 5. Along one axis: blocks of 2 or 4 of a filter of 3 or 7.
template <class T>
WinogradKernels<T> winograd_kernels(Isa isa, int64_t block, int64_t filter, bool both_ways);
// For a filter of 3x3 or 5x5, at 6 x 6 points.
template <class T>
const WinogradGradientKernels<T>& winograd_gradient_kernels(Isa isa, int64_t filter);

}  // namespace tarn::kernels
