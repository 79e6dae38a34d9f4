// multiply_pairs(): the products of 16-bit numbers, added two by two; for code_product_inl.h and dot8_inl.h, which
// include it in their flavour. VU are sums that wrap.

typedef uint32_t VU __attribute__((vector_size(4 * kWidth)));

// Lane i: a[2i] * b[2i] + a[2i + 1] * b[2i + 1], of 16-bit halves.
TARN_INLINE VU multiply_pairs(VU a, VU b) {
#if TARN_FLAVOR == TARN_FLAVOR_AVX512
  return (VU)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif TARN_FLAVOR == TARN_FLAVOR_AVX2
  return (VU)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (VU)_mm_madd_epi16((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
  const int16x8_t terms_a = (int16x8_t)a, terms_b = (int16x8_t)b;
  return (VU)vpaddq_s32(vmull_s16(vget_low_s16(terms_a), vget_low_s16(terms_b)), vmull_high_s16(terms_a, terms_b));
#else
  VU sums;
  for (int lane = 0; lane < kWidth; ++lane) {
    const uint32_t low = (uint32_t)((int32_t)(int16_t)a[lane] * (int16_t)b[lane]);
    const uint32_t high = (uint32_t)((int32_t)(int16_t)(a[lane] >> 16) * (int16_t)(b[lane] >> 16));
    sums[lane] = low + high;
  }
  return sums;
#endif
}
