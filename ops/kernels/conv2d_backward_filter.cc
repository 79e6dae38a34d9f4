// dfilter [filter_depth, out_c] = sum over pixels:  window(x)^T * dy, where a step of the tile's k is an output pixel.
// The pixels are cut into a number of groups that the geometry alone decides; each group has a partial sum of its own,
// and the partial sums are added in order. That makes the result independent of threads, and shorter sums round less.
#include "ops/kernels/conv2d_strip.h"
#include "ops/kernels/winograd.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kBlockPixels = 512;  // dy of a block is packed: 512 * 64 channels = 128 KB
constexpr int64_t kMaxGroups = 8;      // each is one more pass over a filter-sized array
constexpr int64_t kMinPixelsPerGroup = 256;
constexpr int64_t kMaxPartialBytes = 4 << 20;
constexpr int64_t kShortRun = 8;  // shorter runs waste the tile's rows: gather the window into one run first
constexpr int64_t kGatherStep = 4;

template <class T>
struct Plan {
  WindowPlan window;
  bool gathers;  // windows are copied to [pixel][filter_depth] first
  // Elements between pixels there: the copy of the last run must not reach the next pixel.
  int64_t gather_stride;
  int64_t block_rows;  // output rows
  int64_t groups;
  int64_t strip_elements, packed_dy_elements, gather_elements, thread_bytes;

  explicit Plan(const Conv2DGeometry& g) : window(g) {
    gathers = window.run_length < kShortRun;
    gather_stride = (window.runs - 1) * window.run_length + 2 * kGatherStep;
    // Gathering copies four or eight elements, which may run past the image: only a strip has room for that.
    if (gathers && !window.copies) {
      window.copies = true;
      window.pitch = window.width * g.in_c;
    }
    const int64_t rows = g.batch * g.out_h;
    const int64_t pixels = rows * g.out_w;
    const int64_t filter_bytes = g.filter_depth() * g.out_c * int64_t{sizeof(T)};
    groups = std::min(
        {kMaxGroups, pixels / kMinPixelsPerGroup, rows, kMaxPartialBytes / std::max<int64_t>(1, filter_bytes)});
    groups = std::max<int64_t>(1, groups);
    block_rows = std::clamp<int64_t>(kBlockPixels / std::max<int64_t>(1, g.out_w), 1,
                                     std::max<int64_t>(1, ceil_div(rows, groups)));
    const int64_t images = std::min(g.batch, ceil_div(block_rows, std::max<int64_t>(1, g.out_h)) + 1);
    strip_elements =
        window.copies ? (block_rows * g.stride_h + images * window.extent_h) * window.pitch + 2 * kGatherStep : 0;
    packed_dy_elements = packed_elements(block_rows * g.out_w, g.out_c);
    gather_elements = gathers ? block_rows * g.out_w * gather_stride : 0;
    thread_bytes = ScratchCarver<T>::bytes(strip_elements) + ScratchCarver<T>::bytes(packed_dy_elements) +
                   ScratchCarver<T>::bytes(gather_elements) + ScratchCarver<T>::template bytes<int64_t>(block_rows);
  }

  int64_t partial_elements(const Conv2DGeometry& g) const {
    return groups > 1 ? round_up(g.filter_depth() * g.out_c, 64) : 0;
  }
};

template <class T>
class Worker {
 public:
  Worker(const Conv2DGeometry& g, const Plan<T>& plan, const TileKernels<T>& kernels, void* scratch)
      : g_(g), plan_(plan), kernels_(kernels) {
    ScratchCarver<T> carver(scratch);
    strip_ = carver.take(plan.strip_elements);
    packed_dy_ = carver.take(plan.packed_dy_elements);
    gathered_ = carver.take(plan.gather_elements);
    offsets_ = carver.template take<int64_t>(plan.block_rows);
  }

