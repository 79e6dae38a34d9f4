// Forward and backward_input. The filter's gradient has a shape of its own: conv2d_backward_filter.cc.
#include "ops/kernels/conv2d.h"

#include "ops/kernels/conv2d_strip.h"
#include "ops/kernels/winograd.h"

namespace tarn::kernels {
namespace {

constexpr int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -ceil_div(-a, b);
}

// Rows of output that one block covers: its strip fits L2 beside a panel of the filter.
int64_t rows_per_block(int64_t all_rows, int64_t bytes_per_row) {
  return std::clamp<int64_t>(kStripBytes / std::max<int64_t>(1, bytes_per_row), 1, std::max<int64_t>(1, all_rows));
}

template <class T>
struct ForwardPlan {
  WindowPlan window;
  int64_t block_rows;
  int64_t strip_elements;  // a thread

  explicit ForwardPlan(const Conv2DGeometry& g)
      : window(g),
        block_rows(rows_per_block(g.out_h, g.stride_h * window.width * g.in_c * int64_t{sizeof(T)})),
        strip_elements(window.copies ? round_up(window.strip_rows(g, block_rows) * window.pitch, 64) : 0) {}

  int64_t scratch_bytes(int threads) const {
    return ScratchCarver<T>::template bytes<int64_t>(window.runs) + ScratchCarver<T>::bytes(strip_elements * threads);
  }
};

// Calls f(image, first row, rows) for the blocks of rows [begin, end) of all images laid end to end.
template <class F>
void for_each_block(int64_t begin, int64_t end, int64_t rows_per_image, int64_t block_rows, const F& f) {
  for (int64_t row = begin; row < end;) {
    const int64_t image = row / rows_per_image;
    const int64_t first = row % rows_per_image;
    const int64_t rows = std::min({end - row, rows_per_image - first, block_rows});
    f(image, first, rows);
    row += rows;
  }
}

// A tap of the filter belongs to the phase (tap * dilation) mod stride of dx: dx's pixels of one phase see the same
// taps, at consecutive pixels of dy, so each phase is a stride-1 convolution of its own.
template <class T>
struct BackwardInputPlan {
  int64_t first_column, width;  // of dy's strip
  int64_t pitch;
  int64_t block_rows;
  int64_t strip_elements;

  explicit BackwardInputPlan(const Conv2DGeometry& g) {
    first_column = floor_div(g.pad_left - (g.filter_w - 1) * g.dilation_w, g.stride_w);
    width = (g.in_w - 1 + g.pad_left) / g.stride_w - first_column + 1;
    pitch = width * g.out_c;
    block_rows = rows_per_block(g.in_h, pitch * int64_t{sizeof(T)} / g.stride_h);
    // One more than the rows that differ: a block may begin anywhere within a stride.
    strip_elements = round_up((ceil_div(block_rows + (g.filter_h - 1) * g.dilation_h, g.stride_h) + 1) * pitch, 64);
  }

  int64_t scratch_bytes(const Conv2DGeometry& g, int threads) const {
    return ScratchCarver<T>::bytes(packed_elements(g.filter_h * g.filter_w * g.out_c, g.in_c)) +
           ScratchCarver<T>::template bytes<int64_t>(g.filter_h * g.filter_w) +
           ScratchCarver<T>::bytes(strip_elements * threads);
  }

