// A body for every number of rows, half panel and form: the tiles of tile_inl.h where speed counts.

template <int kRows, int kVectors>
TARN_INLINE void finish_tile(const Tile<T>& tile, V (&acc)[kRows][kVectors]) {
  const int64_t tail = tile.columns - (kVectors - 1) * kWidth;  // valid lanes of the last vector
  if (tile.bias != nullptr) {
    V bias[kVectors];
    TARN_UNROLL
    for (int v = 0; v + 1 < kVectors; ++v) bias[v] = load(tile.bias + v * kWidth);
    bias[kVectors - 1] = load_partial(tile.bias + (kVectors - 1) * kWidth, tail);
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = acc[i][v] + bias[v];
    }
  }
  if (tile.residual != nullptr) {
    const T* residual = tile.residual;
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v + 1 < kVectors; ++v) acc[i][v] = acc[i][v] + load(residual + v * kWidth);
      acc[i][kVectors - 1] = acc[i][kVectors - 1] + load_partial(residual + (kVectors - 1) * kWidth, tail);
      residual += tile.ldc;
    }
  }
  if (tile.activation != Activation::kNone) {
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = max(zero(), acc[i][v]);
    }
  }
  if (tile.activation == Activation::kRelu6) {
    const V ceiling = set1(T{6});
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = min(ceiling, acc[i][v]);
    }
  }
  T* c = tile.c;
  if (tail == kWidth) {
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) store(c + v * kWidth, acc[i][v]);
      c += tile.ldc;
    }
  } else {
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v + 1 < kVectors; ++v) store(c + v * kWidth, acc[i][v]);
      store_partial(c + (kVectors - 1) * kWidth, acc[i][kVectors - 1], tail);
      c += tile.ldc;
    }
  }
}

template <int kRows, int kVectors>
TARN_INLINE void start_tile(const Tile<T>& tile, V (&acc)[kRows][kVectors]) {
  if (tile.accumulate) {
    const int64_t tail = tile.columns - (kVectors - 1) * kWidth;
    const T* c = tile.c;
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v + 1 < kVectors; ++v) acc[i][v] = load(c + v * kWidth);
      acc[i][kVectors - 1] = load_n(c + (kVectors - 1) * kWidth, tail);
      c += tile.ldc;
    }
  } else {
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = zero();
    }
  }
}

inline constexpr int kLine = 64 / sizeof(T);  // elements

// Rows of C, and of what is added to it: asked for now, needed after all of k.
template <int kRows, int kVectors>
TARN_INLINE void fetch_rows(const T* rows, int64_t stride) {
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    TARN_UNROLL
    for (int at = 0; at < kVectors * kWidth; at += kLine) __builtin_prefetch(rows + at, 1);
    rows += stride;
  }
}

// So few rows take less time than a step's B takes to come: it is asked for so many steps before.
inline constexpr int kFewRows = 2, kStepsAhead = 24;

template <int kRows, int kVectors>
TARN_TARGET void rows_tile(const Tile<T>& tile) {
  constexpr int kBases = (kRows + 2) / 3;
  constexpr int kBRow = kVectors * kWidth;
  V acc[kRows][kVectors];
  start_tile<kRows, kVectors>(tile, acc);
  if (tile.c_is_far) {
    fetch_rows<kRows, kVectors>(tile.c, tile.ldc);
    if (tile.residual != nullptr && tile.residual != tile.c) fetch_rows<kRows, kVectors>(tile.residual, tile.ldc);
  }
  const T* b = tile.b;
  const T* ahead = tile.ahead != nullptr ? tile.ahead : b;
  const int64_t stride = tile.a_stride;
  const int64_t length = tile.segment_length;
  for (int64_t s = 0; s < tile.segments; ++s) {
    const T* base[kBases];
    TARN_UNROLL
    for (int j = 0; j < kBases; ++j) base[j] = tile.a + tile.offsets[s] + 3 * j * stride;
    int64_t k = 0;
    for (; k + 2 <= length; k += 2) {
      rows_step<kRows, kVectors>(base, stride, 0, b, acc);
      rows_step<kRows, kVectors>(base, stride, 1, b + kBRow, acc);
      if constexpr (kRows <= kFewRows) {
        TARN_UNROLL
        for (int at = 0; at < 2 * kBRow; at += kLine) __builtin_prefetch(b + kStepsAhead * kBRow + at);
      } else {
        __builtin_prefetch(ahead, 0, 2);
        ahead += kLine;
      }
      b += 2 * kBRow;
      TARN_UNROLL
      for (int j = 0; j < kBases; ++j) base[j] += 2;
    }
    if (k < length) {
      rows_step<kRows, kVectors>(base, stride, 0, b, acc);
      b += kBRow;
    }
  }
  finish_tile<kRows, kVectors>(tile, acc);
}

