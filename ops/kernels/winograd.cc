// Forward and backward_input, and the choice. The filter's gradient: winograd_backward_filter.cc.
#include "ops/kernels/winograd.h"

#include <algorithm>
#include <utility>

#include "ops/kernels/winograd_tiling.h"
#include "ops/kernels/winograd_transform.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kMinBlockTiles = 28;  // fewer would read the transformed filter too often

constexpr int64_t kMaxChannels = 1024;
constexpr int64_t kMaxChannelProduct = 512 * 512;  // the transformed filter of floats: 36 MB

template <class T>
struct ForwardPlan {
  WinogradTiling tiling;
  int64_t filter_point;  // strides between points
  int64_t input_row, product_row;
  int64_t block;  // tiles
  int64_t input_point, product_point;
  int64_t edge_elements, thread_bytes;

  explicit ForwardPlan(const Conv2DGeometry& g)
      : tiling(g),
        filter_point(point_stride_of(packed_elements(g.in_c, g.out_c))),
        input_row(row_stride_of(g.in_c)),
        product_row(row_stride_of(g.out_c)),
        block(block_tiles(tiling, kWinogradPoints * (input_row + product_row) * int64_t{sizeof(T)}, kMinBlockTiles)),
        input_point(point_stride_of(block * input_row)),
        product_point(point_stride_of(block * product_row)),
        edge_elements(kWinogradTile * kWinogradTile * g.in_c),
        thread_bytes(ScratchCarver<T>::bytes(kWinogradPoints * input_point) +
                     ScratchCarver<T>::bytes(kWinogradPoints * product_point) +
                     ScratchCarver<T>::bytes(edge_elements)) {}

  int64_t filter_elements() const { return kWinogradPoints * filter_point; }
  int64_t scratch_bytes(int threads) const {
    return ScratchCarver<T>::bytes(filter_elements()) + thread_bytes * threads;
  }
};

// filter [h, w, in_c, out_c] to packed matrices [in_c, out_c], one for each point.
template <class T>
void transform_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, int64_t point_stride, T* out,
                      Isa isa) {
  const WinogradKernels<T>& kernels = winograd_kernels<T>(isa, g.filter_h);
  const int64_t width = tile_kernels<T>(isa).panel_width;
  const int64_t tap = g.in_c * g.out_c;
  const int64_t panels = ceil_div(g.out_c, width);
  const int64_t units = panels * g.in_c;
  pool.parallel_for(units, min_range(units, tap * kWinogradPoints * 4), [&](int64_t begin, int64_t end, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t column = unit / g.in_c * width;
      const int64_t channel = unit % g.in_c;
      const int64_t columns = std::min(width, g.out_c - column);
      const int64_t stored = columns <= width / 2 ? width / 2 : width;
      kernels.filter(filter + channel * g.out_c + column, g.filter_w * tap, tap, columns,
                     out + column * g.in_c + channel * stored, point_stride);
    }
  });
}

// The filter of backward_input: turned around, [out_c, in_c] of the forward geometry `g` for each point. `rows` holds
// the points of one panel's channels before they are transposed.
template <class T>
int64_t transposed_rows_elements(const Conv2DGeometry& g) {
  return kWinogradPoints * point_stride_of(kMaxPanelWidth * round_up(g.out_c, kLine));
}

template <class T>
void transform_turned_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, int64_t point_stride, T* out,
                             T* all_rows, Isa isa) {
  const WinogradKernels<T>& kernels = winograd_kernels<T>(isa, g.filter_h);
  const TileKernels<T>& tiles = tile_kernels<T>(isa);
  const int64_t width = tiles.panel_width;
  const int64_t tap = g.in_c * g.out_c;
  const T* last_tap = filter + (g.filter_h * g.filter_w - 1) * tap;
  const int64_t row = round_up(g.out_c, kLine);
  const int64_t rows_point = point_stride_of(width * row);
  const int64_t panels = ceil_div(g.in_c, width);
  pool.parallel_for(panels, min_range(panels, tap * kWinogradPoints * 4), [&](int64_t begin, int64_t end, int thread) {
    T* rows = all_rows + thread * transposed_rows_elements<T>(g);
    for (int64_t column = begin * width; column < std::min(end * width, g.in_c); column += width) {
      const int64_t columns = std::min(width, g.in_c - column);
      for (int64_t i = 0; i < columns; ++i) {
        kernels.filter(last_tap + (column + i) * g.out_c, -g.filter_w * tap, -tap, g.out_c, rows + i * row, rows_point);
      }
      for (int64_t point = 0; point < kWinogradPoints; ++point) {
        tiles.pack_transposed(rows + point * rows_point, row, g.out_c, columns, g.out_c,
                              out + point * point_stride + column * g.out_c);
      }
    }
  });
}

