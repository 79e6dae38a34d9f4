// Where values come from.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// Nothing but new inputs and constants, of any dtype.
bool draw_sources(Piece& piece) {
  Random& random = piece.random();
  DType dtype = random.pick({DType::kFloat, DType::kFloat, DType::kFloat, DType::kInt32, DType::kInt64, DType::kDouble,
                             DType::kHalf, DType::kBool, DType::kString, DType::kUInt8, DType::kInt8, DType::kInt16,
                             DType::kBFloat16});
  Shape shape;
  for (int rank = random.below(4); rank > 0; --rank) shape.add_dim(random.chance(0.06) ? 0 : 1 + random.below(4));
  Tensor tensor = random_value(dtype, shape, random, random.chance(0.05));
  if (random.chance(0.4)) {
    piece.constant("c", tensor);
    if (random.chance(0.3)) piece.constant("again", tensor);
  } else {
    piece.placeholder("x", tensor);
  }
  return true;
}

// Constants that meet constants only.
bool draw_constants(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  DType dtype = random.pick({DType::kFloat, DType::kFloat, DType::kDouble, DType::kHalf, DType::kInt32, DType::kInt64});
  Shape shape{1 + random.below(3), 1 + random.below(3)};
  std::string a = piece.weights("a", dtype, shape), b = piece.weights("b", dtype, random.chance(0.5) ? shape : Shape{});
  std::string y = lines(random.pick({"Add(", "Mul(", "Sub(", "Maximum("}), a, ", ", b, ")");
  if (random.chance(0.5)) y = lines(random.pick({"Neg(", "Square(", "Abs(", "Identity("}), y, ")");
  if (random.chance(0.4)) lines("Mul(", y, ", ", piece.tensor_of(dtype, shape), ")");
  return true;
}

constexpr Motif kMotifs[] = {
    {"sources", 2, draw_sources},
    {"constants", 1, draw_constants},
};

}  // namespace

extern const MotifFile motifs_sources;
const MotifFile motifs_sources = {kMotifs};

}  // namespace tarn::testing
