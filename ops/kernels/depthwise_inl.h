// The bodies behind depthwise.h; included by foreach_isa.h once per flavour.

// Taps t of one axis with 0 <= start + t * dilation < limit.
TARN_INLINE void valid_taps(int64_t start, int64_t dilation, int64_t taps, int64_t limit, int64_t& first,
                            int64_t& end) {
  first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  end = limit > start ? (limit - start + dilation - 1) / dilation : 0;
  if (end > taps) end = taps;
  if (first > end) first = end;
}

TARN_INLINE V finish(V sum, const Epilogue<T>& epilogue, int64_t channel, int64_t n, V ceiling) {
  if (epilogue.bias != nullptr) sum = sum + load_n(epilogue.bias + channel, n);
  return epilogue.activation == Activation::kNone ? sum : min(ceiling, max(zero(), sum));
}

// kPixels neighbours of one output row, all of whose windows have the same valid taps [w0, w1); multiplier 1.
template <int kPixels>
TARN_INLINE void pixels(const DepthwiseGeometry& g, const T* x, int64_t h0, int64_t h1, int64_t w0, int64_t w1,
                        const T* filter, T* y, const Epilogue<T>& epilogue, V ceiling) {
  const int64_t channels = g.in_c;
  const int64_t pixel = g.stride_w * channels;
  for (int64_t c = 0; c < channels; c += kWidth) {
    const int64_t n = channels - c;
    V sums[kPixels];
    TARN_UNROLL
    for (int p = 0; p < kPixels; ++p) sums[p] = zero();
    for (int64_t h = h0; h < h1; ++h) {
      const T* row = x + h * g.dilation_h * g.in_w * channels + c;
      const T* taps = filter + h * g.filter_w * channels + c;
      for (int64_t w = w0; w < w1; ++w) {
        const V tap = load_n(taps + w * channels, n);
        const T* from = row + w * g.dilation_w * channels;
        TARN_UNROLL
        for (int p = 0; p < kPixels; ++p) sums[p] = fma(load_n(from + p * pixel, n), tap, sums[p]);
      }
    }
    TARN_UNROLL
    for (int p = 0; p < kPixels; ++p) store_n(y + p * channels + c, finish(sums[p], epilogue, c, n, ceiling), n);
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
        pixels<kPixels>(g, from, h0, h1, w0, w1, filter, to, epilogue, set1(ceiling));
        j += kPixels;
      } else {
        pixels<1>(g, from, h0, h1, w0, w1, filter, to, epilogue, set1(ceiling));
        ++j;
      }
    }
  }
}
