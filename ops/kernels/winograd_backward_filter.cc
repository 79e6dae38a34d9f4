#include <algorithm>

#include "ops/kernels/winograd.h"
#include "ops/kernels/winograd_tiling.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kWinogradPoints = 36;    // of a tile
constexpr int64_t kMinGradientTiles = 96;  // fewer in a block would read and write the sums too often

// As in conv2d_backward_filter.cc.
constexpr int64_t kMaxGroups = 8;
constexpr int64_t kMinTilesPerGroup = 64;
constexpr int64_t kMaxPartialBytes = 16 << 20;

// dfilter's points, [in_c, out_c] each, are sums over tiles:  points(x)^T * points(dy). The tiles are cut into groups
// that the geometry alone decides, each with a partial sum of its own.
template <class T>
struct FilterGradientPlan {
  WinogradTiling tiling;
  int64_t partial_point, partial_elements, groups;
  int64_t input_row, gradient_row;
  int64_t block;
  int64_t input_point, gradient_point;
  int64_t edge_elements, thread_bytes;

  explicit FilterGradientPlan(const Conv2DGeometry& g)
      : tiling(g, winograd_gradient_block(g)),
        partial_point(point_stride_of(g.in_c * g.out_c)),
        partial_elements(kWinogradPoints * partial_point),
        groups(std::max<int64_t>(1, std::min({kMaxGroups, tiling.count / kMinTilesPerGroup,
                                              kMaxPartialBytes / (partial_elements * int64_t{sizeof(T)})}))),
        input_row(row_stride_of(g.in_c)),
        gradient_row(round_up(g.out_c, kLine)),
        block(
            block_tiles(tiling, kWinogradPoints * (input_row + gradient_row) * int64_t{sizeof(T)}, kMinGradientTiles)),
        input_point(point_stride_of(block * input_row)),
        gradient_point(point_stride_of(block * gradient_row)),
        edge_elements(kWinogradPoints * std::max(g.in_c, g.out_c)),
        thread_bytes(ScratchCarver<T>::bytes(kWinogradPoints * input_point) +
                     ScratchCarver<T>::bytes(kWinogradPoints * gradient_point) +
                     ScratchCarver<T>::bytes(edge_elements)) {}

  int64_t scratch_bytes(int threads) const {
    return ScratchCarver<T>::bytes(partial_elements * groups) + thread_bytes * threads;
  }
};

template <class T>
class FilterGradientWorker {
 public:
  FilterGradientWorker(const Conv2DGeometry& g, const FilterGradientPlan<T>& plan, Isa isa, void* scratch)
      : g_(g),
        plan_(plan),
        transforms_(winograd_kernels_of<T>(isa, g, plan.tiling.block)),
        gradients_(winograd_gradient_kernels<T>(isa, g.filter_h)),
        kernels_(tile_kernels<T>(isa)) {
    ScratchCarver<T> carver(scratch);
    input_ = carver.take(kWinogradPoints * plan.input_point);
    gradient_ = carver.take(kWinogradPoints * plan.gradient_point);
    edge_ = carver.take(plan.edge_elements);
  }

