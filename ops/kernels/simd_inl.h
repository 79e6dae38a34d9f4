// The vector vocabulary of one flavour: T, V (a vector of kWidth T), VI (the integers of the same size), and the few
// operations that the compiler's vector extensions (+ - * / < == ?: and casts) do not spell. Included by foreach_isa.h,
// once per flavour. min and max return `b` where either is NaN, as SSE does: max(zero(), x) passes NaN through.

#if TARN_FLAVOR == TARN_FLAVOR_F64
using T = double;
using I = int64_t;
inline constexpr int kWidth = 2;
#else
using T = float;
using I = int32_t;
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
inline constexpr int kWidth = 16;
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
inline constexpr int kWidth = 8;
#else
inline constexpr int kWidth = 4;
#endif
#endif

typedef T V __attribute__((vector_size(sizeof(T) * kWidth)));
typedef I VI __attribute__((vector_size(sizeof(T) * kWidth)));

TARN_INLINE V zero() {
  return V{};
}
TARN_INLINE V set1(T x) {
  return x - V{};
}
TARN_INLINE V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
TARN_INLINE void store(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

#if TARN_FLAVOR == TARN_FLAVOR_AVX512

TARN_INLINE V fma(V a, V b, V c) {
  return _mm512_fmadd_ps(a, b, c);
}
// The unmasked intrinsics read an undefined vector, which GCC 12 warns about; a full mask compiles to the same.
inline constexpr __mmask16 kAllLanes = 0xffff;
TARN_INLINE V min(V a, V b) {
  return _mm512_maskz_min_ps(kAllLanes, a, b);
}
TARN_INLINE V max(V a, V b) {
  return _mm512_maskz_max_ps(kAllLanes, a, b);
}
TARN_INLINE V sqrt(V a) {
  return _mm512_maskz_sqrt_ps(kAllLanes, a);
}
// Lanes 0 … n-1; the others read as zero. 0 <= n <= kWidth.
TARN_INLINE V load_partial(const T* p, int64_t n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
}
TARN_INLINE void store_partial(T* p, V v, int64_t n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
}

#elif TARN_FLAVOR == TARN_FLAVOR_AVX2

TARN_INLINE V fma(V a, V b, V c) {
  return _mm256_fmadd_ps(a, b, c);
}
TARN_INLINE V min(V a, V b) {
  return _mm256_min_ps(a, b);
}
TARN_INLINE V max(V a, V b) {
  return _mm256_max_ps(a, b);
}
TARN_INLINE V sqrt(V a) {
  return _mm256_sqrt_ps(a);
}
static constexpr int32_t kLaneMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
TARN_INLINE __m256i lane_mask(int64_t n) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMasks + kWidth - n));
}
TARN_INLINE V load_partial(const T* p, int64_t n) {
  return _mm256_maskload_ps(p, lane_mask(n));
}
TARN_INLINE void store_partial(T* p, V v, int64_t n) {
  _mm256_maskstore_ps(p, lane_mask(n), v);
}

#else

#if TARN_FLAVOR == TARN_FLAVOR_PORTABLE && defined(__aarch64__)
TARN_INLINE V fma(V a, V b, V c) {
  return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
TARN_INLINE V fma(V a, V b, V c) {
  return a * b + c;
}
#endif
TARN_INLINE V min(V a, V b) {
  return a < b ? a : b;
}
TARN_INLINE V max(V a, V b) {
  return a > b ? a : b;
}
TARN_INLINE V sqrt(V a) {
  for (int lane = 0; lane < kWidth; ++lane) {
    if constexpr (sizeof(T) == sizeof(float)) {
      a[lane] = __builtin_sqrtf(a[lane]);
    } else {
      a[lane] = __builtin_sqrt(a[lane]);
    }
  }
  return a;
}
TARN_INLINE V load_partial(const T* p, int64_t n) {
  V v{};
  for (int lane = 0; lane < kWidth; ++lane) {
    if (lane < n) v[lane] = p[lane];
  }
  return v;
}
TARN_INLINE void store_partial(T* p, V v, int64_t n) {
  for (int lane = 0; lane < kWidth; ++lane) {
    if (lane < n) p[lane] = v[lane];
  }
}

#endif

// A whole vector, or the last lanes of a row when n < kWidth.
TARN_INLINE V load_n(const T* p, int64_t n) {
  return n >= kWidth ? load(p) : load_partial(p, n);
}
TARN_INLINE void store_n(T* p, V v, int64_t n) {
  n >= kWidth ? store(p, v) : store_partial(p, v, n);
}

// Lanes 0 … n-1 of v, `fill` in the others.
TARN_INLINE V fill_beyond(V v, int64_t n, T fill) {
  VI lane;
  TARN_UNROLL
  for (int i = 0; i < kWidth; ++i) lane[i] = i;
  return lane < static_cast<I>(n) ? v : set1(fill);
}

// Upper half onto lower half until one lane is left: always the same order. reduce_max is NaN if a lane is.
#if TARN_FLAVOR == TARN_FLAVOR_AVX512 || TARN_FLAVOR == TARN_FLAVOR_AVX2

#if TARN_FLAVOR == TARN_FLAVOR_AVX512
TARN_INLINE __m256 lower_half(V v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
}
TARN_INLINE __m256 upper_half(V v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}
TARN_INLINE bool any_nan(V v) {
  return _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q) != 0;
}
TARN_INLINE __m128 fold_add(V v) {
  const __m256 half = _mm256_add_ps(lower_half(v), upper_half(v));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
TARN_INLINE __m128 fold_max(V v) {
  const __m256 half = _mm256_max_ps(lower_half(v), upper_half(v));
  return _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
#else
TARN_INLINE bool any_nan(V v) {
  return _mm256_movemask_ps(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)) != 0;
}
TARN_INLINE __m128 fold_add(V v) {
  return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}
TARN_INLINE __m128 fold_max(V v) {
  return _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}
#endif

TARN_INLINE T reduce_add(V v) {
  __m128 lanes = fold_add(v);
  lanes = _mm_add_ps(lanes, _mm_movehl_ps(lanes, lanes));
  return _mm_cvtss_f32(_mm_add_ss(lanes, _mm_movehdup_ps(lanes)));
}
TARN_INLINE T reduce_max(V v) {
  if (any_nan(v)) return __builtin_nanf("");
  __m128 lanes = fold_max(v);
  lanes = _mm_max_ps(lanes, _mm_movehl_ps(lanes, lanes));
  return _mm_cvtss_f32(_mm_max_ss(lanes, _mm_movehdup_ps(lanes)));
}

#else

TARN_INLINE T reduce_add(V v) {
  T lanes[kWidth];
  store(lanes, v);
  for (int half = kWidth / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}
TARN_INLINE T reduce_max(V v) {
  T largest = v[0];
  for (int i = 1; i < kWidth; ++i) largest = ((v[i] > largest) | (v[i] != v[i])) ? v[i] : largest;
  return largest;
}

#endif

#include "ops/kernels/math_inl.h"
