// The bodies behind dot8.h; included by foreach_isa.h once per flavour, and by dot8.cc for flavours of its own, which
// say which instruction multiplies bytes: TARN_DOT8_VNNI or TARN_DOT8_NEON.

#if TARN_FLAVOR != TARN_FLAVOR_F64

#include "ops/kernels/multiply_pairs_inl.h"

// Quad: four codes of a row, for all columns. Weights: four weights of each column of a vector.
#if defined(TARN_DOT8_VNNI)

using Code = uint8_t;
inline constexpr int32_t kCodeShift = 0;
inline constexpr bool kPairs = false;
typedef __m512i Quad;
typedef __m512i Weights;

TARN_INLINE Quad load_quad(const char* codes) {
  int32_t quad;
  __builtin_memcpy(&quad, codes, sizeof(quad));
  return _mm512_set1_epi32(quad);
}
TARN_INLINE Weights load_weights(const int8_t* b) {
  return _mm512_loadu_si512(b);
}
TARN_INLINE VU multiply_add(VU sums, Quad quad, Weights weights) {
  return (VU)_mm512_dpbusd_epi32((__m512i)sums, quad, weights);
}

#elif defined(TARN_DOT8_NEON)

// Both operands of the instruction are signed: codes lie 128 lower.
using Code = int8_t;
inline constexpr int32_t kCodeShift = 128;
inline constexpr bool kPairs = false;
typedef int8x16_t Quad;
typedef int8x16_t Weights;

TARN_INLINE Quad load_quad(const char* codes) {
  int32_t quad;
  __builtin_memcpy(&quad, codes, sizeof(quad));
  return vreinterpretq_s8_s32(vdupq_n_s32(quad));
}
TARN_INLINE Weights load_weights(const int8_t* b) {
  return vld1q_s8(b);
}
TARN_INLINE VU multiply_add(VU sums, Quad quad, Weights weights) {
  return (VU)vdotq_s32((int32x4_t)sums, quad, weights);
}

#else

// A lane has two of a column's four products: as many lanes as columns twice over.
using Code = int16_t;
inline constexpr int32_t kCodeShift = 0;
inline constexpr bool kPairs = true;
typedef VU Quad;
typedef VU Weights;

TARN_INLINE Quad load_quad(const char* codes) {
  typedef int64_t Quads __attribute__((vector_size(4 * kWidth)));
  int64_t quad;
  __builtin_memcpy(&quad, codes, sizeof(quad));
  return (VU)(quad - Quads{});
}
TARN_INLINE Weights load_weights(const int8_t* b) {
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
  return (VU)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)b));
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
  return (VU)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)b));
#elif defined(__x86_64__)
  const __m128i bytes = _mm_loadl_epi64((const __m128i*)b);
  return (VU)_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
#else
  typedef int8_t Bytes __attribute__((vector_size(2 * kWidth)));
  typedef int16_t Halves __attribute__((vector_size(4 * kWidth)));
  Bytes bytes;
  __builtin_memcpy(&bytes, b, sizeof(bytes));
  return (VU) __builtin_convertvector(bytes, Halves);
#endif
}
TARN_INLINE VU multiply_add(VU sums, Quad quad, Weights weights) {
  return sums + multiply_pairs(quad, weights);
}

#endif

#if defined(TARN_DOT8_VNNI)
inline constexpr int kTileRows = 14;  // 28 sums + 2 of weights + 1 quad of 32 registers
#elif TARN_FLAVOR == TARN_FLAVOR_AVX512
inline constexpr int kTileRows = 12;  // 24 + 2 + 1 + a product
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
inline constexpr int kTileRows = 6;  // 12 + 2 + 1 + a product of 16
#elif defined(__aarch64__)
inline constexpr int kTileRows = 8;
#else
inline constexpr int kTileRows = 4;
#endif
inline constexpr int kColumns = kPairs ? kWidth / 2 : kWidth;  // of one vector of sums
inline constexpr int kPanelWidth = 2 * kColumns;