// Tiles of one convolution with a transformed filter.
template <class T>
class ForwardWorker {
 public:
  ForwardWorker(const ThreadPool& pool, const Conv2DGeometry& g, const ForwardPlan<T>& plan, Isa isa, const T* filter,
                void* scratch)
      : pool_(pool),
        g_(g),
        plan_(plan),
        transforms_(winograd_kernels<T>(isa, g.filter_h)),
        kernels_(tile_kernels<T>(isa)),
        filter_(filter) {
    ScratchCarver<T> carver(scratch);
    input_ = carver.take(kWinogradPoints * plan.input_point);
    products_ = carver.take(kWinogradPoints * plan.product_point);
    edge_ = carver.take(plan.edge_elements);
  }

  void run(const T* x, T* y, const Epilogue<T>& epilogue, int64_t begin, int64_t end) {
    const int64_t blocks = ceil_div(end - begin, plan_.block);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = begin + (end - begin) * block / blocks;
      const int64_t tiles = begin + (end - begin) * (block + 1) / blocks - first;
      for (int64_t tile = 0; tile < tiles; ++tile) transform_input(x, first + tile, tile);
      for (int64_t point = 0; point < kWinogradPoints; ++point) {
        if (pool_.is_stopped()) return;
        multiply(point, tiles);
      }
      for (int64_t tile = 0; tile < tiles; ++tile) transform_output(y, epilogue, first + tile, tile);
    }
  }

 private:
  void transform_input(const T* x, int64_t tile, int64_t slot) {
    const WinogradTiling::Place place = plan_.tiling.place(tile);
    const WinogradCells<T> cells(x + place.image * g_.in_h * g_.in_w * g_.in_c, g_.in_h, g_.in_w, g_.in_c,
                                 place.row - g_.pad_top, place.column - g_.pad_left, kWinogradTile, edge_);
    transforms_.input(cells.data, cells.row_stride, g_.in_c, g_.in_c, input_ + slot * plan_.input_row,
                      plan_.input_point);
  }

  void multiply(int64_t point, int64_t rows) {
    constexpr int64_t kNoOffset = 0;
    Tile<T> tile{};
    tile.a_stride = plan_.input_row;
    tile.offsets = &kNoOffset;
    tile.segments = 1;
    tile.segment_length = g_.in_c;
    tile.ldc = plan_.product_row;
    tile.activation = Activation::kNone;
    const int64_t row_tiles = ceil_div(rows, kernels_.tile_rows);
    for (int64_t column = 0; column < g_.out_c; column += kernels_.panel_width) {
      tile.columns = std::min<int64_t>(kernels_.panel_width, g_.out_c - column);
      tile.b = filter_ + point * plan_.filter_point + column * g_.in_c;
      for (int64_t t = 0; t < row_tiles; ++t) {
        const int64_t row = rows * t / row_tiles;
        tile.a = input_ + point * plan_.input_point + row * plan_.input_row;
        tile.c = products_ + point * plan_.product_point + row * plan_.product_row + column;
        kernels_.rows_tile(tile, rows * (t + 1) / row_tiles - row);
      }
    }
  }

  void transform_output(T* y, const Epilogue<T>& epilogue, int64_t tile, int64_t slot) {
    const WinogradTiling::Place place = plan_.tiling.place(tile);
    transforms_.output(products_ + slot * plan_.product_row, plan_.product_point,
                       {.y = y + ((place.image * g_.out_h + place.row) * g_.out_w + place.column) * g_.out_c,
                        .row_stride = g_.out_w * g_.out_c,
                        .pixel_stride = g_.out_c,
                        .rows = std::min(plan_.tiling.block, g_.out_h - place.row),
                        .columns = std::min(plan_.tiling.block, g_.out_w - place.column),
                        .channels = g_.out_c,
                        .epilogue = epilogue});
  }

  const ThreadPool& pool_;
  const Conv2DGeometry& g_;
  const ForwardPlan<T>& plan_;
  const WinogradKernels<T>& transforms_;
  const TileKernels<T>& kernels_;
  const T* filter_;
  T* input_;
  T* products_;
  T* edge_;
};

