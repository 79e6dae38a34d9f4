// The bodies behind winograd_transform.h; included by foreach_isa.h once per flavour. Each two-dimensional transform is
// the one-dimensional one down the columns, then along the rows; a vector holds neighbouring channels.

template <bool kTail>
TARN_INLINE V load_lanes(const T* p, int64_t lanes) {
  if constexpr (kTail) {
    return load_partial(p, lanes);
  } else {
    return load(p);
  }
}
template <bool kTail>
TARN_INLINE void store_lanes(T* p, V v, int64_t lanes) {
  if constexpr (kTail) {
    store_partial(p, v, lanes);
  } else {
    store(p, v);
  }
}

// Makes the compiler forget what it knows of a stride: it would compute all of a tile's addresses ahead of the loop
// over channels, of few turns, and keep them in memory.
TARN_INLINE void forget(int64_t& stride) {
  __asm__("" : "+r"(stride));
}

// A^T: row k of M holds the k-th powers of the points; infinity counts in the last row.
template <int N, int M>
struct PowersStep {
  static constexpr int kIn = N, kOut = M;
};
template <int N, int M>
TARN_INLINE void step(PowersStep<N, M>, const V* m, V* out) {
  constexpr int kPairs = WinogradPoints<T, N>::kPairs;
  V even[kPairs], odd[kPairs];
  T power[kPairs];
  TARN_UNROLL
  for (int j = 0; j < kPairs; ++j) {
    even[j] = m[2 * j + 1] + m[2 * j + 2];
    odd[j] = m[2 * j + 1] - m[2 * j + 2];
    power[j] = 1;
  }
  V sum = even[0];
  TARN_UNROLL
  for (int j = 1; j < kPairs; ++j) sum = sum + even[j];
  out[0] = m[0] + sum;
  TARN_UNROLL
  for (int k = 1; k < M; ++k) {
    TARN_UNROLL
    for (int j = 0; j < kPairs; ++j) power[j] *= kWinogradPoints<T, N>.pair[j];
    TARN_UNROLL
    for (int j = kPairs - 1; j >= 0; --j) {
      const V term = k % 2 == 0 ? even[j] : odd[j];
      if (j < kPairs - 1) {
        sum = fma(set1(power[j]), term, sum);
      } else {
        sum = k == M - 1 ? fma(set1(power[j]), term, m[N - 1]) : set1(power[j]) * term;
      }
    }
    out[k] = sum;
  }
}

// A step, taken along one axis or both. Compiled for speed the loops below know which; compiled for size they are told,
// and there is one body of each for all.
#ifdef __OPTIMIZE_SIZE__
using Way = WinogradMatrix<T>;
#define TARN_WAY
#define TARN_WAY_BODY static __attribute__((noinline)) TARN_TARGET
#define TARN_WAY_PART TARN_WAY_BODY

// `from` becomes what the matrix takes.
TARN_WAY_BODY void take_step(const Way& way, V* from, V* to) {
  for (int i = 1; way.is_output && i + 1 < way.in; i += 2) {
    const V sum = from[i] + from[i + 1];
    from[i] = from[i] - from[i + 1];
    from[i + 1] = sum;
  }
  const T* coefficient = way.coefficients;
  for (int row = 0; row < way.out; ++row) {
    V sum = zero();
    for (int i = winograd_row_begin(row, way.in, way.out); i < way.in; i += 2) {
      sum = fma(set1(*coefficient++), from[i], sum);
    }
    to[row] = sum;
  }
  for (int i = 1; !way.is_output && i + 1 < way.out; i += 2) {
    const V odd = to[i];
    to[i] = to[i + 1] + odd;
    to[i + 1] = to[i + 1] - odd;
  }
}
#else
// Row i of B^T: the coefficients of the product over j != i of (x - p_j); the last one of the product over all points.
template <int N>
struct InputStep {
  static constexpr int kIn = N, kOut = N;
};
template <int N>
TARN_INLINE void step(InputStep<N>, const V* d, V* out) {
  constexpr int kPairs = WinogradPoints<T, N>::kPairs;
  out[0] = d[N - 2];
  out[N - 1] = d[N - 1];
  TARN_UNROLL
  for (int k = kPairs - 1; k >= 0; --k) {
    out[0] = fma(set1(kWinogradPoints<T, N>.all[k]), d[2 * k], out[0]);
    out[N - 1] = fma(set1(kWinogradPoints<T, N>.all[k]), d[2 * k + 1], out[N - 1]);
  }
  TARN_UNROLL
  for (int j = 0; j < kPairs; ++j) {
    V even = d[N - 2], odd = d[N - 3];
    TARN_UNROLL
    for (int k = kPairs - 2; k >= 0; --k) {
      even = fma(set1(kWinogradPoints<T, N>.others[j][k]), d[2 * k + 2], even);
      odd = fma(set1(kWinogradPoints<T, N>.others[j][k]), d[2 * k + 1], odd);
    }
    odd = set1(kWinogradPoints<T, N>.pair[j]) * odd;
    out[2 * j + 1] = even + odd;
    out[2 * j + 2] = even - odd;
  }
}

