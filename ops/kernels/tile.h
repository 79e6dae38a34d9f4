// The register tile under gemm and conv2d (internal): a few rows of C times one panel of packed B, for each flavour.
//
//   C[i, j] (+)= sum over segments s, then over k:  A[offset_s + …] * B[k, j]          i < rows, j < columns
//
// A is read in place in one of two forms: `rows` (row i starts i * a_stride further on and runs along k: activations,
// convolution windows in NHWC) or `columns` (step k starts k * a_stride further on and runs along i: transposed
// operands). Each segment restarts A at its own offset and continues B, so one tile walks a filter's rows, or an
// image's. Every C element is one chain of multiply-adds in the order of k: tiling, blocking and threads do not change
// its bits.
//
// Packed B: panels of panel_width columns, each [k][panel_width]; the last one is narrower if half a panel is enough,
// and padded with zeros. Panel p of a matrix of `depth` rows starts at p * panel_width * depth.
#pragma once

#include <cstdint>

#include "core/linked_parts.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

template <class T>
struct Tile {
  const T* a;
  int64_t a_stride;        // elements: between rows (rows form), between steps of k (columns form)
  const int64_t* offsets;  // of each segment, in elements from a
  int64_t segments;
  int64_t segment_length;  // steps of k in each
  const T* b;              // segments * segment_length packed rows
  T* c;
  int64_t ldc;
  int64_t columns;    // valid ones of the panel, 1 … panel_width
  bool accumulate;    // start from C instead of 0
  const T* bias;      // of these columns, or null
  const T* residual;  // added after the bias, at c's place of something laid out as C; or null
  Activation activation;
  bool c_is_far = false;     // in no near cache: c and residual are asked for at the start
  const T* ahead = nullptr;  // read soon after: asked for on the way, a cache line every two steps of k; or null
};

// A build for size leaves out what only orders the same work better.
#ifdef __OPTIMIZE_SIZE__
inline constexpr bool kForSpeed = false;
#else
inline constexpr bool kForSpeed = true;
#endif

inline constexpr int kMaxTileRows = 14;
inline constexpr int kMaxPanelWidth = 32;

template <class T>
struct TileKernels {
  int tile_rows;    // the most rows that one call covers
  int panel_width;  // two vectors
#ifdef __OPTIMIZE_SIZE__
  // Both forms, any number of rows. A is read at row * row_stride + k * step_stride.
  void (*tile)(const Tile<T>& tile, int64_t rows, int64_t row_stride, int64_t step_stride);
#else
  // [half panel][rows - 1]; of rows also [2], of three quarters of a panel
  using TileFunction = void (*)(const Tile<T>&);
  TileFunction rows_form[3][kMaxTileRows];
  TileFunction columns_form[2][kMaxTileRows];
#endif
  // Packs B[k, n] (row stride ldb) into panels whose depth is `panel_depth`; `out` is at the first row to write.
  void (*pack)(const T* b, int64_t ldb, int64_t k, int64_t n, int64_t panel_depth, T* out);
  // The same from its transpose, B^T[n, k].
  void (*pack_transposed)(const T* b, int64_t ldb, int64_t k, int64_t n, int64_t panel_depth, T* out);

  bool half_panel(int64_t columns) const {
    return columns <= panel_width / 2;
  }
#ifdef __OPTIMIZE_SIZE__
  void rows_tile(const Tile<T>& t, int64_t rows) const {
    tile(t, rows, t.a_stride, 1);
  }
  void columns_tile(const Tile<T>& t, int64_t rows) const {
    tile(t, rows, 1, t.a_stride);
  }
#else
  void rows_tile(const Tile<T>& t, int64_t rows) const {
    const int form = half_panel(t.columns) ? 1 : t.columns <= panel_width * 3 / 4 ? 2 : 0;
    rows_form[form][rows - 1](t);
  }
  void columns_tile(const Tile<T>& t, int64_t rows) const {
    columns_form[half_panel(t.columns)][rows - 1](t);
  }
#endif
};

// Asking for C costs as much as a step or two of k: worth it where there are many, or where C surely lies far.
constexpr bool is_far(int64_t depth, int64_t c_bytes) {
  return depth >= 128 || (depth >= 32 && c_bytes > (1 << 20));
}

template <class T>
const TileKernels<T>& tile_kernels(Isa isa);

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
  return ceil_div(a, b) * b;
}

// Elements of a packed matrix for any flavour: half panels are at most 16 wide.
constexpr int64_t packed_elements(int64_t k, int64_t n) {
  return round_up(n, kMaxPanelWidth / 2) * k;
}

// Scratch is handed out in pieces that start on cache lines.
template <class T>
class ScratchCarver {
 public:
  explicit ScratchCarver(void* scratch) : next_(static_cast<char*>(scratch)) {}
  template <class U = T>
  U* take(int64_t elements) {
    U* piece = reinterpret_cast<U*>(next_);
    next_ += bytes<U>(elements);
    return piece;
  }
  template <class U = T>
  static constexpr int64_t bytes(int64_t elements) {
    return round_up(elements * static_cast<int64_t>(sizeof(U)), 64);
  }

 private:
  char* next_;
};

// Threads cost microseconds to wake, so a range holds at least this much work (multiply-adds).
inline constexpr int64_t kMinWorkPerThread = 1 << 19;
constexpr int64_t min_range(int64_t units, int64_t work) {
  const int64_t per_unit = work / (units > 0 ? units : 1) + 1;
  return ceil_div(kMinWorkPerThread, per_unit);
}

}  // namespace tarn::kernels
