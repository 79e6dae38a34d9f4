// The bodies behind column_reduce.h; included by foreach_isa.h once per flavour.

template <ColumnTerms kTerms>
TARN_INLINE void add_terms(const T* x, const T* dy, V mean, int64_t n, V& first, V& second) {
  const V value = n >= kWidth ? load(x) : load_partial(x, n);
  if constexpr (kTerms == ColumnTerms::kValue) {
    first = first + value;
  } else if constexpr (kTerms == ColumnTerms::kDeviation) {
    const V deviation = value - mean;
    first = fma(deviation, deviation, first);
  } else {
    const V grad = n >= kWidth ? load(dy) : load_partial(dy, n);
    first = first + grad;
    second = fma(grad, value - mean, second);
  }
}

// kVectors columns of vectors at a time, even and odd rows apart: enough chains to hide the latency of an add.
template <ColumnTerms kTerms, int kVectors>
TARN_INLINE void reduce_block(const T* x, const T* dy, const T* mean, int64_t rows, int64_t columns, int64_t n,
                              T* first, T* second) {
  V sums[2][kVectors], seconds[2][kVectors], means[kVectors];
  TARN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    sums[0][v] = sums[1][v] = seconds[0][v] = seconds[1][v] = zero();
    const int64_t left = n - v * kWidth;
    means[v] = kTerms == ColumnTerms::kValue ? zero()
               : left >= kWidth              ? load(mean + v * kWidth)
                                             : load_partial(mean + v * kWidth, left);
  }
  int64_t row = 0;
  for (; row + 2 <= rows; row += 2) {
    TARN_UNROLL
    for (int odd = 0; odd < 2; ++odd) {
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        const int64_t at = (row + odd) * columns + v * kWidth;
        add_terms<kTerms>(x + at, dy + at, means[v], n - v * kWidth, sums[odd][v], seconds[odd][v]);
      }
    }
  }
  if (row < rows) {
    TARN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = row * columns + v * kWidth;
      add_terms<kTerms>(x + at, dy + at, means[v], n - v * kWidth, sums[0][v], seconds[0][v]);
    }
  }
  TARN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const int64_t left = n - v * kWidth;
    const V sum = sums[0][v] + sums[1][v];
    const V other = seconds[0][v] + seconds[1][v];
    left >= kWidth ? store(first + v * kWidth, sum) : store_partial(first + v * kWidth, sum, left);
    if constexpr (kTerms == ColumnTerms::kGradients) {
      left >= kWidth ? store(second + v * kWidth, other) : store_partial(second + v * kWidth, other, left);
    }
  }
}

template <ColumnTerms kTerms>
TARN_TARGET void reduce_rows(const T* x, const T* dy, const T* mean, int64_t rows, int64_t columns, T* first,
                             T* second) {
  constexpr int kBlock = 2;
  int64_t c = 0;
  for (; c + kBlock * kWidth <= columns; c += kBlock * kWidth) {
    reduce_block<kTerms, kBlock>(x + c, dy + c, mean + c, rows, columns, kBlock * kWidth, first + c, second + c);
  }
  for (; c < columns; c += kWidth) {
    reduce_block<kTerms, 1>(x + c, dy + c, mean + c, rows, columns, columns - c, first + c, second + c);
  }
}