// The columns' sums, kWidth of them, of vectors that have each in one lane or in two beside each other.
TARN_INLINE VU columns_of(VU sums, VU next) {
  if constexpr (!kPairs) return sums;
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
  return __builtin_shufflevector(sums, next, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(sums, next, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
  return __builtin_shufflevector(sums, next, 0, 2, 4, 6, 8, 10, 12, 14) +
         __builtin_shufflevector(sums, next, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  return __builtin_shufflevector(sums, next, 0, 2, 4, 6) + __builtin_shufflevector(sums, next, 1, 3, 5, 7);
#endif
}

// What becomes of the sums of `columns` columns, at most kWidth: vector v of the panel.
struct Finish {
  V scales, bias;
  VU weight_sums;
  V factors;        // scales of input and weights
  VU zeros;         // what the input's zero adds to the sums
  int64_t columns;  // in this vector
};

TARN_INLINE void take_range(Finish& finish, const Range8& range) {
  finish.factors = finish.scales * set1(range.scale);
  finish.zeros = finish.weight_sums * (uint32_t)(range.zero - kCodeShift);
}

template <int kRows, int kVectors>
TARN_INLINE void finish_tile(const Dot8Tile& tile, VU (&sums)[kRows][kVectors]) {
  constexpr int kOut = kPairs ? 1 : kVectors;
  Finish finish[kOut];
  TARN_UNROLL
  for (int v = 0; v < kOut; ++v) {
    const int64_t left = tile.columns - v * kWidth;
    finish[v].columns = left < kWidth ? left : kWidth;
    finish[v].scales = load(tile.weight_scales + v * kWidth);
    __builtin_memcpy(&finish[v].weight_sums, tile.weight_sums + v * kWidth, sizeof(VU));
    finish[v].bias = tile.bias == nullptr ? zero() : load_n(tile.bias + v * kWidth, finish[v].columns);
    take_range(finish[v], tile.ranges[0]);
  }
  const V ceiling = set1(tile.activation == Activation::kRelu6 ? 6.0f : __builtin_inff());
  float* c = tile.c;
  const float* residual = tile.residual;
  TARN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    TARN_UNROLL
    for (int v = 0; v < kOut; ++v) {
      if (tile.range_step != 0) take_range(finish[v], tile.ranges[i * tile.range_step]);
      const VU exact = columns_of(sums[i][v], sums[i][kVectors - 1]) - finish[v].zeros;
      V y = __builtin_convertvector((VI)exact, V) * finish[v].factors;
      if (tile.bias != nullptr) y = y + finish[v].bias;
      if (residual != nullptr) y = y + load_n(residual + v * kWidth, finish[v].columns);
      if (tile.activation != Activation::kNone) y = min(ceiling, max(zero(), y));
      store_n(c + v * kWidth, y, finish[v].columns);
    }
    c += tile.ldc;
    if (residual != nullptr) residual += tile.ldc;
  }
}

// Rows are addressed from every third one, as those of floats (tile_inl.h). One row alone has sums for every other
// quad, so that a product need not wait for the one before.
template <int kRows, int kVectors>
TARN_TARGET void dot8_tile(const Dot8Tile& tile) {
  constexpr int kBases = (kRows + 2) / 3;
  constexpr int kQuadBytes = 4 * int{sizeof(Code)};
  constexpr int kWeightBytes = kVectors * kColumns * 4;
  constexpr int kChains = kRows == 1 ? 4 : 1;
  VU sums[kChains][kRows][kVectors] = {};
  const int8_t* b = tile.b;
  const int64_t stride = tile.a_stride;
  for (int64_t run = 0; run < tile.runs; ++run) {
    const char* base[kBases];
    TARN_UNROLL
    for (int j = 0; j < kBases; ++j) base[j] = tile.a + tile.offsets[run] + 3 * j * stride;
    int64_t quads = tile.quads;
    for (; quads >= kChains; quads -= kChains) {
      TARN_UNROLL
      for (int chain = 0; chain < kChains; ++chain) {
        Weights weights[kVectors];
        TARN_UNROLL
        for (int v = 0; v < kVectors; ++v) weights[v] = load_weights(b + chain * kWeightBytes + v * 4 * kColumns);
        TARN_UNROLL
        for (int i = 0; i < kRows; ++i) {
          const Quad quad = load_quad(base[i / 3] + (i % 3) * stride + chain * kQuadBytes);
          TARN_UNROLL
          for (int v = 0; v < kVectors; ++v) sums[chain][i][v] = multiply_add(sums[chain][i][v], quad, weights[v]);
        }
      }
      b += kChains * kWeightBytes;
      TARN_UNROLL
      for (int j = 0; j < kBases; ++j) base[j] += kChains * kQuadBytes;
    }
    if constexpr (kChains > 1) {
      for (; quads > 0; --quads) {
        const Quad quad = load_quad(base[0]);
        TARN_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          sums[0][0][v] = multiply_add(sums[0][0][v], quad, load_weights(b + v * 4 * kColumns));
        }
        b += kWeightBytes;
        base[0] += kQuadBytes;
      }
    }
  }
  TARN_UNROLL
  for (int chain = 1; chain < kChains; ++chain) {
    TARN_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[0][0][v] += sums[chain][0][v];
  }
  if constexpr (kPairs && kVectors == 1) {  // the columns of one vector of sums are half a vector
    VU both[kRows][2];
    TARN_UNROLL
    for (int i = 0; i < kRows; ++i) both[i][0] = both[i][1] = sums[0][i][0];
    finish_tile<kRows, 2>(tile, both);
  } else {
    finish_tile<kRows, kVectors>(tile, sums[0]);
  }
}

// A build for size has bodies for a few numbers of rows, and makes the others of them (see tile_inl.h).
template <int kRows, int kVectors>
TARN_TARGET void dot8_tiles(const Dot8Tile& tile) {
#ifdef __OPTIMIZE_SIZE__
  constexpr int kBody = kRows >= kTileRows ? kTileRows : kRows >= 3 ? 3 : 1;
#else
  constexpr int kBody = kRows;
#endif
  dot8_tile<kBody, kVectors>(tile);
  if constexpr (kBody < kRows) {
    Dot8Tile rest = tile;
    rest.a += kBody * tile.a_stride;
    rest.c += kBody * tile.ldc;
    if (tile.residual != nullptr) rest.residual += kBody * tile.ldc;
    rest.ranges += kBody * tile.range_step;
    dot8_tiles<kRows - kBody, kVectors>(rest);
  }
}

// Four vectors at a time, so that none waits for the one before. What is not finite times 0 is NaN.
TARN_TARGET Extent8 measure(const float* x, int64_t n) {
  constexpr int kChains = 4;
  V low[kChains] = {}, high[kChains] = {}, check[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kWidth <= n; i += kChains * kWidth) {
    TARN_UNROLL
    for (int chain = 0; chain < kChains; ++chain) {
      const V v = load(x + i + chain * kWidth);
      low[chain] = min(low[chain], v);
      high[chain] = max(high[chain], v);
      check[chain] = check[chain] + v * zero();
    }
  }
  for (; i < n; i += kWidth) {
    const V v = load_n(x + i, n - i);
    low[0] = min(low[0], v);
    high[0] = max(high[0], v);
    check[0] = check[0] + v * zero();
  }
  Extent8 extent;
  for (int chain = 0; chain < kChains; ++chain) {
    for (int lane = 0; lane < kWidth; ++lane) {
      extent.low = low[chain][lane] < extent.low ? low[chain][lane] : extent.low;
      extent.high = high[chain][lane] > extent.high ? high[chain][lane] : extent.high;
      extent.check += check[chain][lane];
    }
  }
  return extent;
}

// Halves to the even one, as everywhere. What is not finite gives any number.
TARN_INLINE VI to_nearest(V v) {
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
  return (VI)_mm512_maskz_cvtps_epi32(kAllLanes, v);
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
  return (VI)_mm256_cvtps_epi32(v);
#elif defined(__x86_64__)
  return (VI)_mm_cvtps_epi32(v);
#elif defined(__aarch64__)
  return (VI)vcvtnq_s32_f32((float32x4_t)v);
#else
  constexpr float kBig = 0x1.8p23f;  // beside it a float has no fraction
  const V rounded = v + set1(kBig);
  VI bits, big;
  const V bigs = set1(kBig);
  __builtin_memcpy(&bits, &rounded, sizeof(bits));
  __builtin_memcpy(&big, &bigs, sizeof(big));
  return (VI)((VU)bits - (VU)big);
#endif
}

TARN_TARGET void quantize(const float* x, int64_t n, float inverse, int32_t zero_code, void* codes) {
  typedef Code Codes __attribute__((vector_size(sizeof(Code) * kWidth)));
  Code* to = static_cast<Code*>(codes);
  const VU zeros = (uint32_t)zero_code - VU{};
  const VI lowest = VI{}, highest = 255 - VI{};
  for (int64_t i = 0; i < n; i += kWidth) {
    VI code = (VI)((VU)to_nearest(load_n(x + i, n - i) * set1(inverse)) + zeros);
    code = code < lowest ? lowest : code;
    code = code > highest ? highest : code;
    const Codes narrow = __builtin_convertvector(code - kCodeShift, Codes);
    if (n - i >= kWidth) {
      __builtin_memcpy(to + i, &narrow, sizeof(narrow));
    } else {
      __builtin_memcpy(to + i, &narrow, (size_t)(n - i) * sizeof(Code));
    }
  }
}

TARN_TARGET void fill(int32_t zero_code, int64_t n, void* codes) {
  Code* to = static_cast<Code*>(codes);
  for (int64_t i = 0; i < n; ++i) to[i] = (Code)(zero_code - kCodeShift);
}

template <int kRows>
constexpr void fill_tiles(Dot8Kernels& kernels) {
  kernels.tiles[0][kRows - 1] = dot8_tiles<kRows, 2>;
  kernels.tiles[1][kRows - 1] = dot8_tiles<kRows, 1>;
  if constexpr (kRows > 1) fill_tiles<kRows - 1>(kernels);
}

constexpr Dot8Kernels make_dot8_kernels() {
  Dot8Kernels kernels{};
  kernels.tile_rows = kTileRows;
  kernels.panel_width = kPanelWidth;
  kernels.code_bytes = int{sizeof(Code)};
  kernels.measure = measure;
  kernels.quantize = quantize;
  kernels.fill = fill;
  fill_tiles<kTileRows>(kernels);
  return kernels;
}

inline constexpr Dot8Kernels kDot8Kernels = make_dot8_kernels();

#endif
