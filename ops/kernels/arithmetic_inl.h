// The bodies behind arithmetic.h; included by foreach_isa.h once per flavour.

#if TARN_FLAVOR != TARN_FLAVOR_F64

template <Arithmetic kOp>
TARN_INLINE V combined(V a, V b) {
  if constexpr (kOp == Arithmetic::kAdd) return a + b;
  if constexpr (kOp == Arithmetic::kSubtract) return a - b;
  if constexpr (kOp == Arithmetic::kMultiply) return a * b;
  if constexpr (kOp == Arithmetic::kDivide) return a / b;
  if constexpr (kOp == Arithmetic::kMaximum) return a == a ? max(a, b) : a;
  if constexpr (kOp == Arithmetic::kMinimum) return a == a ? min(a, b) : a;
  const V difference = a - b;
  return difference * difference;
}

template <Arithmetic kOp>
TARN_TARGET void combine(const T* a, int64_t a_step, const T* b, int64_t b_step, T* y, int64_t n) {
  if (a_step == 1 && b_step == 1) {
    for (int64_t i = 0; i < n; i += kWidth)
      store_n(y + i, combined<kOp>(load_n(a + i, n - i), load_n(b + i, n - i)), n - i);
  } else if (a_step == 1 && b_step == 0) {
    const V one = set1(*b);
    for (int64_t i = 0; i < n; i += kWidth) store_n(y + i, combined<kOp>(load_n(a + i, n - i), one), n - i);
  } else if (a_step == 0 && b_step == 1) {
    const V one = set1(*a);
    for (int64_t i = 0; i < n; i += kWidth) store_n(y + i, combined<kOp>(one, load_n(b + i, n - i)), n - i);
  } else {
    for (int64_t i = 0; i < n; ++i) store_partial(y + i, combined<kOp>(set1(a[i * a_step]), set1(b[i * b_step])), 1);
  }
}

#endif