// G: a polynomial of R coefficients at each point over that point's product; its last coefficient for infinity.
template <int N, int R>
struct EvaluateStep {
  static constexpr int kIn = R, kOut = N;
};
template <int N, int R>
TARN_INLINE void step(EvaluateStep<N, R>, const V* g, V* out) {
  constexpr const WinogradPoints<T, N>& points = kWinogradPoints<T, N>;
  constexpr int kTopEven = (R - 1) / 2 * 2, kTopOdd = R / 2 * 2 - 1;
  out[0] = set1(points.inverse0) * g[0];
  TARN_UNROLL
  for (int j = 0; j < WinogradPoints<T, N>::kPairs; ++j) {
    const V square = set1(points.pair[j] * points.pair[j]);
    V even = g[kTopEven], odd = g[kTopOdd];
    TARN_UNROLL
    for (int k = kTopEven - 2; k >= 0; k -= 2) even = fma(square, even, g[k]);
    TARN_UNROLL
    for (int k = kTopOdd - 2; k >= 0; k -= 2) odd = fma(square, odd, g[k]);
    even = set1(points.inverse[j]) * even;
    odd = set1(points.inverse[j] * points.pair[j]) * odd;
    out[2 * j + 1] = even + odd;
    out[2 * j + 2] = even - odd;
  }
  out[N - 1] = g[R - 1];
}

template <class Step, bool kBothWays>
struct KnownWay {
  static constexpr int kMostIn = Step::kIn, kMostOut = Step::kOut;
  static constexpr int in = Step::kIn, out = Step::kOut;
  static constexpr bool both_ways = kBothWays;
};
template <class Step, bool kBothWays>
TARN_INLINE void take_step(const KnownWay<Step, kBothWays>&, const V* from, V* to) {
  step(Step{}, from, to);
}
#define TARN_WAY template <class Way>
#define TARN_WAY_BODY TARN_TARGET
#define TARN_WAY_PART TARN_INLINE
#endif

// One vector of channels: cells, or rows and columns of them, to the points.
TARN_WAY TARN_WAY_BODY void to_points(const Way& way, const T* in, int64_t row_stride, int64_t pixel_stride, T* out,
                                      int64_t point_stride) {
  forget(row_stride);
  forget(pixel_stride);
  forget(point_stride);
  if (!way.both_ways) {
    V cells[Way::kMostIn], points[Way::kMostOut];
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.in; ++i) {
      cells[i] = load(in);
      in += pixel_stride;
    }
    take_step(way, cells, points);
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.out; ++i) {
      store(out, points[i]);
      out += point_stride;
    }
    return;
  }
  V half[Way::kMostOut][Way::kMostIn];
  TARN_UNROLL_FOR_SPEED
  for (int j = 0; j < way.in; ++j) {
    V cells[Way::kMostIn], column[Way::kMostOut];
    const T* cell = in;
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.in; ++i) {
      cells[i] = load(cell);
      cell += row_stride;
    }
    in += pixel_stride;
    take_step(way, cells, column);
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.out; ++i) half[i][j] = column[i];
  }
  TARN_UNROLL_FOR_SPEED
  for (int i = 0; i < way.out; ++i) {
    V row[Way::kMostOut];
    take_step(way, half[i], row);
    TARN_UNROLL_FOR_SPEED
    for (int j = 0; j < way.out; ++j) {
      store(out, row[j]);
      out += point_stride;
    }
  }
}

TARN_WAY TARN_WAY_BODY void all_to_points(const Way& way, const T* in, int64_t row_stride, int64_t pixel_stride,
                                          int64_t channels, T* out, int64_t point_stride) {
  int64_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    to_points(way, in + c, row_stride, pixel_stride, out + c, point_stride);
  }
  if (c == channels) return;
  // The last channels and zeros beside them.
  T cells[Way::kMostIn * Way::kMostIn * kWidth];
  T* cell = cells;
  for (int i = 0; i < (way.both_ways ? way.in : 1); ++i) {
    for (int j = 0; j < way.in; ++j) {
      store(cell, load_partial(in + c + i * row_stride + j * pixel_stride, channels - c));
      cell += kWidth;
    }
  }
  to_points(way, cells, way.in * kWidth, kWidth, out + c, point_stride);
}

