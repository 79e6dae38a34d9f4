#include "ops/kernels/arithmetic.h"

#define TARN_KERNEL_FILE "ops/kernels/arithmetic_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

template <Arithmetic kOp>
void arithmetic(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y, int64_t n, Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::combine<kOp>(a, a_step, b, b_step, y, n);
  if (isa == Isa::kAvx2) return avx2::combine<kOp>(a, a_step, b, b_step, y, n);
#else
  static_cast<void>(isa);
#endif
  portable::combine<kOp>(a, a_step, b, b_step, y, n);
}

#define TARN_INSTANTIATE(op) \
  template void arithmetic<Arithmetic::op>(const float*, int64_t, const float*, int64_t, float*, int64_t, Isa);
TARN_INSTANTIATE(kAdd)
TARN_INSTANTIATE(kSubtract)
TARN_INSTANTIATE(kMultiply)
TARN_INSTANTIATE(kDivide)
TARN_INSTANTIATE(kMaximum)
TARN_INSTANTIATE(kMinimum)
TARN_INSTANTIATE(kSquaredDifference)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
