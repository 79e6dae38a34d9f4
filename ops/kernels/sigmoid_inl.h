// The bodies behind sigmoid.h; included by foreach_isa.h once per flavour.

// e^-x overflows to infinity for very negative x, and 1 / infinity is the right 0.
TARN_TARGET void sigmoid_range(const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const V one = set1(1);
    store_n(y + i, one / (one + exp(-load_n(x + i, n - i))), n - i);
  }
}

#if TARN_FLAVOR == TARN_FLAVOR_F64
TARN_TARGET void tanh_range(const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = __builtin_tanh(x[i]);
}
#else
// Near 0 an odd polynomial (Cephes' tanhf), elsewhere 1 - 2 / (e^2|x| + 1).
TARN_INLINE V tanh_of(V x) {
  constexpr I kSign = INT32_MIN;
  const VI sign = (VI)x & kSign;
  const V magnitude = (V)((VI)x & ~kSign), square = x * x;
  V odd = fma(square, set1(-5.70498872745e-3f), set1(2.06390887954e-2f));
  odd = fma(square, odd, set1(-5.37397155531e-2f));
  odd = fma(square, odd, set1(1.33314422036e-1f));
  odd = fma(square, odd, set1(-3.33332819422e-1f));
  const V near = fma(magnitude * square, odd, magnitude);
  const V far = set1(1) - set1(2) / (exp(magnitude + magnitude) + set1(1));
  return (V)((VI)(magnitude < set1(0.625f) ? near : far) | sign);
}

TARN_TARGET void tanh_range(const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) store_n(y + i, tanh_of(load_n(x + i, n - i)), n - i);
}
#endif