template <class T>
void run_tiles(ThreadPool& pool, const Conv2DGeometry& g, const ForwardPlan<T>& plan, const T* filter, const T* x, T* y,
               const Epilogue<T>& epilogue, char* thread_scratch, Isa isa) {
  const int64_t work = plan.tiling.count * kWinogradPoints * g.in_c * g.out_c;
  pool.parallel_for_whole(plan.tiling.count, min_range(plan.tiling.count, work),
                          [&](int64_t begin, int64_t end, int thread) {
                            ForwardWorker<T>(pool, g, plan, isa, filter, thread_scratch + thread * plan.thread_bytes)
                                .run(x, y, epilogue, begin, end);
                          });
}

// dx as a forward convolution of dy, with the filter turned around:  dx[r] = sum over h of dy[r + pad - h] * filter[h]
Conv2DGeometry turned(const Conv2DGeometry& g) {
  Conv2DGeometry t = g;
  t.in_h = g.out_h, t.in_w = g.out_w, t.in_c = g.out_c;
  t.out_h = g.in_h, t.out_w = g.in_w, t.out_c = g.in_c;
  t.pad_top = g.filter_h - 1 - g.pad_top, t.pad_left = g.filter_w - 1 - g.pad_left;
  return t;
}

// Measured with kernels_bench on AVX-512, AVX2 and plain SSE2 (bench/README.md), in products a channel pair: a tile's
// 36 with their transforms count a quarter more, and transforming the filter is worth some tiles. Where the model
// promises less than a fifth, the direct path stays.
bool saves_time(const Conv2DGeometry& g) {
  constexpr int64_t kMinChannels = 16;         // below, the transforms outweigh the products
  constexpr int64_t kLargeFilter = 128 * 256;  // transformed: 4.5 MB, beyond L2
  constexpr int64_t kFilterTiles = 8, kLargeFilterTiles = 32;
  if (g.in_c < kMinChannels || g.out_c < kMinChannels) return false;
  const WinogradTiling tiling(g);
  const int64_t filter_tiles = g.in_c * g.out_c >= kLargeFilter ? kLargeFilterTiles : kFilterTiles;
  const double winograd = double(kWinogradPoints) * (1.25 * double(tiling.count) + double(filter_tiles));
  const double direct = double(g.filter_h * g.filter_w) * double(g.batch) * double(g.out_h) * double(g.out_w);
  return winograd < 0.8 * direct;
}

// Rows and columns of padding, `most` at a side.
bool pads_at_most(const Conv2DGeometry& g, int64_t most) {
  const auto little = [most](int64_t padding) { return padding >= 0 && padding <= most; };
  return little(g.pad_top) && little(g.pad_left) && little(g.out_h + g.filter_h - 1 - g.in_h - g.pad_top) &&
         little(g.out_w + g.filter_w - 1 - g.in_w - g.pad_left);
}

// An output shares the rounding errors of its tile. A sum of few terms, in a corner where the rest of the window is
// padding, is then less exact than its own terms explain: where one tap alone is inside (dx of VALID), it is computed
// directly.
template <class T>
void backward_input_corners(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, const T* dy, T* dx,
                            void* scratch, Isa isa) {
  for (const int64_t h : {int64_t{0}, g.filter_h - 1}) {
    for (const int64_t w : {int64_t{0}, g.filter_w - 1}) {
      const int64_t pad_h = h == 0 ? g.pad_top : g.out_h + g.filter_h - 1 - g.in_h - g.pad_top;
      const int64_t pad_w = w == 0 ? g.pad_left : g.out_w + g.filter_w - 1 - g.in_w - g.pad_left;
      if (pad_h != 0 || pad_w != 0) continue;
      const int64_t y_pixel = (h == 0 ? 0 : g.out_h - 1) * g.out_w + (w == 0 ? 0 : g.out_w - 1);
      const int64_t x_pixel = (h == 0 ? 0 : g.in_h - 1) * g.in_w + (w == 0 ? 0 : g.in_w - 1);
      // dx[corner] = dy[corner] * filter[h, w]^T, for all images
      gemm<T>(pool, false, true, g.batch, g.in_c, g.out_c, dy + y_pixel * g.out_c, g.out_h * g.out_w * g.out_c,
              filter + (h * g.filter_w + w) * g.in_c * g.out_c, g.out_c, false, dx + x_pixel * g.in_c,
              g.in_h * g.in_w * g.in_c, {}, scratch, isa);
    }
  }
}

}  // namespace

