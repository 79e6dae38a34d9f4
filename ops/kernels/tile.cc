#include "ops/kernels/tile.h"

#define TARN_KERNEL_FILE "ops/kernels/tile_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

template <>
const TileKernels<float>& tile_kernels<float>([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return avx512::kTileKernels;
  if (isa == Isa::kAvx2) return avx2::kTileKernels;
#endif
  return portable::kTileKernels;
}

template <>
const TileKernels<double>& tile_kernels<double>(Isa) {
  return f64::kTileKernels;
}

}  // namespace tarn::kernels