#if TARN_FLAVOR == TARN_FLAVOR_AVX512
TARN_INLINE V whole_of(__m256 lower) {
  return __builtin_shufflevector(lower, __m256{}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

// Three quarters of a panel: the second vector is half as wide, which processors that have no wider units take in half
// the time.
template <int kRows>
TARN_TARGET void rows_tile_3_4(const Tile<T>& tile) {
  constexpr int kBRow = kPanelWidth;
  V acc[kRows][2];
  start_tile<kRows, 2>(tile, acc);
  if (tile.c_is_far) fetch_rows<kRows, 2>(tile.c, tile.ldc);
  __m256 right[kRows];
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) right[i] = lower_half(acc[i][1]);
  const T* b = tile.b;
  const int64_t stride = tile.a_stride;
  for (int64_t s = 0; s < tile.segments; ++s) {
    const T* base[(kRows + 2) / 3];
    TARN_UNROLL
    for (int j = 0; j < (kRows + 2) / 3; ++j) base[j] = tile.a + tile.offsets[s] + 3 * j * stride;
    for (int64_t k = 0; k < tile.segment_length; ++k) {
      const V left_b = load(b);
      const __m256 right_b = _mm256_loadu_ps(b + kWidth);
      TARN_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const V a = set1(base[i / 3][(i % 3) * stride]);
        acc[i][0] = fma(a, left_b, acc[i][0]);
        right[i] = _mm256_fmadd_ps(lower_half(a), right_b, right[i]);
      }
      b += kBRow;
      TARN_UNROLL
      for (int j = 0; j < (kRows + 2) / 3; ++j) ++base[j];
    }
  }
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) acc[i][1] = whole_of(right[i]);
  finish_tile<kRows, 2>(tile, acc);
}
#endif

template <int kRows, int kVectors>
TARN_TARGET void columns_tile(const Tile<T>& tile) {
  constexpr int kBRow = kVectors * kWidth;
  V acc[kRows][kVectors];
  start_tile<kRows, kVectors>(tile, acc);
  const T* b = tile.b;
  const int64_t stride = tile.a_stride;
  for (int64_t s = 0; s < tile.segments; ++s) {
    const T* a = tile.a + tile.offsets[s];
    for (int64_t k = 0; k < tile.segment_length; ++k) {
      V bv[kVectors];
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) bv[v] = load(b + v * kWidth);
      TARN_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const V ai = set1(a[i]);
        TARN_UNROLL
        for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(ai, bv[v], acc[i][v]);
      }
      a += stride;
      b += kBRow;
    }
  }
  finish_tile<kRows, kVectors>(tile, acc);
}

template <int kRows>
constexpr void fill_tiles(TileKernels<T>& kernels) {
  kernels.rows_form[0][kRows - 1] = rows_tile<kRows, 2>;
  kernels.rows_form[1][kRows - 1] = rows_tile<kRows, 1>;
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
  kernels.rows_form[2][kRows - 1] = rows_tile_3_4<kRows>;
#else
  kernels.rows_form[2][kRows - 1] = rows_tile<kRows, 2>;
#endif
  kernels.columns_form[0][kRows - 1] = columns_tile<kRows, 2>;
  kernels.columns_form[1][kRows - 1] = columns_tile<kRows, 1>;
  if constexpr (kRows > 1) fill_tiles<kRows - 1>(kernels);
}

#if TARN_FLAVOR == TARN_FLAVOR_AVX2 || TARN_FLAVOR == TARN_FLAVOR_AVX512

inline constexpr int kBlock = 8;
// out[j][i] = in[i][j], 8 x 8.
TARN_INLINE void transpose_block(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
  // Row pairs (i, i + 4) share a register, so only 128-bit lanes need shuffling afterwards.
  __m256 r[8];
  TARN_UNROLL
  for (int i = 0; i < 4; ++i) {
    const float* low = in + i * in_stride;
    const float* high = low + 4 * in_stride;
    r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
    r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + 4)), _mm_loadu_ps(high + 4), 1);
  }
  TARN_UNROLL
  for (int half = 0; half < 8; half += 4) {
    const __m256 t0 = _mm256_unpacklo_ps(r[half], r[half + 1]);
    const __m256 t1 = _mm256_unpackhi_ps(r[half], r[half + 1]);
    const __m256 t2 = _mm256_unpacklo_ps(r[half + 2], r[half + 3]);
    const __m256 t3 = _mm256_unpackhi_ps(r[half + 2], r[half + 3]);
    _mm256_storeu_ps(out + (half + 0) * out_stride, _mm256_shuffle_ps(t0, t2, 0x44));
    _mm256_storeu_ps(out + (half + 1) * out_stride, _mm256_shuffle_ps(t0, t2, 0xee));
    _mm256_storeu_ps(out + (half + 2) * out_stride, _mm256_shuffle_ps(t1, t3, 0x44));
    _mm256_storeu_ps(out + (half + 3) * out_stride, _mm256_shuffle_ps(t1, t3, 0xee));
  }
}

#else

inline constexpr int kBlock = 4;
TARN_INLINE void transpose_block(const T* in, int64_t in_stride, T* out, int64_t out_stride) {
  TARN_UNROLL
  for (int j = 0; j < kBlock; ++j) {
    TARN_UNROLL
    for (int i = 0; i < kBlock; ++i) out[j * out_stride + i] = in[i * in_stride + j];
  }
}

#endif

TARN_TARGET void pack_transposed(const T* b, int64_t ldb, int64_t k, int64_t n, int64_t panel_depth, T* out) {
  for (int64_t first = 0; first < n; first += kPanelWidth) {
    const int64_t left = n - first;
    const int64_t width = left >= kPanelWidth ? kPanelWidth : panel_columns(left);
    T* panel = out + first * panel_depth;
    const int64_t columns = left < width ? left : width;
    int64_t column = 0;
    for (; column + kBlock <= columns; column += kBlock) {
      const T* from = b + (first + column) * ldb;
      int64_t row = 0;
      for (; row + kBlock <= k; row += kBlock) transpose_block(from + row, ldb, panel + row * width + column, width);
      for (; row < k; ++row) {
        for (int j = 0; j < kBlock; ++j) panel[row * width + column + j] = from[j * ldb + row];
      }
    }
    for (; column < width; ++column) {
      const T* from = b + (first + column) * ldb;
      for (int64_t row = 0; row < k; ++row) panel[row * width + column] = column < columns ? from[row] : T{0};
    }
  }
}
