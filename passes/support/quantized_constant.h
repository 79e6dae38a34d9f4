// Float constants in 8 bits, as TensorFlow's quantize_weights makes them: codes in which 0 has one of its own, and the
// range that they stand for.
//
//   std::optional<QuantizedConstant> q = quantized_constant(weights);
//   QuantizedWires codes = add_quantized(patch, "w", *q, {});   // w_quantized_const, w_quantized_min, w_quantized_max
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graph/patch.h"

namespace tarn {

struct QuantizedConstant {
  Tensor codes;  // quint8
  float min = 0, max = 0;
};

// min = min(w, 0), max = max(w, 0), max = min + 1 if equal;  s = (max - min) / 255
// q = clamp(round((w - m) / s), 0, 255),  m = round(min / s) * s: Dequantize (MIN_FIRST) gives q * s + m. In float32 as
// there: where min / s is about a half, which way it rounds counts.   Source: TensorFlow tools/graph_transforms
// quantize_weights, quantization_utils.
// nullopt: of values that are not all finite, or closer together than float32 tells.
std::optional<QuantizedConstant> quantized_constant(const Tensor& weights);

struct QuantizedWires {
  Wire values, min, max;
};
// Three Consts called after the constant `name`, which wait for `controls`.
QuantizedWires add_quantized(Patch& patch, std::string_view name, const QuantizedConstant& constant,
                             const std::vector<NodeId>& controls);

}  // namespace tarn