  // Output rows [begin, end) of the batch into tiles [slice / slices) of `out`.
  void run(const T* x, const T* dy, int64_t begin, int64_t end, int64_t slice, int64_t slices, T* out) {
    for (int64_t row = begin; row < end; row += plan_.block_rows) {
      const int64_t rows = std::min(plan_.block_rows, end - row);
      const T* a = locate_rows(x, row, rows);
      const int64_t depth = rows * g_.out_w;
      b_ = dy + row * g_.out_w * g_.out_c;
      if (g_.out_c != kernels_.panel_width) {  // else dy is one panel as it lies
        kernels_.pack(b_, g_.out_c, depth, g_.out_c, depth, packed_dy_);
        b_ = packed_dy_;
      }
      if (plan_.gathers) {
        gather(rows);
        multiply(gathered_, 1, depth, plan_.gather_stride, 1, g_.filter_depth(), row > begin, slice, slices, out);
      } else {
        multiply(a, rows, g_.out_w, g_.stride_w * g_.in_c, plan_.window.runs, plan_.window.run_length, row > begin,
                 slice, slices, out);
      }
    }
  }

 private:
  // Where the windows of each output row begin (offsets_), copied to the strip if they leave the image.
  const T* locate_rows(const T* x, int64_t row, int64_t rows) {
    const int64_t image_elements = g_.in_h * g_.in_w * g_.in_c;
    int64_t cursor = 0;
    for (int64_t done = 0; done < rows;) {
      const int64_t image = (row + done) / g_.out_h;
      const int64_t first = (row + done) % g_.out_h;
      const int64_t count = std::min(rows - done, g_.out_h - first);
      int64_t start = image * image_elements + first * g_.stride_h * plan_.window.pitch;
      if (plan_.window.copies) {
        const int64_t strip_rows = plan_.window.strip_rows(g_, count);
        copy_strip(x + image * image_elements, g_.in_h, g_.in_w, g_.in_c, first * g_.stride_h - g_.pad_top, strip_rows,
                   -g_.pad_left, plan_.window.width, strip_ + cursor);
        start = cursor;
        cursor += strip_rows * plan_.window.pitch;
      }
      for (int64_t i = 0; i < count; ++i) offsets_[done + i] = start + i * g_.stride_h * plan_.window.pitch;
      done += count;
    }
    return plan_.window.copies ? strip_ : x;
  }

  // Windows of `rows` output rows to gathered_, run by run: neighbouring pixels are the inner loop.
  void gather(int64_t rows) {
    for (int64_t row = 0; row < rows; ++row) {
      T* out = gathered_ + row * g_.out_w * plan_.gather_stride;
      for (int64_t run = 0; run < plan_.window.runs; ++run) {
        const T* from = strip_ + offsets_[row] + plan_.window.run_offset(g_, run);
        T* to = out + run * plan_.window.run_length;
        if (plan_.window.run_length <= kGatherStep) {
          copy_runs<kGatherStep>(from, to);
        } else {
          copy_runs<2 * kGatherStep>(from, to);
        }
      }
    }
  }

  // Copies kElements of the run of each pixel of a row; the next run overwrites what is too much.
  template <int64_t kElements>
  void copy_runs(const T* from, T* to) {
    static_assert(kElements >= kGatherStep && 2 * kGatherStep >= kShortRun);
    const int64_t step = g_.stride_w * g_.in_c;
    for (int64_t pixel = 0; pixel < g_.out_w; ++pixel) {
      std::memcpy(to, from, kElements * sizeof(T));
      from += step;
      to += plan_.gather_stride;
    }
  }

  // out[run * run_length + i, o] += sum over segments and pixels of a[…][i] * dy[pixel, o]
  void multiply(const T* a, int64_t segments, int64_t pixels, int64_t pixel_stride, int64_t runs, int64_t run_length,
                bool accumulate, int64_t slice, int64_t slices, T* out) {
    constexpr int64_t kNoOffset = 0;
    Tile<T> tile{};
    tile.a_stride = pixel_stride;
    tile.offsets = plan_.gathers ? &kNoOffset : offsets_;
    tile.segments = segments;
    tile.segment_length = pixels;
    tile.ldc = g_.out_c;
    tile.accumulate = accumulate;
    tile.activation = Activation::kNone;
    const int64_t tiles_per_run = ceil_div(run_length, kernels_.tile_rows);
    const int64_t tiles_per_panel = runs * tiles_per_run;
    const int64_t all_tiles = tiles_per_panel * ceil_div(g_.out_c, kernels_.panel_width);
    for (int64_t t = all_tiles * slice / slices; t < all_tiles * (slice + 1) / slices; ++t) {
      const int64_t column = t / tiles_per_panel * kernels_.panel_width;
      const int64_t run = t % tiles_per_panel / tiles_per_run;
      const int64_t part = t % tiles_per_run;
      const int64_t i = run_length * part / tiles_per_run;
      const int64_t tile_rows = run_length * (part + 1) / tiles_per_run - i;
      tile.a = a + (plan_.gathers ? 0 : plan_.window.run_offset(g_, run)) + i;
      tile.b = b_ + column * segments * pixels;
      tile.columns = std::min<int64_t>(kernels_.panel_width, g_.out_c - column);
      tile.c = out + (run * run_length + i) * g_.out_c + column;
      kernels_.columns_tile(tile, tile_rows);
    }
  }

