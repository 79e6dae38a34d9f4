// Dropout.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// tf.nn.dropout as every version wrote it.
bool draw_dropout(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  std::string type = word(x.dtype);
  bool has_rate = random.chance(0.5);
  double kept_share = random.pick({1.0, 0.5, 0.75});
  Tensor keep = float_scalar(x.dtype, has_rate ? 1 - kept_share : kept_share);
  double fed = random.unit();
  std::string name = has_rate ? "rate" : "keep_prob", probability;
  if (fed < 0.4) {
    probability = piece.constant(name, keep);
  } else if (fed < 0.8) {
    probability = piece.placeholder(name, keep);
  } else {
    std::string fallback = piece.constant("default", keep);
    piece.line(name, ": ", type, "[] = PlaceholderWithDefault(", fallback, ") {shape=[]}");
    probability = name;
  }
  std::string shape = random.chance(0.6) ? lines("Shape(", x.name, ")") : std::string();
  if (shape.empty()) {
    std::vector<int> dims;
    for (int64_t dim : x.shape.dims()) dims.push_back(static_cast<int>(dim));
    shape = lines.ints(dims);
  }
  std::string uniform =
      lines("RandomUniform(", shape, ") {dtype=", type, ", seed=", 1 + random.below(99), ", seed2=7}");
  if (random.chance(0.6)) {
    std::string low = lines.scalar(x.dtype, 0), high = lines.scalar(x.dtype, 1);
    std::string range = lines("Mul(", uniform, ", ", lines("Sub(", high, ", ", low, ")"), ")");
    uniform = lines("Add(", range, ", ", low, ")");
  }
  if (has_rate) {
    std::string kept = lines("GreaterEqual(", uniform, ", ", probability, ")");
    std::string one = lines.scalar(x.dtype, 1);
    std::string scale = lines("RealDiv(", one, ", ", lines("Sub(", one, ", ", probability, ")"), ")");
    std::string scaled = lines("Mul(", x.name, ", ", scale, ")");
    std::string mask = str_cat("n", lines.next++);
    piece.line(mask, ": ", type, " = Cast(", kept, ")");
    lines("Mul(", scaled, ", ", mask, ")");
  } else {
    std::string floor = lines("Floor(", lines(random.pick({"Add(", "AddV2("}), probability, ", ", uniform, ")"), ")");
    lines("Mul(", lines(random.pick({"RealDiv(", "Div("}), x.name, ", ", probability, ")"), ", ", floor, ")");
  }
  return true;
}

constexpr Motif kMotifs[] = {
    {"dropout", 1, draw_dropout},
};

}  // namespace

extern const MotifFile motifs_dropout;
const MotifFile motifs_dropout = {kMotifs};

}  // namespace tarn::testing
