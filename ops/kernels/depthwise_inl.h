// The bodies behind depthwise.h; included by foreach_isa.h once per flavour.

// Taps t of one axis with 0 <= start + t * dilation < limit.
TARN_INLINE void valid_taps(int64_t start, int64_t dilation, int64_t taps, int64_t limit, int64_t& first,
                            int64_t& end) {
  first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  end = limit > start ? (limit - start + dilation - 1) / dilation : 0;
  if (end > taps) end = taps;
  if (first > end) first = end;
}

TARN_INLINE V activate(V sum, const Epilogue<T>& epilogue, V ceiling) {
  return epilogue.activation == Activation::kNone ? sum : min(ceiling, max(zero(), sum));
}

// n channels of kPixels neighbours of one output row, all of whose windows have the same valid taps [w0, w1);
// multiplier 1. x, filter, y and bias (or null) are at the first of them.
template <int kPixels>
TARN_INLINE void pixels(const DepthwiseGeometry& g, const T* x, int64_t h0, int64_t h1, int64_t w0, int64_t w1,
                        const T* filter, T* y, const T* bias, const Epilogue<T>& epilogue, V ceiling, int64_t n) {
  const int64_t channels = g.in_c;
  const int64_t pixel = g.stride_w * channels;
  V sums[kPixels];
  TARN_UNROLL
  for (int p = 0; p < kPixels; ++p) sums[p] = zero();
  for (int64_t h = h0; h < h1; ++h) {
    const T* row = x + h * g.dilation_h * g.in_w * channels;
    const T* taps = filter + h * g.filter_w * channels;
    for (int64_t w = w0; w < w1; ++w) {
      const V tap = load_n(taps + w * channels, n);
      const T* from = row + w * g.dilation_w * channels;
      TARN_UNROLL
      for (int p = 0; p < kPixels; ++p) sums[p] = fma(load_n(from + p * pixel, n), tap, sums[p]);
    }
  }
  const V b = bias != nullptr ? load_n(bias, n) : zero();
  TARN_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    const V sum = bias != nullptr ? sums[p] + b : sums[p];
    store_n(y + p * channels, activate(sum, epilogue, ceiling), n);
  }
}

template <int kPixels>
TARN_INLINE void all_channels(const DepthwiseGeometry& g, const T* x, int64_t h0, int64_t h1, int64_t w0, int64_t w1,
                              const T* filter, T* y, const Epilogue<T>& epilogue, V ceiling) {
  const T* bias = epilogue.bias;
  int64_t c = 0;
  for (; kForSpeed && c + kWidth <= g.in_c; c += kWidth) {
    pixels<kPixels>(g, x + c, h0, h1, w0, w1, filter + c, y + c, bias == nullptr ? nullptr : bias + c, epilogue,
                    ceiling, kWidth);
  }
  for (; c < g.in_c; c += kWidth) {
    pixels<kPixels>(g, x + c, h0, h1, w0, w1, filter + c, y + c, bias == nullptr ? nullptr : bias + c, epilogue,
                    ceiling, g.in_c - c);
  }
}

// 3x3 filters with steps of 1 or 2 and no dilation, which is what networks have: a vector of channels at a time, whose
// filter stays in registers while a block of pixels, two rows high, goes along the rows. Rows are re-read from L1.
inline constexpr bool kLargeBlocks = kForSpeed && TARN_FLAVOR != TARN_FLAVOR_F64;
#if TARN_FLAVOR == TARN_FLAVOR_AVX512 || defined(__aarch64__)
inline constexpr int kBlockPixels = kLargeBlocks ? 7 : 4;  // 14 sums, 9 taps; networks' maps are multiples of 7 wide
#else
inline constexpr int kBlockPixels = 4;
#endif
inline constexpr int kBlockRows = kLargeBlocks ? 2 : 1, kMostBlockStride = kLargeBlocks ? 2 : 1;

// Rows and columns of a block's input that lie inside the image.
struct Inside {
  int64_t first_row, end_row, first_column, end_column;
};