  int64_t first_row(const Conv2DGeometry& g, int64_t row) const {
    return floor_div(row + g.pad_top - (g.filter_h - 1) * g.dilation_h, g.stride_h);
  }
};

// Taps of one axis that belong to `phase`.
int64_t phase_taps(int64_t taps, int64_t dilation, int64_t stride, int64_t phase) {
  int64_t count = 0;
  for (int64_t tap = 0; tap < taps; ++tap) count += tap * dilation % stride == phase;
  return count;
}

// Calls f(h, w) for the taps of phase (phase_h, phase_w), in the order their packed rows have.
template <class F>
void for_each_tap(const Conv2DGeometry& g, int64_t phase_h, int64_t phase_w, const F& f) {
  for (int64_t h = 0; h < g.filter_h; ++h) {
    if (h * g.dilation_h % g.stride_h != phase_h) continue;
    for (int64_t w = 0; w < g.filter_w; ++w) {
      if (w * g.dilation_w % g.stride_w == phase_w) f(h, w);
    }
  }
}

// Packs filter^T of each phase, [taps * out_c, in_c], one after another; and each tap's place in the strip.
template <class T>
void pack_phases(ThreadPool& pool, const Conv2DGeometry& g, const TileKernels<T>& kernels, int64_t pitch,
                 const T* filter, T* packed, int64_t* offsets) {
  const int64_t width = kernels.panel_width;
  int64_t taps_before = 0;
  for (int64_t phase_h = 0; phase_h < g.stride_h; ++phase_h) {
    for (int64_t phase_w = 0; phase_w < g.stride_w; ++phase_w) {
      const int64_t taps = phase_taps(g.filter_h, g.dilation_h, g.stride_h, phase_h) *
                           phase_taps(g.filter_w, g.dilation_w, g.stride_w, phase_w);
      const int64_t depth = taps * g.out_c;
      int64_t tap = 0;
      for_each_tap(g, phase_h, phase_w, [&](int64_t h, int64_t w) {
        offsets[taps_before + tap] =
            (phase_h - h * g.dilation_h) / g.stride_h * pitch + (phase_w - w * g.dilation_w) / g.stride_w * g.out_c;
        ++tap;
      });
      T* phase_packed = packed + packed_elements(taps_before * g.out_c, g.in_c);
      const int64_t panels = ceil_div(g.in_c, width);
      pool.parallel_for(panels, min_range(panels, depth * g.in_c * 4), [&](int64_t begin, int64_t end, int) {
        for (int64_t column = begin * width; column < std::min(end * width, g.in_c); column += width) {
          const int64_t columns = std::min(width, g.in_c - column);
          const int64_t stored = kernels.half_panel(columns) ? width / 2 : width;
          T* out = phase_packed + column * depth;
          for_each_tap(g, phase_h, phase_w, [&](int64_t h, int64_t w) {
            const T* block = filter + ((h * g.filter_w + w) * g.in_c + column) * g.out_c;
            kernels.pack_transposed(block, g.out_c, g.out_c, columns, depth, out);
            out += g.out_c * stored;
          });
        }
      });
      taps_before += taps;
    }
  }
}

// Rows [first, first + rows) of one image of dx; `strip` holds dy from row plan.first_row(first) on.
template <class T>
void backward_input_block(const ThreadPool& pool, const Conv2DGeometry& g, const BackwardInputPlan<T>& plan,
                          const TileKernels<T>& kernels, const T* packed, const int64_t* offsets, const T* strip,
                          int64_t first, int64_t rows, T* dx_image) {
  const int64_t strip_row = plan.first_row(g, first);
  int64_t taps_before = 0;
  for (int64_t phase_h = 0; phase_h < g.stride_h; ++phase_h) {
    const int64_t taps_h = phase_taps(g.filter_h, g.dilation_h, g.stride_h, phase_h);
    // The first row of this phase at or after `first`.
    const int64_t row = first + ((phase_h - first - g.pad_top) % g.stride_h + g.stride_h) % g.stride_h;
    for (int64_t phase_w = 0; phase_w < g.stride_w; ++phase_w) {
      const int64_t taps = taps_h * phase_taps(g.filter_w, g.dilation_w, g.stride_w, phase_w);
      const int64_t column = ((phase_w - g.pad_left) % g.stride_w + g.stride_w) % g.stride_w;
      if (row < first + rows && column < g.in_w) {
        WindowBlock<T> block{};
        block.a = strip + ((row + g.pad_top) / g.stride_h - strip_row) * plan.pitch +
                  ((column + g.pad_left) / g.stride_w - plan.first_column) * g.out_c;
        block.a_row = plan.pitch;
        block.a_pixel = g.out_c;
        block.c = dx_image + (row * g.in_w + column) * g.in_c;
        block.c_row = g.stride_h * g.in_w * g.in_c;
        block.c_pixel = g.stride_w * g.in_c;
        block.rows = ceil_div(first + rows - row, g.stride_h);
        block.pixels = ceil_div(g.in_w - column, g.stride_w);
        block.offsets = offsets + taps_before;
        block.runs = taps;
        block.run_length = g.out_c;
        block.b = packed + packed_elements(taps_before * g.out_c, g.in_c);
        block.n = g.in_c;
        multiply_windows(pool, kernels, block);
      }
      taps_before += taps;
    }
  }
}

// A 1x1 convolution that leaves pixels out: a plain matrix product of those it reads, once they are side by side. In
// place they are so far apart that a tile's rows share few cache sets.
bool leaves_pixels_out(const Conv2DGeometry& g) {
  return kForSpeed && g.filter_h == 1 && g.filter_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
         (g.stride_h > 1 || g.stride_w > 1) && (g.out_h - 1) * g.stride_h < g.in_h &&
         (g.out_w - 1) * g.stride_w < g.in_w;
}

template <class T>
void gather_pixels(ThreadPool& pool, const Conv2DGeometry& g, const T* x, T* out) {
  const int64_t rows = g.batch * g.out_h, row_elements = g.out_w * g.in_c;
  pool.parallel_for(rows, min_range(rows, rows * row_elements), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + (row / g.out_h * g.in_h + row % g.out_h * g.stride_h) * g.in_w * g.in_c;
      T* to = out + row * row_elements;
      for (int64_t j = 0; j < g.out_w; ++j) {
        std::memcpy(to + j * g.in_c, from + j * g.stride_w * g.in_c, static_cast<size_t>(g.in_c) * sizeof(T));
      }
    }
  });
}

}  // namespace

