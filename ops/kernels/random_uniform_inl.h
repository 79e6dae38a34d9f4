// The bodies behind random_uniform.h; included by foreach_isa.h once per flavour. A 64-bit lane works on one block,
// with each word of its state in the low half of a vector: that is what the wide multiply reads.

#if TARN_FLAVOR != TARN_FLAVOR_F64

typedef uint64_t VW __attribute__((vector_size(sizeof(V))));
inline constexpr int kLanes = sizeof(V) / sizeof(uint64_t);
inline constexpr int kVectors = 2;  // at once: one round's multiplies wait for the last round's
inline constexpr int kStepFloats = 4 * kLanes * kVectors;
inline constexpr uint64_t kLowHalf = 0xFFFFFFFF;

// The products of the lanes' low halves.
TARN_INLINE VW multiply_low(VW a, VW b) {
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
  return (VW)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
  return (VW)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (VW)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & kLowHalf) * (b & kLowHalf);
#endif
}

// a and b lane by lane: a0 b0 a1 b1 …, the first and the second half.
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
TARN_INLINE VW interleave_first(VW a, VW b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
TARN_INLINE VW interleave_second(VW a, VW b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
TARN_INLINE VW interleave_first(VW a, VW b) {
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
}
TARN_INLINE VW interleave_second(VW a, VW b) {
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
}
#else
TARN_INLINE VW interleave_first(VW a, VW b) {
  return __builtin_shufflevector(a, b, 0, 2);
}
TARN_INLINE VW interleave_second(VW a, VW b) {
  return __builtin_shufflevector(a, b, 1, 3);
}
#endif

TARN_INLINE V to_uniform(VW words) {
  const VI bits = ((VI)words & 0x7FFFFF) | 0x3F800000;
  return (V)bits - set1(1.0f);
}

// The blocks of counters low, low + 1, …; low does not wrap.
TARN_INLINE void uniform_step(uint32_t key0, uint32_t key1, uint64_t low, uint64_t high, float* out) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;  // of the paper, as the Weyl steps below
  VW lanes;
  TARN_UNROLL
  for (int i = 0; i < kLanes; ++i) lanes[i] = static_cast<uint64_t>(i);
  VW c[kVectors][4];
  TARN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const VW counter = lanes + (low + static_cast<uint64_t>(v * kLanes));
    c[v][0] = counter;
    c[v][1] = counter >> 32;
    c[v][2] = VW{} + (high & kLowHalf);
    c[v][3] = VW{} + (high >> 32);
  }
  // The high halves fill with what the low ones do not need.
  for (int round = 0; round < 10; ++round) {
    TARN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const VW p0 = multiply_low(c[v][0], VW{} + kMultiplier0), p1 = multiply_low(c[v][2], VW{} + kMultiplier1);
      c[v][0] = (p1 >> 32) ^ c[v][1] ^ uint64_t { key0 };
      c[v][1] = p1;
      c[v][2] = (p0 >> 32) ^ c[v][3] ^ uint64_t { key1 };
      c[v][3] = p0;
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  TARN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const VW first = (c[v][0] & kLowHalf) | c[v][1] << 32, second = (c[v][2] & kLowHalf) | c[v][3] << 32;
    store(out, to_uniform(interleave_first(first, second)));
    store(out + kWidth, to_uniform(interleave_second(first, second)));
    out += 2 * kWidth;
  }
}

TARN_TARGET void uniform_floats(uint32_t key0, uint32_t key1, uint64_t low, uint64_t high, int64_t count, float* out) {
  for (; count >= kStepFloats; count -= kStepFloats) {
    uniform_step(key0, key1, low, high, out);
    low += kStepFloats / 4;
    out += kStepFloats;
  }
  if (count == 0) return;
  float rest[kStepFloats];
  uniform_step(key0, key1, low, high, rest);  // lanes beyond the last block may wrap: they are not copied
  __builtin_memcpy(out, rest, static_cast<uint64_t>(count) * sizeof(float));
}

#endif