template <int kStride, int kRows, bool kEdge>
TARN_INLINE void sum_block(const T* x, int64_t row_stride, int64_t pixel, const Inside& inside, const V (&tap)[9],
                           V (&sums)[kRows][kBlockPixels]) {
  TARN_UNROLL
  for (int row = 0; row < (kRows - 1) * kStride + 3; ++row) {
    if (kEdge && (row < inside.first_row || row >= inside.end_row)) continue;
    TARN_UNROLL
    for (int column = 0; column < (kBlockPixels - 1) * kStride + 3; ++column) {
      if (kEdge && (column < inside.first_column || column >= inside.end_column)) continue;
      const V value = load(x + row * row_stride + column * pixel);
      TARN_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const int h = row - r * kStride;
        if (h < 0 || h > 2) continue;
        TARN_UNROLL
        for (int p = 0; p < kBlockPixels; ++p) {
          const int w = column - p * kStride;
          if (w >= 0 && w < 3) sums[r][p] = fma(value, tap[3 * h + w], sums[r][p]);
        }
      }
    }
  }
}

// kRows output rows from `row` of one image on; g.out_w >= kBlockPixels, g.in_c >= kWidth. The last block of a row and
// the last channels begin where they still are whole: what overlaps is computed twice, alike.
template <int kStride, int kRows>
TARN_TARGET void rows_3x3(const DepthwiseGeometry& g, const T* x, const T* filter, T* y, const Epilogue<T>& epilogue,
                          int64_t row, bool is_far) {
  constexpr int kInRows = (kRows - 1) * kStride + 3, kInColumns = (kBlockPixels - 1) * kStride + 3;
  const V ceiling = set1(epilogue.activation == Activation::kRelu6 ? T{6} : T(__builtin_inff()));
  const int64_t pixel = g.in_c, row_stride = g.in_w * pixel, y_row = g.out_w * pixel;
  const int64_t top = row * kStride - g.pad_top;
  const bool is_edge_row = top < 0 || top + kInRows > g.in_h;
  // The next rows of both are asked for while these are worked on.
  const bool asks = kLargeBlocks && is_far && top + kInRows + kRows * kStride <= g.in_h && row + 2 * kRows <= g.out_h;
  for (int64_t next = 0; next < pixel; next += kWidth) {
    const int64_t c = next + kWidth <= pixel ? next : pixel - kWidth;
    V tap[9];
    TARN_UNROLL
    for (int i = 0; i < 9; ++i) tap[i] = load(filter + i * pixel + c);
    const V bias = epilogue.bias != nullptr ? load(epilogue.bias + c) : zero();
    for (int64_t j = 0; j < g.out_w; j += kBlockPixels) {
      const int64_t first = j + kBlockPixels <= g.out_w ? j : g.out_w - kBlockPixels;
      const int64_t left = first * kStride - g.pad_left;
      const T* from = x + top * row_stride + left * pixel + c;
      T* to = y + row * y_row + first * pixel + c;
      if (asks) {
        TARN_UNROLL
        for (int r = 0; r < kRows * kStride; ++r) {
          TARN_UNROLL
          for (int p = 0; p < kBlockPixels * kStride; ++p) {
            __builtin_prefetch(from + (kInRows + r) * row_stride + (p + 2) * pixel, 0, 2);
          }
        }
        TARN_UNROLL
        for (int r = 0; r < kRows; ++r) {
          TARN_UNROLL
          for (int p = 0; p < kBlockPixels; ++p) __builtin_prefetch(to + (kRows + r) * y_row + p * pixel, 0, 2);
        }
      }
      V sums[kRows][kBlockPixels];
      TARN_UNROLL
      for (int r = 0; r < kRows; ++r) {
        TARN_UNROLL
        for (int p = 0; p < kBlockPixels; ++p) sums[r][p] = zero();
      }
      if (is_edge_row || left < 0 || left + kInColumns > g.in_w || kRows < kBlockRows || kBlockRows == 1) {
        const Inside inside{-top, g.in_h - top, -left, g.in_w - left};
        sum_block<kStride, kRows, true>(from, row_stride, pixel, inside, tap, sums);
      } else {
        sum_block<kStride, kRows, false>(from, row_stride, pixel, {}, tap, sums);
      }
      TARN_UNROLL
      for (int r = 0; r < kRows; ++r) {
        TARN_UNROLL
        for (int p = 0; p < kBlockPixels; ++p) {
          const V sum = epilogue.bias != nullptr ? sums[r][p] + bias : sums[r][p];
          store(to + r * y_row + p * pixel, activate(sum, epilogue, ceiling));
        }
      }
    }
  }
}

