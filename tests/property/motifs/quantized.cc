// Quantized values.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// Quantized there and back, and as training for it writes.
bool draw_quantized(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto is_f32 = [](const GrownValue& v) { return v.tensor.dtype() == DType::kFloat; };
  std::optional<size_t> value = piece.find(is_f32);
  if (!value) return false;
  std::string x = piece.import(*value), low = lines.scalar(DType::kFloat, -2), high = lines.scalar(DType::kFloat, 2.5);
  switch (random.below(3)) {
    case 0: lines("FakeQuantWithMinMaxVars(", x, ", ", low, ", ", high, ")"); break;
    case 1: lines("FakeQuantWithMinMaxArgs(", x, ") {min=-1, max=3}"); break;
    default: {
      std::string mode = random.pick({"MIN_COMBINED", "MIN_FIRST"});
      std::string q = lines("QuantizeV2(", x, ", ", low, ", ", high, ") {T=", random.pick({"qu8", "qi8"}), ", mode=\"",
                            mode, "\"}");
      lines("Dequantize(", q, ", ", q, ":1, ", q, ":2) {mode=\"", mode, "\"}");
    }
  }
  return true;
}

// A product in 8 bits whose range is measured: what quantize_nodes writes, and TensorFlow's.
bool draw_measured_range(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto is_matrix = [](const GrownValue& v) {
    return v.tensor.dtype() == DType::kFloat && v.tensor.shape().rank() == 2 && v.tensor.element_count() > 0;
  };
  std::optional<size_t> value = piece.find(is_matrix);
  std::string x =
      value ? piece.import(*value) : piece.placeholder("x", random_value(DType::kFloat, Shape{2, 3}, random));
  int64_t in = value ? piece.value_of(*value).shape().dim(1) : 3;
  std::string low = lines.scalar(DType::kFloat, -2), high = lines.scalar(DType::kFloat, 2.5);
  std::string w = piece.weights("w", DType::kFloat, Shape{in, 1 + random.below(3)});
  auto codes = [&](const std::string& of) {
    return lines("QuantizeV2(", of, ", ", low, ", ", high, ") {T=qu8, mode=\"MIN_FIRST\"}");
  };
  std::string a = codes(x), b = codes(w);
  std::string wide = lines("QuantizedMatMul(", a, ", ", b, ", ", a, ":1, ", a, ":2, ", b, ":1, ", b, ":2)");
  std::string range = lines("RequantizationRange(", wide, ", ", wide, ":1, ", wide, ":2)");
  std::string narrow = lines("Requantize(", wide, ", ", wide, ":1, ", wide, ":2, ", low, ", ",
                             random.chance(0.5) ? high : range + ":1", ") {out_type=qu8}");
  lines("Dequantize(", narrow, ", ", narrow, ":1, ", narrow, ":2) {mode=\"MIN_FIRST\"}");
  return true;
}

constexpr Motif kMotifs[] = {
    {"quantized", 0.5, draw_quantized},
    {"measured_range", 0.3, draw_measured_range},
};

}  // namespace

extern const MotifFile motifs_quantized;
const MotifFile motifs_quantized = {kMotifs};

}  // namespace tarn::testing
