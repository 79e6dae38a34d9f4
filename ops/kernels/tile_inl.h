// The bodies behind tile.h; included by foreach_isa.h once per flavour.

#if TARN_FLAVOR == TARN_FLAVOR_AVX512
inline constexpr int kTileRows = 14;  // 28 accumulators + 2 of B + broadcasts = 32 registers
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
inline constexpr int kTileRows = 6;  // 12 + 2 + 1 of 16
#elif defined(__aarch64__)
inline constexpr int kTileRows = 8;  // 16 + 2 + broadcasts of 32
#else
inline constexpr int kTileRows = 4;  // 8 + 2 + 1 of 16
#endif
inline constexpr int kPanelWidth = 2 * kWidth;

// One step of k. Rows are addressed from every third one (base, base + stride, base + 2 stride), which x86 addressing
// covers with one index register: 14 pointers would not fit.
template <int kRows, int kVectors>
TARN_INLINE void rows_step(const T* const (&base)[(kRows + 2) / 3], int64_t stride, int64_t k, const T* b,
                           V (&acc)[kRows][kVectors]) {
  V bv[kVectors];
  TARN_UNROLL
  for (int v = 0; v < kVectors; ++v) bv[v] = load(b + v * kWidth);
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const V a = set1(base[i / 3][(i % 3) * stride + k]);
    TARN_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(a, bv[v], acc[i][v]);
  }
}

// Copies one row of B into the panels it crosses; `out` is that row of the first panel.
TARN_INLINE int64_t panel_columns(int64_t left) {
  return left > kWidth ? kPanelWidth : kWidth;  // the width that is stored
}

TARN_TARGET void pack(const T* b, int64_t ldb, int64_t k, int64_t n, int64_t panel_depth, T* out) {
  for (int64_t row = 0; row < k; ++row) {
    const T* from = b + row * ldb;
    for (int64_t column = 0; column < n; column += kPanelWidth) {
      // Rows are far apart: the hardware does not foresee the next ones.
      for (int line = 0; line < kPanelWidth; line += 64 / int{sizeof(T)}) __builtin_prefetch(from + 6 * ldb + line);
      const int64_t left = n - column, stored = panel_columns(left);
      T* to = out + column * panel_depth + row * stored;
      store(to, load_n(from, left));
      if (stored > kWidth) store(to + kWidth, load_n(from + kWidth, left - kWidth));
      from += kPanelWidth;
    }
  }
}

#ifdef __OPTIMIZE_SIZE__
#include "ops/kernels/tile_small_inl.h"
#else
#include "ops/kernels/tile_forms_inl.h"
#endif

constexpr TileKernels<T> make_tile_kernels() {
  TileKernels<T> kernels{};
  kernels.tile_rows = kTileRows;
  kernels.panel_width = kPanelWidth;
  kernels.pack = pack;
  kernels.pack_transposed = pack_transposed;
#ifdef __OPTIMIZE_SIZE__
  kernels.tile = tile_of_any_form;
#else
  fill_tiles<kTileRows>(kernels);
#endif
  return kernels;
}

inline constexpr TileKernels<T> kTileKernels = make_tile_kernels();
