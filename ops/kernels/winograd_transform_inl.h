// The bodies behind winograd_transform.h; included by foreach_isa.h once per flavour. Each two-dimensional transform is
// the one-dimensional one down the columns, then along the rows; a vector holds neighbouring channels.

inline constexpr T kA = T(kWinogradA), kA2 = kA * kA;
inline constexpr T kB = T(kWinogradB), kB2 = kB * kB;
// 1 / product of (p_i - p_j) for p_i = 0, +-a, +-b
inline constexpr T kInverse0 = T(1 / (kWinogradA * kWinogradA * kWinogradB * kWinogradB));
inline constexpr T kInverseA =
    T(1 / (2 * kWinogradA * kWinogradA * (kWinogradA * kWinogradA - kWinogradB * kWinogradB)));
inline constexpr T kInverseB =
    T(1 / (2 * kWinogradB * kWinogradB * (kWinogradB * kWinogradB - kWinogradA * kWinogradA)));

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

// Row i of B^T: the coefficients of the product over j != i of (x - p_j); the last one of the product over all points.
struct InputStep {
  static constexpr int kIn = 6, kOut = 6;
};
TARN_INLINE void step(InputStep, const V (&d)[6], V (&out)[6]) {
  const V sum = set1(kA2 + kB2), product = set1(kA2 * kB2);
  out[0] = fma(product, d[0], d[4] - sum * d[2]);
  const V even_a = fma(set1(-kB2), d[2], d[4]), odd_a = set1(kA) * fma(set1(-kB2), d[1], d[3]);
  out[1] = even_a + odd_a;
  out[2] = even_a - odd_a;
  const V even_b = fma(set1(-kA2), d[2], d[4]), odd_b = set1(kB) * fma(set1(-kA2), d[1], d[3]);
  out[3] = even_b + odd_b;
  out[4] = even_b - odd_b;
  out[5] = fma(product, d[1], d[5] - sum * d[3]);
}

// G: a polynomial of N coefficients at each point over that point's product; its last coefficient for infinity.
template <int N>
struct EvaluateStep {
  static constexpr int kIn = N, kOut = 6;
};
template <int N>
TARN_INLINE V even_part(const V (&g)[N], V square) {
  if constexpr (N > 4) return fma(square, fma(square, g[4], g[2]), g[0]);
  if constexpr (N > 2) return fma(square, g[2], g[0]);
  return g[0];
}
template <int N>
TARN_INLINE V odd_part(const V (&g)[N], V square) {
  if constexpr (N > 3) return fma(square, g[3], g[1]);
  return g[1];
}
template <int N>
TARN_INLINE void step(EvaluateStep<N>, const V (&g)[N], V (&out)[6]) {
  out[0] = set1(kInverse0) * g[0];
  const V even_a = set1(kInverseA) * even_part(g, set1(kA2)), odd_a = set1(kInverseA * kA) * odd_part(g, set1(kA2));
  out[1] = even_a + odd_a;
  out[2] = even_a - odd_a;
  const V even_b = set1(kInverseB) * even_part(g, set1(kB2)), odd_b = set1(kInverseB * kB) * odd_part(g, set1(kB2));
  out[3] = even_b + odd_b;
  out[4] = even_b - odd_b;
  out[5] = g[N - 1];
}

// A^T: row k of N holds the k-th powers of the points; infinity counts in the last row.
template <int N>
struct PowersStep {
  static constexpr int kIn = 6, kOut = N;
};
template <int N>
TARN_INLINE void step(PowersStep<N>, const V (&m)[6], V (&out)[N]) {
  const V even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
  out[0] = m[0] + (even_a + even_b);
  T power_a = 1, power_b = 1;
  TARN_UNROLL
  for (int k = 1; k < N; ++k) {
    power_a *= kA;
    power_b *= kB;
    const V a = k % 2 == 0 ? even_a : odd_a, b = k % 2 == 0 ? even_b : odd_b;
    out[k] = fma(set1(power_a), a, k == N - 1 ? fma(set1(power_b), b, m[5]) : set1(power_b) * b);
  }
}

#ifdef __OPTIMIZE_SIZE__
#include "ops/kernels/winograd_small_inl.h"
#else
#include "ops/kernels/winograd_whole_inl.h"
#endif

template <int kTaps, bool kTail>
TARN_INLINE void filter_gradient_vector(const T* partials, int64_t point_stride, int64_t groups, int64_t group_stride,
                                        T* dfilter, int64_t tap_stride, int64_t lanes) {
  V half[kTaps][6];
  TARN_UNROLL
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
    step(PowersStep<kTaps>{}, cells, column);
    TARN_UNROLL
    for (int i = 0; i < kTaps; ++i) half[i][j] = column[i];
  }
  TARN_UNROLL
  for (int i = 0; i < kTaps; ++i) {
    V row[kTaps];
    step(PowersStep<kTaps>{}, half[i], row);
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

template <int kTaps>
inline constexpr WinogradKernels<T> kWinogradKernels = {
    .input = transform<InputStep>, .filter = transform<EvaluateStep<kTaps>>, .output = output<7 - kTaps>};
inline constexpr const WinogradKernels<T>& winograd_kernels_of(int64_t filter) {
  return filter == 5 ? kWinogradKernels<5> : kWinogradKernels<3>;
}
template <int kTaps>
inline constexpr WinogradGradientKernels<T> kWinogradGradientKernels = {.gradient = transform<EvaluateStep<7 - kTaps>>,
                                                                        .filter_gradient = filter_gradient<kTaps>};
inline constexpr const WinogradGradientKernels<T>& winograd_gradient_kernels_of(int64_t filter) {
  return filter == 5 ? kWinogradGradientKernels<5> : kWinogradGradientKernels<3>;
}
