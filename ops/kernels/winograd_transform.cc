#include "ops/kernels/winograd_transform.h"

#define TARN_KERNEL_FILE "ops/kernels/winograd_transform_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

template <>
const WinogradKernels<float>& winograd_kernels<float>([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::kWinogradKernels;
  if (isa == Isa::kAvx2) return avx2::kWinogradKernels;
#endif
  return portable::kWinogradKernels;
}

template <>
const WinogradKernels<double>& winograd_kernels<double>(Isa) {
  return f64::kWinogradKernels;
}

}  // namespace tarn::kernels