  const Conv2DGeometry& g_;
  const Plan<T>& plan_;
  const TileKernels<T>& kernels_;
  T* strip_;
  T* packed_dy_;
  const T* b_ = nullptr;  // of the current block: packed_dy_, or dy itself
  T* gathered_;
  int64_t* offsets_;
};

}  // namespace

template <class T>
size_t conv2d_backward_filter_scratch_bytes(const Conv2DGeometry& g, int threads, ConvAlgorithm algorithm) {
  if (gradient_uses_winograd<T>(algorithm, g, winograd_backward_filter_pays)) {
    return winograd_backward_filter_scratch_bytes<T>(g, threads);
  }
  if (const MatrixForm matrix{g}) return gemm_scratch_bytes<T>(matrix.depth, g.out_c, matrix.rows, threads);
  const Plan<T> plan(g);
  return static_cast<size_t>(ScratchCarver<T>::bytes(plan.partial_elements(g) * plan.groups) +
                             plan.thread_bytes * threads);
}

template <class T>
void conv2d_backward_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* dy, T* dfilter,
                            void* scratch, Isa isa, ConvAlgorithm algorithm) {
  if (gradient_uses_winograd<T>(algorithm, g, winograd_backward_filter_pays)) {
    winograd_backward_filter<T>(pool, g, x, dy, dfilter, scratch, isa);
    return;
  }
  if (const MatrixForm matrix{g}) {
    // dfilter = x^T * dy
    gemm<T>(pool, true, false, matrix.depth, g.out_c, matrix.rows, x, matrix.depth, dy, g.out_c, false, dfilter,
            g.out_c, {}, scratch, isa);
    return;
  }
  const Plan<T> plan(g);
  const int64_t elements = g.filter_depth() * g.out_c;
  const int64_t rows = g.batch * g.out_h;
  if (rows * g.out_w == 0) {
    std::fill_n(dfilter, elements, T{0});
    return;
  }
  ScratchCarver<T> carver(scratch);
  const int64_t partial_elements = plan.partial_elements(g);
  T* partials = plan.groups > 1 ? carver.take(partial_elements * plan.groups) : dfilter;
  char* thread_scratch = carver.template take<char>(0);

  // A group may be shared by several threads, each with some tiles of the output: that changes no sum.
  const int64_t slices = plan.groups % pool.threads() == 0 ? 1 : ceil_div(3 * pool.threads(), plan.groups);
  const int64_t units = plan.groups * slices;
  pool.parallel_for(units, min_range(units, g.multiply_adds()), [&](int64_t begin, int64_t end, int thread) {
    Worker<T> worker(g, plan, tile_kernels<T>(isa), thread_scratch + thread * plan.thread_bytes);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t group = unit / slices;
      worker.run(x, dy, rows * group / plan.groups, rows * (group + 1) / plan.groups, unit % slices, slices,
                 partials + group * partial_elements);
    }
  });
  if (plan.groups == 1) return;
  pool.parallel_for(elements, kMinWorkPerThread / plan.groups, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) dfilter[i] = partials[i];
    for (int64_t group = 1; group < plan.groups; ++group) {
      const T* partial = partials + group * partial_elements;
      for (int64_t i = begin; i < end; ++i) dfilter[i] += partial[i];
    }
  });
}

#define TARN_INSTANTIATE(T)                                                                                       \
  template size_t conv2d_backward_filter_scratch_bytes<T>(const Conv2DGeometry&, int, ConvAlgorithm);             \
  template void conv2d_backward_filter<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, void*, Isa, \
                                          ConvAlgorithm);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