bool conv2d_is_one_pass(const Conv2DGeometry& g) {
  const MatrixForm matrix{g};
  return !matrix || gemm_is_one_pass(matrix.depth);
}

template <class T>
size_t conv2d_forward_packed_scratch_bytes(const Conv2DGeometry& g, int threads) {
  if (const MatrixForm matrix{g}) return gemm_packed_scratch_bytes<T>(matrix.rows, g.out_c, matrix.depth, threads);
  if (leaves_pixels_out(g)) {
    const int64_t rows = g.batch * g.out_h * g.out_w;
    return static_cast<size_t>(ScratchCarver<T>::bytes(rows * g.in_c)) +
           gemm_packed_scratch_bytes<T>(rows, g.out_c, g.in_c, threads);
  }
  return static_cast<size_t>(ForwardPlan<T>(g).scratch_bytes(threads));
}

template <class T>
size_t conv2d_forward_scratch_bytes(const Conv2DGeometry& g, int threads, const ConvChoice& choice) {
  if (const WinogradBlock block = forward_block<T>(choice, g, FilterUse::kVariable)) {
    return winograd_forward_scratch_bytes<T>(g, block, threads);
  }
  if (const MatrixForm matrix{g}) return gemm_scratch_bytes<T>(matrix.rows, g.out_c, matrix.depth, threads);
  return static_cast<size_t>(ScratchCarver<T>::bytes(packed_elements(g.filter_depth(), g.out_c))) +
         conv2d_forward_packed_scratch_bytes<T>(g, threads);
}

template <class T>
void conv2d_forward_packed(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const PackedMatrix<T>& filter, T* y,
                           const Epilogue<T>& epilogue, void* scratch) {
  if (const MatrixForm matrix{g}) {
    gemm_packed<T>(pool, matrix.rows, filter, x, matrix.depth, false, y, g.out_c, epilogue, scratch);
    return;
  }
  ScratchCarver<T> carver(scratch);
  if (leaves_pixels_out(g)) {
    const int64_t rows = g.batch * g.out_h * g.out_w;
    T* pixels = carver.take(rows * g.in_c);
    gather_pixels(pool, g, x, pixels);
    gemm_packed<T>(pool, rows, filter, pixels, g.in_c, false, y, g.out_c, epilogue, carver.take(0));
    return;
  }
  const ForwardPlan<T> plan(g);
  const TileKernels<T>& kernels = tile_kernels<T>(filter.isa);
  int64_t* offsets = carver.template take<int64_t>(plan.window.runs);
  T* strips = carver.take(plan.strip_elements * pool.threads());
  for (int64_t run = 0; run < plan.window.runs; ++run) offsets[run] = plan.window.run_offset(g, run);

  const int64_t rows = g.batch * g.out_h;
  pool.parallel_for_whole(rows, min_range(rows, g.multiply_adds()), [&](int64_t begin, int64_t end, int thread) {
    T* strip = strips + thread * plan.strip_elements;
    for_each_block(begin, end, g.out_h, plan.block_rows, [&](int64_t image, int64_t first, int64_t block_rows) {
      if (pool.is_stopped()) return;
      const T* a = x + image * g.in_h * g.in_w * g.in_c;
      if (plan.window.copies) {
        copy_strip(a, g.in_h, g.in_w, g.in_c, first * g.stride_h - g.pad_top, plan.window.strip_rows(g, block_rows),
                   -g.pad_left, plan.window.width, strip);
        a = strip;
      } else {
        a += first * g.stride_h * plan.window.pitch;
      }
      const int64_t at = (image * g.out_h + first) * g.out_w * g.out_c;
      Epilogue<T> block_epilogue = epilogue;
      if (epilogue.residual != nullptr) block_epilogue.residual += at;
      multiply_windows<T>(pool, kernels,
                          {.a = a,
                           .a_row = g.stride_h * plan.window.pitch,
                           .a_pixel = g.stride_w * g.in_c,
                           .c = y + at,
                           .c_row = g.out_w * g.out_c,
                           .c_pixel = g.out_c,
                           .rows = block_rows,
                           .pixels = g.out_w,
                           .offsets = offsets,
                           .runs = plan.window.runs,
                           .run_length = plan.window.run_length,
                           .b = filter.data,
                           .n = g.out_c,
                           .epilogue = block_epilogue});
    });
  });
}