template <int kStride>
TARN_INLINE void all_rows_3x3(const DepthwiseGeometry& g, const T* x, const T* filter, T* y,
                              const Epilogue<T>& epilogue, int64_t begin, int64_t end) {
  constexpr int64_t kNearBytes = 512 << 10;
  const bool is_far = g.in_h * g.in_w * g.in_c * int64_t{sizeof(T)} > kNearBytes;
  for (int64_t row = begin; row < end;) {
    const int64_t image = row / g.out_h, in_image = row % g.out_h;
    const T* from = x + image * g.in_h * g.in_w * g.in_c;
    T* to = y + image * g.out_h * g.out_w * g.in_c;
    if (row + kBlockRows <= end && in_image + kBlockRows <= g.out_h) {
      rows_3x3<kStride, kBlockRows>(g, from, filter, to, epilogue, in_image, is_far);
      row += kBlockRows;
    } else {
      rows_3x3<kStride, 1>(g, from, filter, to, epilogue, in_image, is_far);
      ++row;
    }
  }
}

// One output pixel, any multiplier: lanes would need a gather, and such layers are rare.
TARN_INLINE void multiplied_pixel(const DepthwiseGeometry& g, const T* x, int64_t h0, int64_t h1, int64_t w0,
                                  int64_t w1, const T* filter, T* y, const Epilogue<T>& epilogue, T ceiling) {
  for (int64_t c = 0; c < g.in_c; ++c) {
    for (int64_t m = 0; m < g.multiplier; ++m) {
      const int64_t channel = c * g.multiplier + m;
      T sum{0};
      for (int64_t h = h0; h < h1; ++h) {
        for (int64_t w = w0; w < w1; ++w) {
          sum += x[(h * g.dilation_h * g.in_w + w * g.dilation_w) * g.in_c + c] *
                 filter[(h * g.filter_w + w) * g.in_c * g.multiplier + channel];
        }
      }
      if (epilogue.bias != nullptr) sum += epilogue.bias[channel];
      if (epilogue.activation != Activation::kNone) {
        sum = sum < T{0} ? T{0} : sum;
        sum = sum > ceiling ? ceiling : sum;
      }
      y[channel] = sum;
    }
  }
}

// Output rows [begin, end) of the batch laid end to end.
TARN_TARGET void depthwise_rows(const DepthwiseGeometry& g, const T* x, const T* filter, T* y,
                                const Epilogue<T>& epilogue, int64_t begin, int64_t end) {
  if (g.multiplier == 1 && g.filter_h == 3 && g.filter_w == 3 && g.dilation_h == 1 && g.dilation_w == 1 &&
      g.stride_h == g.stride_w && g.stride_h <= kMostBlockStride && g.out_w >= kBlockPixels && g.in_c >= kWidth) {
    if (g.stride_h == 1) {
      all_rows_3x3<1>(g, x, filter, y, epilogue, begin, end);
    } else if constexpr (kMostBlockStride == 2) {
      all_rows_3x3<2>(g, x, filter, y, epilogue, begin, end);
    }
    return;
  }
  const T ceiling = epilogue.activation == Activation::kRelu6 ? T{6} : T(__builtin_inff());
  constexpr int kPixels = 4;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t first_row = row % g.out_h * g.stride_h - g.pad_top;
    int64_t h0, h1;
    valid_taps(first_row, g.dilation_h, g.filter_h, g.in_h, h0, h1);
    const int64_t image = row / g.out_h * g.in_h;
    for (int64_t j = 0; j < g.out_w;) {
      const int64_t column = j * g.stride_w - g.pad_left;
      int64_t w0, w1;
      valid_taps(column, g.dilation_w, g.filter_w, g.in_w, w0, w1);
      const T* from = x + ((image + first_row) * g.in_w + column) * g.in_c;
      T* to = y + (row * g.out_w + j) * g.in_c * g.multiplier;
      const int64_t last = column + (kPixels - 1) * g.stride_w + (g.filter_w - 1) * g.dilation_w;
      if (g.multiplier != 1) {
        multiplied_pixel(g, from, h0, h1, w0, w1, filter, to, epilogue, ceiling);
        ++j;
      } else if (column >= 0 && last < g.in_w && j + kPixels <= g.out_w) {
        all_channels<kPixels>(g, from, h0, h1, w0, w1, filter, to, epilogue, set1(ceiling));
        j += kPixels;
      } else {
        all_channels<1>(g, from, h0, h1, w0, w1, filter, to, epilogue, set1(ceiling));
        ++j;
      }
    }
  }
}
