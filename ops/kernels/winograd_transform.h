// The transforms under winograd.h (internal), for each flavour. Winograd's F(4x4, 3x3): a 4x4 block of outputs of a 3x3
// convolution costs 36 products instead of 144, between the values of two polynomials at 6x6 points. F(2x2, 5x5) has
// the same points: 36 products instead of 100 for a 2x2 block of a 5x5 convolution.
//
//   Y = A^T [(G g G^T) . (B^T d B)] A        d: 6x6 of the input, g: the filter, Y: the outputs, . elementwise
//
// The points are 0, +-5/8, +-3/2 and infinity: B and A are then exact in binary, and the error, about twice that of the
// direct sum, is less than half of that of the usual 0, +-1, +-2 (Barabasz et al. 2020 on the choice of points).
// The filter's gradient is the same algorithm with the block of dy as the filter and the taps as the outputs.
#pragma once

#include <cstdint>

#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

inline constexpr double kWinogradA = 0.625;
inline constexpr double kWinogradB = 1.5;
inline constexpr int64_t kWinogradTile = 6;     // inputs of a tile, each way
inline constexpr int64_t kWinogradPoints = 36;  // of a tile

// Outputs of a tile, each way: 4 of a filter of 3, 2 of one of 5.
constexpr int64_t winograd_block(int64_t filter) {
  return kWinogradTile + 1 - filter;
}

// Where a tile's outputs go: the first rows x columns of its block.
template <class T>
struct WinogradOutput {
  T* y;
  int64_t row_stride, pixel_stride;  // elements
  int64_t rows, columns;             // 1 … winograd_block
  int64_t channels;
  Epilogue<T> epilogue;
};

// Cells at row and pixel strides (elements), `channels` neighbouring values each, to 36 points `point_stride` apart.
// Writes whole vectors: zeros up to the next multiple of the vector's width.
template <class T>
using WinogradTransform = void (*)(const T* cells, int64_t row_stride, int64_t pixel_stride, int64_t channels,
                                   T* points, int64_t point_stride);

template <class T>
struct WinogradKernels {
  WinogradTransform<T> input;   // 6x6 cells of x
  WinogradTransform<T> filter;  // the taps
  // Reads whole vectors of the points.
  void (*output)(const T* points, int64_t point_stride, const WinogradOutput<T>& to);
};

// A table of its own, which programs that do not train need not link.
template <class T>
struct WinogradGradientKernels {
  WinogradTransform<T> gradient;  // a block of dy
  // Adds the partial sums of `groups` in order, then transforms `count` values to taps.
  void (*filter_gradient)(const T* partials, int64_t point_stride, int64_t groups, int64_t group_stride, int64_t count,
                          T* dfilter, int64_t tap_stride);
};

// For a filter of 3x3 or 5x5.
template <class T>
const WinogradKernels<T>& winograd_kernels(Isa isa, int64_t filter);
template <class T>
const WinogradGradientKernels<T>& winograd_gradient_kernels(Isa isa, int64_t filter);

}  // namespace tarn::kernels