bool winograd_supports(const Conv2DGeometry& g) {
  const bool square = g.filter_h == g.filter_w && (g.filter_h == 3 || g.filter_h == 5);
  const bool shape = square && g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 && g.dilation_w == 1;
  const bool channels = g.in_c >= 1 && g.out_c >= 1 && g.in_c <= kMaxChannels && g.out_c <= kMaxChannels &&
                        g.in_c * g.out_c <= kMaxChannelProduct;
  if (!shape || !channels) return false;
  // Both images are counted: either may be the one that is tiled.
  for (const auto& [h, w] : {std::pair{g.in_h, g.in_w}, std::pair{g.out_h, g.out_w}}) {
    constexpr int64_t kMaxSide = int64_t{1} << 31;
    int64_t pixels = 0;
    if (g.batch < 1 || h < 1 || w < 1 || h > kMaxSide || w > kMaxSide) return false;
    if (__builtin_mul_overflow(g.batch, h * w, &pixels) || pixels > (int64_t{1} << 40)) return false;
  }
  return true;
}

bool winograd_forward_pays(const Conv2DGeometry& g) {
  return winograd_supports(g) && pads_at_most(g, g.filter_h / 2) && saves_time(g);
}
bool winograd_backward_input_pays(const Conv2DGeometry& g) {
  // Edges of dx where two thirds of the window are padding: enough terms are left of this many channels.
  constexpr int64_t kMinEdgeChannels = 32;
  const int64_t most = g.filter_h == 3 && g.out_c >= kMinEdgeChannels ? 2 : g.filter_h / 2;
  return winograd_supports(g) && pads_at_most(turned(g), most) && saves_time(turned(g));
}
bool winograd_backward_filter_pays(const Conv2DGeometry& g) {
  return winograd_supports(g) && pads_at_most(g, 2) && saves_time(g);
}

template <class T>
size_t winograd_forward_scratch_bytes(const Conv2DGeometry& g, int threads) {
  return static_cast<size_t>(ForwardPlan<T>(g).scratch_bytes(threads));
}

template <class T>
void winograd_forward(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* filter, T* y,
                      const Epilogue<T>& epilogue, void* scratch, Isa isa) {
  const ForwardPlan<T> plan(g);
  ScratchCarver<T> carver(scratch);
  T* transformed = carver.take(plan.filter_elements());
  transform_filter(pool, g, filter, plan.filter_point, transformed, isa);
  run_tiles(pool, g, plan, transformed, x, y, epilogue, carver.template take<char>(0), isa);
}

template <class T>
size_t winograd_backward_input_scratch_bytes(const Conv2DGeometry& g, int threads) {
  const ForwardPlan<T> plan(turned(g));
  // One after another: the rows before transposing, the tiles, the corners.
  const int64_t rows_bytes = ScratchCarver<T>::bytes(transposed_rows_elements<T>(g) * threads);
  const int64_t corner_bytes = static_cast<int64_t>(gemm_scratch_bytes<T>(g.batch, g.in_c, g.out_c, threads));
  return static_cast<size_t>(ScratchCarver<T>::bytes(plan.filter_elements()) +
                             std::max({rows_bytes, plan.thread_bytes * threads, corner_bytes}));
}

template <class T>
void winograd_backward_input(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, const T* dy, T* dx,
                             void* scratch, Isa isa) {
  const Conv2DGeometry mirror = turned(g);
  const ForwardPlan<T> plan(mirror);
  ScratchCarver<T> carver(scratch);
  T* transformed = carver.take(plan.filter_elements());
  transform_turned_filter(pool, g, filter, plan.filter_point, transformed, carver.take(0), isa);
  run_tiles<T>(pool, mirror, plan, transformed, dy, dx, {}, carver.template take<char>(0), isa);
  backward_input_corners(pool, g, filter, dy, dx, carver.take(0), isa);
}

#define TARN_INSTANTIATE(T)                                                                                         \
  template size_t winograd_forward_scratch_bytes<T>(const Conv2DGeometry&, int);                                    \
  template size_t winograd_backward_input_scratch_bytes<T>(const Conv2DGeometry&, int);                             \
  template void winograd_forward<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, const Epilogue<T>&, \
                                    void*, Isa);                                                                    \
  template void winograd_backward_input<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, void*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
