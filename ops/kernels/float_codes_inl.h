// The body behind float_codes.h; included by foreach_isa.h once per flavour.

#if TARN_FLAVOR != TARN_FLAVOR_F64

TARN_TARGET void float_codes(const float* x, int64_t n, float low, float scale, uint8_t* codes) {
  typedef uint8_t Codes __attribute__((vector_size(kWidth)));
  const V rounder = set1(3 << 22);  // where a float's last bit is worth 1, adding rounds
  for (int64_t i = 0; i < n; i += kWidth) {
    const V steps = (load_n(x + i, n - i) - low) * scale;
    const V whole = (min(max(steps, zero()), set1(255)) + rounder) - rounder;
    const Codes block = __builtin_convertvector(__builtin_convertvector(whole, VI), Codes);
    if (n - i >= kWidth) {
      __builtin_memcpy(codes + i, &block, kWidth);
    } else {
      for (int64_t k = 0; k < n - i; ++k) codes[i + k] = block[k];
    }
  }
}

#endif