  // Tiles [begin, end) into points [first_point, last_point) of `partial`.
  void run(const T* x, const T* dy, int64_t begin, int64_t end, int64_t first_point, int64_t last_point, T* partial) {
    const int64_t blocks = ceil_div(end - begin, plan_.block);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = begin + (end - begin) * block / blocks;
      const int64_t tiles = begin + (end - begin) * (block + 1) / blocks - first;
      for (int64_t tile = 0; tile < tiles; ++tile) transform(x, dy, first + tile, tile, tiles);
      for (int64_t point = first_point; point < last_point; ++point) multiply(point, tiles, block > 0, partial);
    }
  }

 private:
  void transform(const T* x, const T* dy, int64_t tile, int64_t slot, int64_t tiles) {
    const WinogradTiling::Place place = plan_.tiling.place(tile);
    const WinogradCells<T> input(x + place.image * g_.in_h * g_.in_w * g_.in_c, g_.in_h, g_.in_w, g_.in_c,
                                 place.row - g_.pad_top, place.column - g_.pad_left, plan_.tiling.tile_h,
                                 plan_.tiling.tile_w, edge_);
    transforms_.input(input.data, input.row_stride, g_.in_c, g_.in_c, input_ + slot * plan_.input_row,
                      plan_.input_point);
    const WinogradCells<T> gradient(dy + place.image * g_.out_h * g_.out_w * g_.out_c, g_.out_h, g_.out_w, g_.out_c,
                                    place.row, place.column, plan_.tiling.block.h, plan_.tiling.block.w, edge_);
    const int64_t width = kernels_.panel_width;
    for (int64_t column = 0; column < g_.out_c; column += width) {  // written as packed panels, [tiles, out_c]
      const int64_t columns = std::min(width, g_.out_c - column);
      const int64_t stored = kernels_.half_panel(columns) ? width / 2 : width;
      gradients_.gradient(gradient.data + column, gradient.row_stride, g_.out_c, columns,
                          gradient_ + column * tiles + slot * stored, plan_.gradient_point);
    }
  }

  void multiply(int64_t point, int64_t tiles, bool accumulate, T* partial) {
    constexpr int64_t kNoOffset = 0;
    Tile<T> tile{};
    tile.a_stride = plan_.input_row;
    tile.offsets = &kNoOffset;
    tile.segments = 1;
    tile.segment_length = tiles;
    tile.ldc = g_.out_c;
    tile.accumulate = accumulate;
    tile.activation = Activation::kNone;
    const int64_t row_tiles = ceil_div(g_.in_c, kernels_.tile_rows);
    for (int64_t column = 0; column < g_.out_c; column += kernels_.panel_width) {
      tile.columns = std::min<int64_t>(kernels_.panel_width, g_.out_c - column);
      tile.b = gradient_ + point * plan_.gradient_point + column * tiles;
      for (int64_t t = 0; t < row_tiles; ++t) {
        const int64_t row = g_.in_c * t / row_tiles;
        tile.a = input_ + point * plan_.input_point + row;
        tile.c = partial + point * plan_.partial_point + row * g_.out_c + column;
        kernels_.columns_tile(tile, g_.in_c * (t + 1) / row_tiles - row);
      }
    }
  }

  const Conv2DGeometry& g_;
  const FilterGradientPlan<T>& plan_;
  const WinogradKernels<T> transforms_;
  const WinogradGradientKernels<T>& gradients_;
  const TileKernels<T>& kernels_;
  T* input_;
  T* gradient_;
  T* edge_;
};

}  // namespace

template <class T>
size_t winograd_backward_filter_scratch_bytes(const Conv2DGeometry& g, int threads) {
  return static_cast<size_t>(FilterGradientPlan<T>(g).scratch_bytes(threads));
}

template <class T>
void winograd_backward_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* dy, T* dfilter,
                              void* scratch, Isa isa) {
  const FilterGradientPlan<T> plan(g);
  ScratchCarver<T> carver(scratch);
  T* partials = carver.take(plan.partial_elements * plan.groups);
  char* thread_scratch = carver.template take<char>(0);

  // Fewer groups than threads: several threads share a group, each with some of the points. That changes no sum.
  const int64_t slices = plan.groups >= pool.threads() ? 1 : ceil_div(pool.threads(), plan.groups);
  const int64_t units = plan.groups * slices;
  const int64_t tiles = plan.tiling.count;
  const int64_t work = tiles * kWinogradPoints * g.in_c * g.out_c;
  pool.parallel_for(units, min_range(units, work), [&](int64_t begin, int64_t end, int thread) {
    FilterGradientWorker<T> worker(g, plan, isa, thread_scratch + thread * plan.thread_bytes);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t group = unit / slices, slice = unit % slices;
      worker.run(x, dy, tiles * group / plan.groups, tiles * (group + 1) / plan.groups,
                 kWinogradPoints * slice / slices, kWinogradPoints * (slice + 1) / slices,
                 partials + group * plan.partial_elements);
    }
  });

  const int64_t elements = g.in_c * g.out_c;
  const int64_t lines = ceil_div(elements, kLine);
  pool.parallel_for(lines, kMinWorkPerThread / (kLine * kWinogradPoints * plan.groups),
                    [&](int64_t begin, int64_t end, int) {
                      const int64_t first = begin * kLine;
                      const int64_t count = std::min(end * kLine, elements) - first;
                      winograd_gradient_kernels<T>(isa, g.filter_h)
                          .filter_gradient(partials + first, plan.partial_point, plan.groups, plan.partial_elements,
                                           count, dfilter + first, elements);
                    });
}

#define TARN_INSTANTIATE(T)                                                              \
  template size_t winograd_backward_filter_scratch_bytes<T>(const Conv2DGeometry&, int); \
  template void winograd_backward_filter<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, void*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