// A row of a block, with the epilogue; the columns that exist are stored.
TARN_WAY TARN_WAY_PART void store_row(const Way& way, const V* row, T* pixel, int64_t pixel_stride, const T* bias,
                                      const WinogradOutput<T>& to) {
  const bool activates = to.epilogue.activation != Activation::kNone;
  const V ceiling = set1(to.epilogue.activation == Activation::kRelu6 ? T{6} : T(__builtin_inff()));
  const V added = bias != nullptr ? load(bias) : zero();
  TARN_UNROLL_FOR_SPEED
  for (int j = 0; j < way.out; ++j) {
    V value = row[j];
    if (bias != nullptr) value = value + added;
    if (activates) value = min(ceiling, max(zero(), value));
    if (j < to.columns) store(pixel, value);
    pixel += pixel_stride;
  }
}

// A vector of channels of the block; `bias` is null or that many values.
TARN_WAY TARN_WAY_BODY void to_outputs(const Way& way, const T* points, int64_t point_stride, T* y, int64_t row_stride,
                                       int64_t pixel_stride, const T* bias, const WinogradOutput<T>& to) {
  int64_t column_stride = way.in * point_stride;
  forget(row_stride);
  forget(pixel_stride);
  forget(point_stride);
  forget(column_stride);
  if (!way.both_ways) {
    V cells[Way::kMostIn], row[Way::kMostOut];
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.in; ++i) {
      cells[i] = load(points);
      points += point_stride;
    }
    take_step(way, cells, row);
    store_row(way, row, y, pixel_stride, bias, to);
    return;
  }
  V half[Way::kMostOut][Way::kMostIn];
  TARN_UNROLL_FOR_SPEED
  for (int j = 0; j < way.in; ++j) {
    V cells[Way::kMostIn], column[Way::kMostOut];
    const T* point = points;
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.in; ++i) {
      cells[i] = load(point);
      point += column_stride;
    }
    points += point_stride;
    take_step(way, cells, column);
    TARN_UNROLL_FOR_SPEED
    for (int i = 0; i < way.out; ++i) half[i][j] = column[i];
  }
  TARN_UNROLL_FOR_SPEED
  for (int i = 0; i < way.out; ++i) {
    if (i == to.rows) break;
    V row[Way::kMostOut];
    take_step(way, half[i], row);
    store_row(way, row, y, pixel_stride, bias, to);
    y += row_stride;
  }
}

TARN_WAY TARN_WAY_BODY void all_to_outputs(const Way& way, const T* points, int64_t point_stride,
                                           const WinogradOutput<T>& to) {
  const T* bias = to.epilogue.bias;
  int64_t c = 0;
  for (; c + kWidth <= to.channels; c += kWidth) {
    to_outputs(way, points + c, point_stride, to.y + c, to.row_stride, to.pixel_stride,
               bias != nullptr ? bias + c : nullptr, to);
  }
  if (c == to.channels) return;
  // The last channels by way of whole vectors.
  const int64_t lanes = to.channels - c;
  T last_bias[kWidth], block[Way::kMostOut * Way::kMostOut * kWidth];
  if (bias != nullptr) store(last_bias, load_partial(bias + c, lanes));
  to_outputs(way, points + c, point_stride, block, way.out * kWidth, kWidth, bias != nullptr ? last_bias : nullptr, to);
  for (int64_t i = 0; i < to.rows; ++i) {
    for (int64_t j = 0; j < to.columns; ++j) {
      store_partial(to.y + c + i * to.row_stride + j * to.pixel_stride, load(block + (i * way.out + j) * kWidth),
                    lanes);
    }
  }
}

#undef TARN_WAY
#undef TARN_WAY_BODY
#undef TARN_WAY_PART

