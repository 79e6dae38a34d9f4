// Matrix products as layers write them.
#include <algorithm>

#include "tests/property/layer_parts.h"

namespace tarn::testing {
namespace {

bool draw_dense(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 2, 2);
  int64_t in = x.shape.dim(1), out = 1 + random.below(5);
  if (random.chance(0.04)) out = 2000 / std::max<int64_t>(1, in);  // enough for passes that look at large weights only
  bool transposed = random.chance(0.2);
  std::string weights = piece.weights("kernel", x.dtype, transposed ? Shape{out, in} : Shape{in, out}, 0.4);
  weights = perhaps_identity(piece, lines, weights);
  std::string y = lines("MatMul(", x.name, ", ", weights, ")", transposed ? " {transpose_b=true}" : "");
  if (random.chance(0.1)) lines("Neg(", y, ")");
  y = perhaps_bias(piece, lines, y, x.dtype, out, false);
  y = perhaps_scaled(piece, lines, y, x.dtype, out);
  if (random.chance(0.4)) y = batch_norm(piece, lines, y, x.dtype, out, 2, false);
  y = perhaps_scaled(piece, lines, y, x.dtype, out);
  y = perhaps_activation(piece, lines, y);
  if (random.chance(0.2)) lines("Softmax(", y, ")");
  return true;
}

constexpr Motif kMotifs[] = {
    {"dense", 2, draw_dense},
};

}  // namespace

extern const MotifFile motifs_dense;
const MotifFile motifs_dense = {kMotifs};

}  // namespace tarn::testing
