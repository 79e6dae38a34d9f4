// Floats to 8-bit codes:  code = clamp((x - min) * scale, 0, 255), rounded half to even; NaN is 0.
//
//   float_codes(x, n, range_min, 255 / (range_max - range_min), codes);
#pragma once

#include <cstdint>

#include "ops/kernels/isa.h"

namespace tarn::kernels {

void float_codes(const float* x, int64_t n, float min, float scale, uint8_t* codes, Isa isa = best_isa());

}  // namespace tarn::kernels