template <int kTaps, bool kTail>
TARN_INLINE void filter_gradient_vector(const T* partials, int64_t point_stride, int64_t groups, int64_t group_stride,
                                        T* dfilter, int64_t tap_stride, int64_t lanes) {
  V half[kTaps][6];
  TARN_UNROLL_FOR_SPEED
  for (int j = 0; j < 6; ++j) {
    V cells[6], column[kTaps];
    TARN_UNROLL
    for (int i = 0; i < 6; ++i) {
      const T* partial = partials + (i * 6 + j) * point_stride;
      cells[i] = load_lanes<kTail>(partial, lanes);
      for (int64_t group = 1; group < groups; ++group) {
        cells[i] = cells[i] + load_lanes<kTail>(partial + group * group_stride, lanes);
      }
    }
    step(PowersStep<6, kTaps>{}, cells, column);
    TARN_UNROLL
    for (int i = 0; i < kTaps; ++i) half[i][j] = column[i];
  }
  TARN_UNROLL_FOR_SPEED
  for (int i = 0; i < kTaps; ++i) {
    V row[kTaps];
    step(PowersStep<6, kTaps>{}, half[i], row);
    TARN_UNROLL
    for (int j = 0; j < kTaps; ++j) store_lanes<kTail>(dfilter + (i * kTaps + j) * tap_stride, row[j], lanes);
  }
}

template <int kTaps>
TARN_TARGET void filter_gradient(const T* partials, int64_t point_stride, int64_t groups, int64_t group_stride,
                                 int64_t count, T* dfilter, int64_t tap_stride) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    filter_gradient_vector<kTaps, false>(partials + i, point_stride, groups, group_stride, dfilter + i, tap_stride,
                                         kWidth);
  }
  if (i < count) {
    filter_gradient_vector<kTaps, true>(partials + i, point_stride, groups, group_stride, dfilter + i, tap_stride,
                                        count - i);
  }
}

#ifdef __OPTIMIZE_SIZE__
inline WinogradKernels<T> winograd_kernels_of(int64_t block, int64_t filter, bool both_ways) {
  const WinogradCoefficients<T>& coefficients = kWinogradCoefficients<T>[(filter - 3) / 2][block / 4];
  const int outputs = static_cast<int>(block), taps = static_cast<int>(filter), points = outputs + taps - 1;
  return {.input = {all_to_points, {points, points, both_ways, false, coefficients.input}},
          .filter = {all_to_points, {taps, points, both_ways, false, coefficients.filter}},
          .output = {all_to_outputs, {points, outputs, both_ways, true, coefficients.output}}};
}
template <int kTaps>
inline constexpr WinogradTransform<T> kGradientTransform = {
    all_to_points, {7 - kTaps, 6, true, false, kWinogradFilter<T, 6, 7 - kTaps>.at}};
#else
template <class Step, bool kBothWays>
TARN_TARGET void transform(const WinogradMatrix<T>&, const T* in, int64_t row_stride, int64_t pixel_stride,
                           int64_t channels, T* out, int64_t point_stride) {
  all_to_points(KnownWay<Step, kBothWays>{}, in, row_stride, pixel_stride, channels, out, point_stride);
}
template <class Step, bool kBothWays>
TARN_TARGET void output(const WinogradMatrix<T>&, const T* points, int64_t point_stride, const WinogradOutput<T>& to) {
  all_to_outputs(KnownWay<Step, kBothWays>{}, points, point_stride, to);
}
template <int kBlock, int kTaps, bool kBothWays>
inline constexpr WinogradKernels<T> kWinogradKernels = {
    .input = {transform<InputStep<kBlock + kTaps - 1>, kBothWays>, {}},
    .filter = {transform<EvaluateStep<kBlock + kTaps - 1, kTaps>, kBothWays>, {}},
    .output = {output<PowersStep<kBlock + kTaps - 1, kBlock>, kBothWays>, {}}};
inline WinogradKernels<T> winograd_kernels_of(int64_t block, int64_t filter, bool both_ways) {
  if (both_ways) {
    if (filter == 5) return block == 4 ? kWinogradKernels<4, 5, true> : kWinogradKernels<2, 5, true>;
    return block == 4 ? kWinogradKernels<4, 3, true> : kWinogradKernels<2, 3, true>;
  }
  if (filter == 7) return block == 4 ? kWinogradKernels<4, 7, false> : kWinogradKernels<2, 7, false>;
  return block == 4 ? kWinogradKernels<4, 3, false> : kWinogradKernels<2, 3, false>;
}
template <int kTaps>
inline constexpr WinogradTransform<T> kGradientTransform = {transform<EvaluateStep<6, 7 - kTaps>, true>, {}};
#endif
template <int kTaps>
inline constexpr WinogradGradientKernels<T> kWinogradGradientKernels = {.gradient = kGradientTransform<kTaps>,
                                                                        .filter_gradient = filter_gradient<kTaps>};
inline constexpr const WinogradGradientKernels<T>& winograd_gradient_kernels_of(int64_t filter) {
  return filter == 5 ? kWinogradGradientKernels<5> : kWinogradGradientKernels<3>;
}
