// The tiles of tile_inl.h in a build for size, bit for bit what tile_forms_inl.h computes: bodies for a few numbers of
// rows, half as many again and again, of which the others are made, slower by the times that B is read. Sums start and
// end in memory, where code that all bodies share reads C, adds the bias and writes.

inline constexpr int kMostSums = kTileRows * 2;  // vectors

TARN_TARGET __attribute__((noinline)) void start_sums(const Tile<T>& tile, int64_t rows, V* sums) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* c = tile.c + i * tile.ldc;
    for (int64_t left = tile.columns; left > 0; left -= kWidth) {
      *sums++ = tile.accumulate ? load_n(c, left) : zero();
      c += kWidth;
    }
  }
}

TARN_TARGET __attribute__((noinline)) void finish_sums(const Tile<T>& tile, int64_t rows, const V* sums) {
  const V ceiling = set1(tile.activation == Activation::kRelu6 ? T{6} : T(__builtin_inff()));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t column = 0; column < tile.columns; column += kWidth) {
      const int64_t left = tile.columns - column;
      V sum = *sums++;
      if (tile.bias != nullptr) sum = sum + load_n(tile.bias + column, left);
      if (kHasResiduals && tile.residual != nullptr) sum = sum + load_n(tile.residual + i * tile.ldc + column, left);
      if (tile.activation != Activation::kNone) sum = min(ceiling, max(zero(), sum));
      store_n(tile.c + i * tile.ldc + column, sum, left);
    }
  }
}

// Wide vectors hide what a turn of the loop costs: one step in each is half as slow again on SSE2, not slower on AVX.
inline constexpr bool kTwoSteps = kWidth == 4;

template <int kRows, int kVectors>
TARN_TARGET void add_products(const Tile<T>& tile, const T* a, int64_t row_stride, int64_t step_stride, V* sums) {
  constexpr int kBases = (kRows + 2) / 3;
  V acc[kRows][kVectors];
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    TARN_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[i][v] = sums[i * kVectors + v];
  }
  const T* b = tile.b;
  for (int64_t s = 0; s < tile.segments; ++s) {
    const T* base[kBases];
    TARN_UNROLL
    for (int j = 0; j < kBases; ++j) base[j] = a + tile.offsets[s] + 3 * j * row_stride;
    for (int64_t k = tile.segment_length; k > 0; --k) {
      rows_step<kRows, kVectors>(base, row_stride, 0, b, acc);
      b += kVectors * kWidth;
      TARN_UNROLL
      for (int j = 0; j < kBases; ++j) base[j] += step_stride;
      if (!kTwoSteps || --k == 0) continue;
      rows_step<kRows, kVectors>(base, row_stride, 0, b, acc);
      b += kVectors * kWidth;
      TARN_UNROLL
      for (int j = 0; j < kBases; ++j) base[j] += step_stride;
    }
  }
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    TARN_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[i * kVectors + v] = acc[i][v];
  }
}

// Returns the rows that are done.
template <int kBody, int kVectors>
TARN_INLINE int64_t add_rows(const Tile<T>& tile, const T* a, int64_t rows, int64_t row_stride, int64_t step_stride,
                             V* sums) {
  if (rows >= kBody) {
    add_products<kBody, kVectors>(tile, a, row_stride, step_stride, sums);
    return kBody;
  }
  if constexpr (kBody > 1) return add_rows<kBody / 2, kVectors>(tile, a, rows, row_stride, step_stride, sums);
  return 0;
}

TARN_TARGET void tile_of_any_form(const Tile<T>& tile, int64_t rows, int64_t row_stride, int64_t step_stride) {
  V sums[kMostSums];
  const bool is_half = tile.columns <= kWidth;
  start_sums(tile, rows, sums);
  for (int64_t row = 0; row < rows;) {
    const T* a = tile.a + row * row_stride;
    // A half panel is read fast: half as many rows will do.
    row += is_half ? add_rows<kTileRows / 2, 1>(tile, a, rows - row, row_stride, step_stride, sums + row)
                   : add_rows<kTileRows, 2>(tile, a, rows - row, row_stride, step_stride, sums + 2 * row);
  }
  finish_sums(tile, rows, sums);
}

// Row by row: what one row reads of each column is near what the next one does.
TARN_TARGET void pack_transposed(const T* b, int64_t ldb, int64_t k, int64_t n, int64_t panel_depth, T* out) {
  for (int64_t first = 0; first < n; first += kPanelWidth) {
    T* panel = out + first * panel_depth;
    for (int64_t row = 0; row < k; ++row) {
      for (int64_t column = first; column < first + panel_columns(n - first); ++column) {
        *panel++ = column < n ? b[column * ldb + row] : T{0};
      }
    }
  }
}