template <class T>
void conv2d_forward(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* filter, T* y,
                    const Epilogue<T>& epilogue, void* scratch, Isa isa, const ConvChoice& choice) {
  if (const WinogradBlock block = forward_block<T>(choice, g, FilterUse::kVariable)) {
    winograd_forward<T>(pool, g, block, x, filter, y, epilogue, scratch, isa);
    return;
  }
  if (const MatrixForm matrix{g}) {
    gemm<T>(pool, false, false, matrix.rows, g.out_c, matrix.depth, x, matrix.depth, filter, g.out_c, false, y, g.out_c,
            epilogue, scratch, isa);
    return;
  }
  ScratchCarver<T> carver(scratch);
  T* memory = carver.take(packed_elements(g.filter_depth(), g.out_c));
  const PackedMatrix<T> packed = pack_matrix<T>(false, g.filter_depth(), g.out_c, filter, g.out_c, memory, isa);
  conv2d_forward_packed<T>(pool, g, x, packed, y, epilogue, carver.take(0));
}

template <class T>
size_t conv2d_backward_input_scratch_bytes(const Conv2DGeometry& g, int threads, ConvAlgorithm algorithm) {
  if (gradient_uses_winograd<T>(algorithm, g, winograd_backward_input_pays)) {
    return winograd_backward_input_scratch_bytes<T>(g, threads);
  }
  if (const MatrixForm matrix{g}) return gemm_scratch_bytes<T>(matrix.rows, matrix.depth, g.out_c, threads);
  return static_cast<size_t>(BackwardInputPlan<T>(g).scratch_bytes(g, threads));
}

template <class T>
void conv2d_backward_input(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, const T* dy, T* dx,
                           void* scratch, Isa isa, ConvAlgorithm algorithm) {
  if (gradient_uses_winograd<T>(algorithm, g, winograd_backward_input_pays)) {
    winograd_backward_input<T>(pool, g, filter, dy, dx, scratch, isa);
    return;
  }
  if (const MatrixForm matrix{g}) {
    // dx = dy * filter^T
    gemm<T>(pool, false, true, matrix.rows, matrix.depth, g.out_c, dy, g.out_c, filter, g.out_c, false, dx,
            matrix.depth, {}, scratch, isa);
    return;
  }
  const BackwardInputPlan<T> plan(g);
  const TileKernels<T>& kernels = tile_kernels<T>(isa);
  ScratchCarver<T> carver(scratch);
  T* packed = carver.take(packed_elements(g.filter_h * g.filter_w * g.out_c, g.in_c));
  int64_t* offsets = carver.template take<int64_t>(g.filter_h * g.filter_w);
  T* strips = carver.take(plan.strip_elements * pool.threads());
  pack_phases(pool, g, kernels, plan.pitch, filter, packed, offsets);

  const int64_t rows = g.batch * g.in_h;
  pool.parallel_for_whole(rows, min_range(rows, g.multiply_adds()), [&](int64_t begin, int64_t end, int thread) {
    T* strip = strips + thread * plan.strip_elements;
    for_each_block(begin, end, g.in_h, plan.block_rows, [&](int64_t image, int64_t first, int64_t block_rows) {
      if (pool.is_stopped()) return;
      const int64_t strip_row = plan.first_row(g, first);
      const int64_t last_row = (first + block_rows - 1 + g.pad_top) / g.stride_h;
      copy_strip(dy + image * g.out_h * g.out_w * g.out_c, g.out_h, g.out_w, g.out_c, strip_row,
                 last_row - strip_row + 1, plan.first_column, plan.width, strip);
      backward_input_block(pool, g, plan, kernels, packed, offsets, strip, first, block_rows,
                           dx + image * g.in_h * g.in_w * g.in_c);
    });
  });
}

#define TARN_INSTANTIATE(T)                                                                                        \
  template size_t conv2d_forward_scratch_bytes<T>(const Conv2DGeometry&, int, const ConvChoice&);                  \
  template size_t conv2d_forward_packed_scratch_bytes<T>(const Conv2DGeometry&, int);                              \
  template size_t conv2d_backward_input_scratch_bytes<T>(const Conv2DGeometry&, int, ConvAlgorithm);               \
  template void conv2d_forward<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, const Epilogue<T>&,  \
                                  void*, Isa, const ConvChoice&);                                                  \
  template void conv2d_forward_packed<T>(ThreadPool&, const Conv2DGeometry&, const T*, const PackedMatrix<T>&, T*, \
                                         const Epilogue<T>&, void*);                                               \
  template void conv2d_backward_input<T>(ThreadPool&, const Conv2DGeometry&, const T*, const T*, T*, void*, Isa,   \
                                         ConvAlgorithm);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
