#include "ops/kernels/winograd_transform.h"

#include "ops/kernels/winograd_points.h"

#define TARN_KERNEL_FILE "ops/kernels/winograd_transform_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

template <>
WinogradKernels<float> winograd_kernels<float>([[maybe_unused]] Isa isa, int64_t block, int64_t filter,
                                               bool both_ways) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::winograd_kernels_of(block, filter, both_ways);
  if (isa == Isa::kAvx2) return avx2::winograd_kernels_of(block, filter, both_ways);
#endif
  return portable::winograd_kernels_of(block, filter, both_ways);
}

template <>
WinogradKernels<double> winograd_kernels<double>(Isa, int64_t block, int64_t filter, bool both_ways) {
  return f64::winograd_kernels_of(block, filter, both_ways);
}

template <>
const WinogradGradientKernels<float>& winograd_gradient_kernels<float>([[maybe_unused]] Isa isa, int64_t filter) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::winograd_gradient_kernels_of(filter);
  if (isa == Isa::kAvx2) return avx2::winograd_gradient_kernels_of(filter);
#endif
  return portable::winograd_gradient_kernels_of(filter);
}

template <>
const WinogradGradientKernels<double>& winograd_gradient_kernels<double>(Isa, int64_t filter) {
  return f64::winograd_gradient_kernels_of(filter);
}

}  // namespace tarn::kernels
