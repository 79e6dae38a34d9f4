#include "ops/kernels/float_codes.h"

#define TARN_KERNEL_FILE "ops/kernels/float_codes_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

void float_codes(const float* x, int64_t n, float min, float scale, uint8_t* codes, [[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::float_codes(x, n, min, scale, codes);
  if (isa == Isa::kAvx2) return avx2::float_codes(x, n, min, scale, codes);
#endif
  portable::float_codes(x, n, min, scale, codes);
}

}  // namespace tarn::kernels
