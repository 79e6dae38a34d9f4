// Forward and backward_input. The filter's gradient: winograd_backward_filter.cc; the choice: winograd_choice.cc.
#include "ops/kernels/winograd.h"

#include <algorithm>

#include "ops/kernels/winograd_tiling.h"
#include "ops/kernels/winograd_transform.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kMinBlockTiles = 28;  // fewer would read the transformed filter too often

template <class T>
int64_t filter_point_stride(const Conv2DGeometry& g) {
  return point_stride_of(packed_elements(g.in_c, g.out_c));
}

template <class T>
struct ForwardPlan {
  WinogradTiling tiling;
  int64_t filter_point;  // strides between points
  int64_t input_row, product_row;
  bool shared;    // by all threads: the points of all tiles. Else each has a block of its own
  int64_t block;  // tiles
  int64_t input_point, product_point;
  int64_t points_bytes, edge_bytes;  // of a block; of a thread

  ForwardPlan(const Conv2DGeometry& g, WinogradBlock outputs, int threads)
      : tiling(g, outputs),
        filter_point(filter_point_stride<T>(g)),
        input_row(row_stride_of(g.in_c)),
        product_row(row_stride_of(g.out_c)),
        shared(threads > 1 && tiling.count < threads * kMinBlockTiles),
        block(shared ? tiling.count
                     : block_tiles(tiling, tiling.points * (input_row + product_row) * int64_t{sizeof(T)},
                                   kMinBlockTiles)),
        input_point(point_stride_of(block * input_row)),
        product_point(point_stride_of(block * product_row)),
        points_bytes(ScratchCarver<T>::bytes(tiling.points * input_point) +
                     ScratchCarver<T>::bytes(tiling.points * product_point)),
        edge_bytes(ScratchCarver<T>::bytes(tiling.points * g.in_c)) {}

  int64_t filter_bytes() const { return ScratchCarver<T>::bytes(tiling.points * filter_point); }
  int64_t scratch_bytes(int threads) const { return points_bytes * (shared ? 1 : threads) + edge_bytes * threads; }
};

// filter [h, w, in_c, out_c] to packed matrices [in_c, out_c], one for each point.
template <class T>
void transform_filter(ThreadPool& pool, const Conv2DGeometry& g, WinogradBlock block, const T* filter, T* out,
                      Isa isa) {
  const WinogradKernels<T> kernels = winograd_kernels_of<T>(isa, g, block);
  const int64_t points = WinogradTiling(g, block).points;
  const int64_t point_stride = filter_point_stride<T>(g);
  const int64_t width = tile_kernels<T>(isa).panel_width;
  const int64_t tap = g.in_c * g.out_c;
  const int64_t panels = ceil_div(g.out_c, width);
  const int64_t units = panels * g.in_c;
  pool.parallel_for(units, min_range(units, tap * points * 4), [&](int64_t begin, int64_t end, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t column = unit / g.in_c * width;
      const int64_t channel = unit % g.in_c;
      const int64_t columns = std::min(width, g.out_c - column);
      const int64_t stored = columns <= width / 2 ? width / 2 : width;
      // Along one axis the taps are next to each other either way.
      kernels.filter(filter + channel * g.out_c + column, g.filter_w * tap, tap, columns,
                     out + column * g.in_c + channel * stored, point_stride);
    }
  });
}

constexpr int64_t kGradientPoints = 36;

// The filter of backward_input: turned around, [out_c, in_c] of the forward geometry `g` for each point. `rows` holds
// the points of one panel's channels before they are transposed.
template <class T>
int64_t transposed_rows_elements(const Conv2DGeometry& g) {
  return kGradientPoints * point_stride_of(kMaxPanelWidth * round_up(g.out_c, kLine));
}

