// What passes on what it gets.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// Nodes that pass on what they get, and edges that only order.
bool draw_identities(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  if (piece.values().empty()) return false;
  auto any = [](const GrownValue&) { return true; };
  size_t value = *piece.find(any);
  std::string x = piece.import(value), y = x;
  bool is_real = dtype_is_floating(piece.value_of(value).dtype());
  for (int steps = 1 + random.below(3); steps > 0; --steps) {
    std::string control;
    if (random.chance(0.4)) {
      std::string other = piece.import(*piece.find(any));
      control = ", ^" + (random.chance(0.5) ? other : lines("NoOp(^", other, ")"));
    }
    double form = random.unit();
    if (form < 0.45)
      y = lines("Identity(", y, control, ")");
    else if (form < 0.6)
      y = lines("StopGradient(", y, control, ")");
    else if (form < 0.68 && is_real)
      y = lines("CheckNumerics(", y, control, ") {message=\"finite\"}");
    else if (form < 0.75)
      y = lines("PreventGradient(", y, control, ")");
    else if (form < 0.85)
      y = lines("IdentityN(", y, ", ", x, control, ")");
    else if (form < 0.92)
      y = lines("Snapshot(", y, control, ")");
    else
      y = lines("PlaceholderWithDefault(", y, control, ") {shape=", piece.value_of(value).shape().to_string(), "}");
  }
  return true;
}

constexpr Motif kMotifs[] = {
    {"identities", 1.5, draw_identities},
};

}  // namespace

extern const MotifFile motifs_identities;
const MotifFile motifs_identities = {kMotifs};

}  // namespace tarn::testing
