// What both passes of Winograd's algorithm share (internal): the tiles of a convolution's outputs, where the cells of
// each lie, how many make a block, and strides that suit the cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/kernels/conv2d_strip.h"
#include "ops/kernels/winograd.h"
#include "ops/kernels/winograd_transform.h"

namespace tarn::kernels {

// Points of a block's tiles, transformed input and products together: beside the transformed filter in L2.
inline constexpr int64_t kBlockBytes = 384 << 10;
inline constexpr int64_t kMaxBlockTiles = 128;  // more gains nothing and costs scratch
inline constexpr int64_t kLine = 16;            // floats of a cache line; the widest vector

// Strides in whole lines: rows of channels that do not all fall into one cache set, and points that differ in theirs.
constexpr int64_t row_stride_of(int64_t channels) {
  const int64_t lines = ceil_div(channels, kLine);
  return (lines % 16 == 0 ? lines + 1 : lines) * kLine;
}
constexpr int64_t point_stride_of(int64_t elements) {
  return (ceil_div(elements, kLine) | 1) * kLine;
}

template <class T>
WinogradKernels<T> winograd_kernels_of(Isa isa, const Conv2DGeometry& g, WinogradBlock block) {
  return winograd_kernels<T>(isa, std::max(block.h, block.w), std::max(g.filter_h, g.filter_w),
                             g.filter_h > 1 && g.filter_w > 1);
}

// Blocks of the outputs of all images, in order.
struct WinogradTiling {
  WinogradBlock block;
  int64_t tile_h, tile_w, points;  // inputs of a tile
  int64_t rows, columns, count;

  WinogradTiling(const Conv2DGeometry& g, WinogradBlock block)
      : block(block),
        tile_h(block.h + g.filter_h - 1),
        tile_w(block.w + g.filter_w - 1),
        points(tile_h * tile_w),
        rows(ceil_div(g.out_h, block.h)),
        columns(ceil_div(g.out_w, block.w)),
        count(g.batch * rows * columns) {}

  struct Place {
    int64_t image, row, column;  // of the first output
  };
  Place place(int64_t tile) const {
    const int64_t row = tile / columns;
    return {row / rows, row % rows * block.h, tile % columns * block.w};
  }
};

// rows x columns cells of an image [h, w, c], in place or, where some lie outside, in `edge` with zeros there.
template <class T>
struct WinogradCells {
  const T* data;
  int64_t row_stride;

  WinogradCells(const T* image, int64_t h, int64_t w, int64_t c, int64_t row, int64_t column, int64_t rows,
                int64_t columns, T* edge) {
    if (row >= 0 && column >= 0 && row + rows <= h && column + columns <= w) {
      data = image + (row * w + column) * c;
      row_stride = w * c;
    } else {
      copy_strip(image, h, w, c, row, rows, column, columns, edge);
      data = edge;
      row_stride = columns * c;
    }
  }
};

// dx as a forward convolution of dy, with the filter turned around:  dx[r] = sum over h of dy[r + pad - h] * filter[h]
inline Conv2DGeometry turned_around(const Conv2DGeometry& g) {
  Conv2DGeometry t = g;
  t.in_h = g.out_h, t.in_w = g.out_w, t.in_c = g.out_c;
  t.out_h = g.in_h, t.out_w = g.in_w, t.out_c = g.in_c;
  t.pad_top = g.filter_h - 1 - g.pad_top, t.pad_left = g.filter_w - 1 - g.pad_left;
  return t;
}

inline int64_t block_tiles(const WinogradTiling& tiling, int64_t bytes_per_tile, int64_t min_tiles) {
  const int64_t tiles = std::clamp(kBlockBytes / bytes_per_tile, min_tiles, kMaxBlockTiles);
  return std::max<int64_t>(1, std::min(tiles, tiling.count));
}

}  // namespace tarn::kernels
