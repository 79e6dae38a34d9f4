// What has an effect.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// A variable that is assigned, and random draws: what has an effect stays as often as it was.
bool draw_stateful(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 0, 3);
  if (random.chance(0.5)) {
    piece.line("v: ref(", type_text(x.dtype, x.shape), ") = VariableV2");
    std::string assigned = lines("Assign(v, ", x.name, ")");
    lines("Identity(", assigned, ")");
    lines("Add(", assigned, ", ", x.name, ")");
    return true;
  }
  std::string shape = lines("Shape(", x.name, ")");
  std::string op = random.pick({"RandomUniform", "RandomStandardNormal", "TruncatedNormal"});
  std::string attrs = str_cat(") {dtype=", word(x.dtype), ", seed=", 1 + random.below(3), ", seed2=2}");
  std::string first = lines(op, "(", shape, attrs), second = lines(op, "(", shape, attrs);
  lines("Add(", first, ", ", second, ")");
  return true;
}

constexpr Motif kMotifs[] = {
    {"stateful", 0.4, draw_stateful},
};

}  // namespace

extern const MotifFile motifs_stateful;
const MotifFile motifs_stateful = {kMotifs};

}  // namespace tarn::testing
