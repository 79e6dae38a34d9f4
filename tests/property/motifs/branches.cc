// Branches.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// if (p) … else … as Switch and Merge.
bool draw_condition(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece);
  std::string pred;
  Tensor value = Tensor::scalar<bool>(random.chance(0.5));
  double form = random.unit();
  auto is_bool = [](const GrownValue& v) { return v.tensor.dtype() == DType::kBool && v.tensor.shape().rank() == 0; };
  if (std::optional<size_t> at = piece.find(is_bool); at && random.chance(0.3)) {
    pred = piece.import(*at);
  } else if (form < 0.4) {
    pred = piece.constant("pred", value);
  } else if (form < 0.7) {
    pred = piece.placeholder("is_training", value);
  } else {
    std::string fallback = piece.constant("phase_default", value);
    piece.line("keras_learning_phase: bool[] = PlaceholderWithDefault(", fallback, ") {shape=[]}");
    pred = "keras_learning_phase";
  }
  if (random.chance(0.2)) pred = lines("LogicalNot(", pred, ")");
  std::string both = lines("Switch(", pred, ", ", pred, ")");
  std::string on_true = lines("Identity(", both, ":1)"), on_false = lines("Identity(", both, ")");
  std::string data = lines("Switch(", x.name, ", ", pred, ")");
  std::string factor = str_cat("n", lines.next++);
  piece.line(factor, " = Const(^", on_true, ") {dtype=", word(x.dtype),
             ", value=", tensor_to_text(float_scalar(x.dtype, 0.5)), "}");
  std::string taken = lines("Mul(", data, ":1, ", factor, ")");
  std::string other = random.chance(0.4) ? data : lines(random.pick({"Neg(", "Identity(", "Relu("}), data, ")");
  std::string merge =
      random.chance(0.5) ? lines("Merge(", other, ", ", taken, ")") : lines("Merge(", taken, ", ", other, ")");
  piece.has_control_flow = true;
  piece.exports = {merge};
  if (random.chance(0.2)) piece.exports.push_back(merge + ":1");
  if (random.chance(0.2)) {
    std::string second = lines("Switch(", x.name, ", ", pred, ")");
    piece.exports.push_back(lines("Merge(", second, ", ", second, ":1)"));
  }
  std::string done = lines("Neg(", merge, ")");
  piece.exports.push_back(done);
  return true;
}

constexpr Motif kMotifs[] = {
    {"condition", 1, draw_condition},
};

}  // namespace

extern const MotifFile motifs_branches;
const MotifFile motifs_branches = {kMotifs};

}  // namespace tarn::testing
