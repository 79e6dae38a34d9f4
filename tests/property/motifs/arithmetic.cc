// Arithmetic with neutral elements.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// x + 0, x * 1, -(-x), x / c: with constants of every shape that broadcasts, those included that make the output
// larger.
bool draw_neutral(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto number = [](const GrownValue& v) {
    DType t = v.tensor.dtype();
    return t == DType::kFloat || t == DType::kDouble || t == DType::kHalf || t == DType::kInt32 || t == DType::kInt64;
  };
  std::optional<size_t> value = piece.find(number);
  if (!value) return false;
  std::string y = piece.import(*value);
  DType dtype = piece.value_of(*value).dtype();
  Shape shape = piece.value_of(*value).shape();
  for (int steps = 1 + random.below(4); steps > 0; --steps) {
    Shape other;
    double form = random.unit();
    if (form < 0.25)
      other = shape;
    else if (form < 0.35 && shape.rank() > 0)
      other = Shape{shape.dim(-1)};
    else if (form < 0.45)
      other = Shape{1};
    else if (form < 0.55)
      other = Shape{1, 1, 1, 1, 1};
    else if (form < 0.6)
      other = Shape{2, 1, 1, 1, 1};
    std::string name = str_cat("c", lines.next);
    double at = random.unit();
    double one = random.pick({0.0, 0.0, 1.0, 1.0, 2.0, -1.0, 4.0, 3.0});
    std::string splat = tensor_to_text(float_scalar(dtype, one)).substr(type_text(dtype, {}).size());
    if (splat.starts_with("{")) splat = splat.substr(1, splat.size() - 2);
    std::string c = name;
    if (at < 0.7) {
      piece.line(name, ": ", type_text(dtype, other), " = ", other.rank() == 0 ? splat : str_cat("fill(", splat, ")"));
    } else {
      c = piece.weights(name, dtype, other);
    }
    std::string op = random.pick({"Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "Pow",
                                  "SquaredDifference", "Mul", "Div", "FloorDiv"});
    double unary = random.unit();
    if (unary < 0.1)
      y = lines(random.pick({"Neg(", "Square(", "Abs(", "Sign(", "Reciprocal("}), y, ")");
    else if (unary < 0.15)
      y = lines("Neg(", lines("Neg(", y, ")"), ")");
    else if (unary < 0.2)
      y = lines(op, "(", y, ", ", y, ")");
    else if (random.chance(0.7))
      y = lines(op, "(", y, ", ", c, ")");
    else
      y = lines(op, "(", c, ", ", y, ")");
  }
  return true;
}

constexpr Motif kMotifs[] = {
    {"neutral", 2, draw_neutral},
};

}  // namespace

extern const MotifFile motifs_arithmetic;
const MotifFile motifs_arithmetic = {kMotifs};

}  // namespace tarn::testing
