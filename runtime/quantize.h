// How an engine computes with weights: in float, equal to TensorFlow, or in 8 bits (docs/quantization.md).
//
//   engine = Engine::load_file("model.pb", {.quantize = Quantize::kDynamic8});     // whatever the file says
//   optimize_for_mobile --quantize=dynamic8 …                                      // the file says it: kAsStored
#pragma once

#include <cstdint>
#include <string_view>

#include "core/status.h"

namespace tarn {

enum class Quantize : uint8_t {
  kAsStored,  // as the model's file asks (metadata "quantize"), kNone if it does not
  kNone,      // floats, also behind weights in 8 bits
  kDynamic8,  // MatMul and Conv2D with constant weights: inputs become 8-bit codes as they come
};

// What metadata and flags call kDynamic8.
inline constexpr std::string_view kDynamic8Name = "dynamic8";

// Whether an engine asked for `quantize` computes a model with this model_info in 8 bits. Unimplemented: it was built
// without, and the app asks for it; a model's wish is then none.
Result<bool> wants_dynamic8(Quantize quantize, std::string_view model_info);

}  // namespace tarn
