// What is taken apart and put together.
#include <algorithm>

#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// Split and Unpack apart, Concat and Pack together; pieces without elements among them.
bool draw_joins(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  int rank = x.shape.rank(), axis = random.below(rank);
  auto length = static_cast<int>(x.shape.dim(axis));
  int written = random.chance(0.2) ? axis - rank : axis;
  std::string at = lines.scalar(DType::kInt32, written);
  std::string y = x.name;
  double form = random.unit();
  if (form < 0.3 && length > 0) {
    std::string parts = lines("Unpack(", y, ") {num=", length, ", axis=", written, "}");
    std::vector<std::string> names;
    for (int i = 0; i < length; ++i) names.push_back(str_cat(parts, ":", i));
    if (random.chance(0.3)) std::swap(names.front(), names.back());
    y = lines("Pack(", str_join(names), ") {axis=", written, "}");
  } else if (form < 0.6 && length > 0) {
    int count = length % 2 == 0 ? 2 : length;
    std::string parts = lines("Split(", at, ", ", y, ") {num_split=", count, "}");
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(str_cat(parts, ":", i));
    y = lines("ConcatV2(", str_join(names), ", ", at, ")");
  } else {
    Shape other = x.shape;
    other.set_dim(axis, random.chance(0.4) ? 0 : 1 + random.below(2));
    std::string second = piece.tensor_of(x.dtype, other);
    y = random.chance(0.7) ? lines("ConcatV2(", y, ", ", second, ", ", at, ")")
                           : lines("Concat(", at, ", ", y, ", ", second, ")");
    if (random.chance(0.4)) {
      std::string third = piece.tensor_of(x.dtype, other);
      y = lines("ConcatV2(", y, ", ", third, ", ", at, ")");
    }
    if (random.chance(0.3)) {  // cut out again what was put in
      std::vector<int> begin(static_cast<size_t>(rank), 0), size(static_cast<size_t>(rank), -1);
      size[static_cast<size_t>(axis)] = length;
      lines("Slice(", y, ", ", lines.ints(begin), ", ", lines.ints(size), ")");
    }
  }
  return true;
}

constexpr Motif kMotifs[] = {
    {"joins", 1, draw_joins},
};

}  // namespace

extern const MotifFile motifs_joins;
const MotifFile motifs_joins = {kMotifs};

}  // namespace tarn::testing
