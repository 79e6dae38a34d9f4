// Strips of a zero-padded image, shared by the convolution kernels (internal). Where a window can leave the image, the
// rows that a block of work needs are copied with their padding; a strip is sized to stay in L2.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ops/kernels/conv2d.h"
#include "ops/kernels/tile.h"

namespace tarn::kernels {

inline constexpr int64_t kStripBytes = 128 << 10;

// Copies rows [first_row, first_row + rows) and columns [first_column, first_column + width) of image [h, w, c], zeros
// where they lie outside.
template <class T>
void copy_strip(const T* image, int64_t h, int64_t w, int64_t c, int64_t first_row, int64_t rows, int64_t first_column,
                int64_t width, T* out) {
  const int64_t left = std::clamp<int64_t>(-first_column, 0, width);
  const int64_t inside = std::max<int64_t>(0, std::min(w, first_column + width) - std::max<int64_t>(0, first_column));
  const int64_t right = width - left - inside;
  for (int64_t row = first_row; row < first_row + rows; ++row) {
    if (row < 0 || row >= h || inside == 0) {
      std::fill_n(out, width * c, T{0});
    } else {
      std::fill_n(out, left * c, T{0});
      std::memcpy(out + left * c, image + (row * w + std::max<int64_t>(0, first_column)) * c,
                  static_cast<size_t>(inside * c) * sizeof(T));
      std::fill_n(out + (left + inside) * c, right * c, T{0});
    }
    out += width * c;
  }
}

// How windows over x are addressed, in place or in a strip.
struct WindowPlan {
  bool copies;         // some window leaves the image
  int64_t width;       // columns of a strip
  int64_t pitch;       // elements between rows, of the image or the strip
  int64_t extent_h;    // input rows one output row covers
  int64_t runs;        // contiguous runs of one window: filter rows, or single taps when dilated
  int64_t run_length;  // elements of each

  explicit WindowPlan(const Conv2DGeometry& g) {
    extent_h = (g.filter_h - 1) * g.dilation_h + 1;
    width = (g.out_w - 1) * g.stride_w + (g.filter_w - 1) * g.dilation_w + 1;
    const int64_t height = (g.out_h - 1) * g.stride_h + extent_h;
    copies = g.pad_top > 0 || g.pad_left > 0 || height > g.in_h || width > g.in_w;
    pitch = (copies ? width : g.in_w) * g.in_c;
    const bool whole_rows = g.dilation_w == 1 || g.filter_w == 1;
    runs = whole_rows ? g.filter_h : g.filter_h * g.filter_w;
    run_length = whole_rows ? g.filter_w * g.in_c : g.in_c;
  }

  int64_t strip_rows(const Conv2DGeometry& g, int64_t output_rows) const {
    return (output_rows - 1) * g.stride_h + extent_h;
  }
  // Of run r of a window, from the window's first element.
  int64_t run_offset(const Conv2DGeometry& g, int64_t run) const {
    if (runs == g.filter_h) return run * g.dilation_h * pitch;
    return run / g.filter_w * g.dilation_h * pitch + run % g.filter_w * g.dilation_w * g.in_c;
  }
};

// A convolution that is a plain matrix product of x [rows, depth] and the filter [depth, out_c]: 1x1, or one window
// that is the whole image.
struct MatrixForm {
  int64_t rows = 0;
  int64_t depth = 0;

  explicit MatrixForm(const Conv2DGeometry& g) {
    if (g.pad_top != 0 || g.pad_left != 0) return;
    const bool unit_filter = g.filter_h == 1 && g.filter_w == 1;
    if (unit_filter && g.stride_h == 1 && g.stride_w == 1 && g.out_h == g.in_h && g.out_w == g.in_w) {
      rows = g.batch * g.out_h * g.out_w;
      depth = g.in_c;
    } else if (g.out_h == 1 && g.out_w == 1 && g.filter_h == g.in_h && g.filter_w == g.in_w &&
               (g.dilation_h == 1 || g.filter_h == 1) && (g.dilation_w == 1 || g.filter_w == 1)) {
      rows = g.batch;
      depth = g.filter_depth();
    }
  }
  explicit operator bool() const { return depth > 0; }
};

// `rows` lines of `pixels` windows each, times packed B: the inner loops of forward and backward_input.
template <class T>
struct WindowBlock {
  const T* a;
  int64_t a_row, a_pixel;  // elements between lines and between windows
  T* c;
  int64_t c_row, c_pixel;
  int64_t rows, pixels;
  const int64_t* offsets;
  int64_t runs, run_length;
  const T* b;  // packed [runs * run_length, n]
  int64_t n;
  Epilogue<T> epilogue;  // its residual begins where c does
};

template <class T>
void multiply_windows(const ThreadPool& pool, const TileKernels<T>& kernels, const WindowBlock<T>& block) {
  Tile<T> tile{};
  tile.a_stride = block.a_pixel;
  tile.offsets = block.offsets;
  tile.segments = block.runs;
  tile.segment_length = block.run_length;
  tile.ldc = block.c_pixel;
  tile.activation = block.epilogue.activation;
  tile.c_is_far = is_far(block.runs * block.run_length, block.rows * block.c_row * int64_t{sizeof(T)});
  const int64_t tiles = ceil_div(block.pixels, kernels.tile_rows);
  // Stopping is asked about after some ten microseconds' work: rows may be of any width.
  const int64_t tile_work = kernels.tile_rows * kernels.panel_width * block.runs * block.run_length;
  const int64_t tiles_per_ask = std::max<int64_t>(1, kMinWorkPerThread / std::max<int64_t>(1, tile_work));
  int64_t tiles_left = tiles_per_ask;
  for (int64_t column = 0; column < block.n; column += kernels.panel_width) {
    tile.columns = std::min<int64_t>(kernels.panel_width, block.n - column);
    tile.b = block.b + column * block.runs * block.run_length;
    tile.bias = block.epilogue.bias == nullptr ? nullptr : block.epilogue.bias + column;
    for (int64_t row = 0; row < block.rows; ++row) {
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t pixel = block.pixels * t / tiles;
        const int64_t pixels = block.pixels * (t + 1) / tiles - pixel;
        tile.a = block.a + row * block.a_row + pixel * block.a_pixel;
        const int64_t at = row * block.c_row + pixel * block.c_pixel + column;
        tile.c = block.c + at;
        tile.residual = block.epilogue.residual == nullptr ? nullptr : block.epilogue.residual + at;
        kernels.rows_tile(tile, pixels);
        if (--tiles_left > 0) continue;
        if (pool.is_stopped()) return;
        tiles_left = tiles_per_ask;
      }
    }
  }
}

}  // namespace tarn::kernels
