// Made-up values for a tensor: the same for a seed on every machine, so that an expected output can be stored with a
// model and the input that gave it need not be.
//
//   Result<Tensor> image = sample_tensor(DType::kFloat, Shape{1, 224, 224, 3}, 1);
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace tarn {

// Floats uniform in [0, 1), integers 0 or 1, uint8 any, everything else zeros: false, "". Errors as Tensor::allocate.
Result<Tensor> sample_tensor(DType dtype, const Shape& shape, uint64_t seed);

}  // namespace tarn
