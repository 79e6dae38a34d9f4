#include "passes/support/quantized_constant.h"

#include <algorithm>
#include <cmath>

namespace tarn {

std::optional<QuantizedConstant> quantized_constant(const Tensor& weights) {
  constexpr float kMostLevel = 255;
  std::span<const float> w = weights.flat<float>();
  float low = 0, high = 0;
  for (float v : w) {
    if (!std::isfinite(v)) return std::nullopt;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  if (low == high) high = low + 1;
  Result<Tensor> bytes = Tensor::allocate(DType::kQUInt8, weights.shape());
  if (!bytes.ok()) return std::nullopt;
  auto* q = static_cast<uint8_t*>(bytes->mutable_data());
  // As TensorFlow's Dequantize computes them (QuantizedToFloatStruct).
  float scale = (high - low) / kMostLevel;
  float offset = std::round(low / scale) * scale;
  if (!std::isfinite(scale) || scale == 0 || !std::isfinite(offset)) return std::nullopt;
  for (size_t i = 0; i < w.size(); ++i) {
    q[i] = static_cast<uint8_t>(
        std::clamp(std::round((static_cast<double>(w[i]) - offset) / scale), 0.0, double{kMostLevel}));
  }
  return QuantizedConstant{*std::move(bytes), low, high};
}

QuantizedWires add_quantized(Patch& patch, std::string_view name, const QuantizedConstant& constant,
                             const std::vector<NodeId>& controls) {
  auto add = [&](std::string_view suffix, const Tensor& value) {
    return patch.add({.name = str_cat(name, suffix),
                      .op = "Const",
                      .attrs = {{"value", value}, {"dtype", value.dtype()}},
                      .controls = controls});
  };
  return {.values = add("_quantized_const", constant.codes),
          .min = add("_quantized_min", Tensor::scalar<float>(constant.min)),
          .max = add("_quantized_max", Tensor::scalar<float>(constant.max))};
}

}  // namespace tarn