template <class T>
void transform_turned_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, int64_t point_stride, T* out,
                             T* all_rows, Isa isa) {
  const WinogradKernels<T> kernels = winograd_kernels_of<T>(isa, g, winograd_gradient_block(g));
  const TileKernels<T>& tiles = tile_kernels<T>(isa);
  const int64_t width = tiles.panel_width;
  const int64_t tap = g.in_c * g.out_c;
  const T* last_tap = filter + (g.filter_h * g.filter_w - 1) * tap;
  const int64_t row = round_up(g.out_c, kLine);
  const int64_t rows_point = point_stride_of(width * row);
  const int64_t panels = ceil_div(g.in_c, width);
  pool.parallel_for(panels, min_range(panels, tap * kGradientPoints * 4), [&](int64_t begin, int64_t end, int thread) {
    T* rows = all_rows + thread * transposed_rows_elements<T>(g);
    for (int64_t column = begin * width; column < std::min(end * width, g.in_c); column += width) {
      const int64_t columns = std::min(width, g.in_c - column);
      for (int64_t i = 0; i < columns; ++i) {
        kernels.filter(last_tap + (column + i) * g.out_c, -g.filter_w * tap, -tap, g.out_c, rows + i * row, rows_point);
      }
      for (int64_t point = 0; point < kGradientPoints; ++point) {
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
  struct Layer {
    const Conv2DGeometry& g;
    const ForwardPlan<T>& plan;
    const T* filter;  // transformed
    const T* x;
    T* y;
    Epilogue<T> epilogue;
    Isa isa;
  };

  ForwardWorker(const Layer& layer, char* points, char* edge)
      : layer_(layer),
        g_(layer.g),
        plan_(layer.plan),
        transforms_(winograd_kernels_of<T>(layer.isa, layer.g, layer.plan.tiling.block)),
        kernels_(tile_kernels<T>(layer.isa)),
        edge_(reinterpret_cast<T*>(edge)) {
    ScratchCarver<T> carver(points);
    input_ = carver.take(plan_.tiling.points * plan_.input_point);
    products_ = carver.take(plan_.tiling.points * plan_.product_point);
  }

  int64_t panels() const { return ceil_div(g_.out_c, kernels_.panel_width); }

  void transform_input(int64_t tile, int64_t slot) {
    const WinogradTiling& tiling = plan_.tiling;
    const WinogradTiling::Place place = tiling.place(tile);
    const WinogradCells<T> cells(layer_.x + place.image * g_.in_h * g_.in_w * g_.in_c, g_.in_h, g_.in_w, g_.in_c,
                                 place.row - g_.pad_top, place.column - g_.pad_left, tiling.tile_h, tiling.tile_w,
                                 edge_);
    transforms_.input(cells.data, cells.row_stride, tiling.tile_w > 1 ? g_.in_c : cells.row_stride, g_.in_c,
                      input_ + slot * plan_.input_row, plan_.input_point);
  }

  // Point by point times [begin, end) of the filter's panels.
  void multiply(int64_t point, int64_t begin, int64_t end, int64_t rows) {
    constexpr int64_t kNoOffset = 0;
    Tile<T> tile{};
    tile.a_stride = plan_.input_row;
    tile.offsets = &kNoOffset;
    tile.segments = 1;
    tile.segment_length = g_.in_c;
    tile.ldc = plan_.product_row;
    tile.activation = Activation::kNone;
    const int64_t row_tiles = ceil_div(rows, kernels_.tile_rows);
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t column = panel * kernels_.panel_width;
      tile.columns = std::min<int64_t>(kernels_.panel_width, g_.out_c - column);
      tile.b = layer_.filter + point * plan_.filter_point + column * g_.in_c;
      for (int64_t t = 0; t < row_tiles; ++t) {
        const int64_t row = rows * t / row_tiles;
        tile.a = input_ + point * plan_.input_point + row * plan_.input_row;
        tile.c = products_ + point * plan_.product_point + row * plan_.product_row + column;
        kernels_.rows_tile(tile, rows * (t + 1) / row_tiles - row);
      }
    }
  }

  void transform_output(int64_t tile, int64_t slot) {
    const WinogradTiling::Place place = plan_.tiling.place(tile);
    WinogradOutput<T> to{.y = layer_.y + ((place.image * g_.out_h + place.row) * g_.out_w + place.column) * g_.out_c,
                         .row_stride = g_.out_w * g_.out_c,
                         .pixel_stride = g_.out_c,
                         .rows = std::min(plan_.tiling.block.h, g_.out_h - place.row),
                         .columns = std::min(plan_.tiling.block.w, g_.out_w - place.column),
                         .channels = g_.out_c,
                         .epilogue = layer_.epilogue};
    if (plan_.tiling.tile_w == 1) {  // a column is a row of pixels further apart
      std::swap(to.row_stride, to.pixel_stride);
      std::swap(to.rows, to.columns);
    }
    transforms_.output(products_ + slot * plan_.product_row, plan_.product_point, to);
  }

 private:
  const Layer& layer_;
  const Conv2DGeometry& g_;
  const ForwardPlan<T>& plan_;
  const WinogradKernels<T> transforms_;
  const TileKernels<T>& kernels_;
  T* input_;
  T* products_;
  T* edge_;
};

// Many tiles: each thread has some, block by block.
template <class T>
void run_own_tiles(ThreadPool& pool, const typename ForwardWorker<T>::Layer& layer, char* scratch) {
  const ForwardPlan<T>& plan = layer.plan;
  const int64_t thread_bytes = plan.points_bytes + plan.edge_bytes;
  const int64_t work = plan.tiling.count * plan.tiling.points * layer.g.in_c * layer.g.out_c;
  pool.parallel_for_whole(plan.tiling.count, min_range(plan.tiling.count, work),
                          [&](int64_t begin, int64_t end, int thread) {
                            char* own = scratch + thread * thread_bytes;
                            ForwardWorker<T> worker(layer, own, own + plan.points_bytes);
                            const int64_t blocks = ceil_div(end - begin, plan.block);
                            for (int64_t block = 0; block < blocks; ++block) {
                              const int64_t first = begin + (end - begin) * block / blocks;
                              const int64_t tiles = begin + (end - begin) * (block + 1) / blocks - first;
                              for (int64_t tile = 0; tile < tiles; ++tile) worker.transform_input(first + tile, tile);
                              for (int64_t point = 0; point < plan.tiling.points; ++point) {
                                if (pool.is_stopped()) return;
                                worker.multiply(point, 0, worker.panels(), tiles);
                              }
                              for (int64_t tile = 0; tile < tiles; ++tile) worker.transform_output(first + tile, tile);
                            }
                          });
}

// Few: the threads share them, and each reads only some of the filter.
template <class T>
void run_shared_tiles(ThreadPool& pool, const typename ForwardWorker<T>::Layer& layer, char* scratch) {
  const ForwardPlan<T>& plan = layer.plan;
  char* edges = scratch + plan.points_bytes;
  const auto worker = [&](int thread) { return ForwardWorker<T>(layer, scratch, edges + thread * plan.edge_bytes); };
  const int64_t tiles = plan.tiling.count, points = plan.tiling.points;
  constexpr int64_t kTransformWork = 8;  // multiply-adds that a value of a point is worth
  pool.parallel_for(tiles, min_range(tiles, tiles * points * layer.g.in_c * kTransformWork),
                    [&](int64_t begin, int64_t end, int thread) {
                      ForwardWorker<T> own = worker(thread);
                      for (int64_t tile = begin; tile < end; ++tile) own.transform_input(tile, tile);
                    });
  const int64_t panels = worker(0).panels(), units = points * panels;
  pool.parallel_for(units, min_range(units, tiles * points * layer.g.in_c * layer.g.out_c),
                    [&](int64_t begin, int64_t end, int thread) {
                      ForwardWorker<T> own = worker(thread);
                      for (int64_t unit = begin; unit < end;) {
                        const int64_t panel = unit % panels, count = std::min(panels - panel, end - unit);
                        own.multiply(unit / panels, panel, panel + count, tiles);
                        unit += count;
                      }
                    });
  pool.parallel_for(tiles, min_range(tiles, tiles * points * layer.g.out_c * kTransformWork),
                    [&](int64_t begin, int64_t end, int thread) {
                      ForwardWorker<T> own = worker(thread);
                      for (int64_t tile = begin; tile < end; ++tile) own.transform_output(tile, tile);
                    });
}

template <class T>
void run_tiles(ThreadPool& pool, const Conv2DGeometry& g, const ForwardPlan<T>& plan, const T* filter, const T* x, T* y,
               const Epilogue<T>& epilogue, void* scratch, Isa isa) {
  const typename ForwardWorker<T>::Layer layer{g, plan, filter, x, y, epilogue, isa};
  (kHasThreads && plan.shared ? run_shared_tiles<T> : run_own_tiles<T>)(pool, layer, static_cast<char*>(scratch));
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

template <class T>
size_t winograd_forward_packed_scratch_bytes(const Conv2DGeometry& g, WinogradBlock block, int threads) {
  return static_cast<size_t>(ForwardPlan<T>(g, block, threads).scratch_bytes(threads));
}

template <class T>
void winograd_forward_packed(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const WinogradFilter<T>& filter,
                             T* y, const Epilogue<T>& epilogue, void* scratch) {
  const ForwardPlan<T> plan(g, filter.block, pool.threads());
  run_tiles(pool, g, plan, filter.data, x, y, epilogue, scratch, filter.isa);
}

template <class T>
size_t winograd_forward_scratch_bytes(const Conv2DGeometry& g, WinogradBlock block, int threads) {
  return winograd_filter_bytes<T>(g, block) + winograd_forward_packed_scratch_bytes<T>(g, block, threads);
}

template <class T>
void winograd_forward(ThreadPool& pool, const Conv2DGeometry& g, WinogradBlock block, const T* x, const T* filter, T* y,
                      const Epilogue<T>& epilogue, void* scratch, Isa isa) {
  const ForwardPlan<T> plan(g, block, pool.threads());
  T* transformed = static_cast<T*>(scratch);
  transform_filter(pool, g, block, filter, transformed, isa);
  run_tiles(pool, g, plan, transformed, x, y, epilogue, static_cast<char*>(scratch) + plan.filter_bytes(), isa);
}

template <class T>
size_t winograd_filter_bytes(const Conv2DGeometry& g, WinogradBlock block) {
  return static_cast<size_t>(ScratchCarver<T>::bytes(WinogradTiling(g, block).points * filter_point_stride<T>(g)));
}

template <class T>
WinogradFilter<T> winograd_pack_filter(const Conv2DGeometry& g, WinogradBlock block, const T* filter, void* memory,
                                       Isa isa, const HaveRead& have_read) {
  ThreadPool caller(1);
  transform_filter(caller, g, block, filter, static_cast<T*>(memory), isa);
  if (have_read) have_read(filter, static_cast<size_t>(g.filter_depth() * g.out_c) * sizeof(T));
  return {static_cast<T*>(memory), block, isa};
}

template <class T>
size_t winograd_backward_input_scratch_bytes(const Conv2DGeometry& g, int threads) {
  const ForwardPlan<T> plan(turned_around(g), winograd_gradient_block(g), threads);
  // One after another: the rows before transposing, the tiles, the corners.
  const int64_t rows_bytes = ScratchCarver<T>::bytes(transposed_rows_elements<T>(g) * threads);
  const int64_t corner_bytes = static_cast<int64_t>(gemm_scratch_bytes<T>(g.batch, g.in_c, g.out_c, threads));
  return static_cast<size_t>(plan.filter_bytes() + std::max({rows_bytes, plan.scratch_bytes(threads), corner_bytes}));
}

template <class T>
void winograd_backward_input(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, const T* dy, T* dx,
                             void* scratch, Isa isa) {
  const Conv2DGeometry mirror = turned_around(g);
  const ForwardPlan<T> plan(mirror, winograd_gradient_block(g), pool.threads());
  T* transformed = static_cast<T*>(scratch);
  char* rest = static_cast<char*>(scratch) + plan.filter_bytes();
  transform_turned_filter(pool, g, filter, plan.filter_point, transformed, reinterpret_cast<T*>(rest), isa);
  run_tiles<T>(pool, mirror, plan, transformed, dy, dx, {}, rest, isa);
  backward_input_corners(pool, g, filter, dy, dx, rest, isa);
}

#define TARN_INSTANTIATE(T)                                                                                            \
  template size_t winograd_forward_scratch_bytes<T>(const Conv2DGeometry&, WinogradBlock, int);                        \
  template size_t winograd_forward_packed_scratch_bytes<T>(const Conv2DGeometry&, WinogradBlock, int);                 \
  template size_t winograd_filter_bytes<T>(const Conv2DGeometry&, WinogradBlock);                                      \
  template size_t winograd_backward_input_scratch_bytes<T>(const Conv2DGeometry&, int);                                \
  template void winograd_forward<T>(ThreadPool&, const Conv2DGeometry&, WinogradBlock, const T*, const T*, T*,         \
                                    const Epilogue<T>&, void*, Isa);                                                   \
  template WinogradFilter<T> winograd_pack_filter<T>(const Conv2DGeometry&, WinogradBlock, const T*, void*, Isa,       \
                                                     const HaveRead&);                                                 \
  template void winograd_forward_packed<T>(ThreadPool&, const Conv2DGeometry&, const T*, const WinogradFilter<T>&, T*, \
                                           const Epilogue<T>&, void*);                                                 \
  template void winograd_backward_input<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, void*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
