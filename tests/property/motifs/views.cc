// What moves a tensor about, and the arithmetic of its sizes.
#include <algorithm>

#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// Reshape, Transpose, Squeeze and ExpandDims one after another.
bool draw_chain(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto any = [](const GrownValue& v) { return v.tensor.shape().rank() >= 1 && v.tensor.shape().rank() <= 5; };
  std::optional<size_t> value = piece.find(any);
  if (!value) return false;
  std::string y = piece.import(*value);
  Shape shape = piece.value_of(*value).shape();
  for (int steps = 1 + random.below(4); steps > 0; --steps) {
    int rank = shape.rank();
    switch (random.below(6)) {
      case 0: {
        std::vector<int> permutation(static_cast<size_t>(rank));
        for (int d = 0; d < rank; ++d) permutation[static_cast<size_t>(d)] = d;
        if (rank == 4 && random.chance(0.6)) {
          permutation = random.chance(0.5) ? std::vector<int>{0, 3, 1, 2} : std::vector<int>{0, 2, 3, 1};
        } else {
          for (int d = rank - 1; d > 0; --d)
            std::swap(permutation[static_cast<size_t>(d)], permutation[static_cast<size_t>(random.below(d + 1))]);
        }
        Shape next = shape;
        for (int d = 0; d < rank; ++d) next.set_dim(d, shape.dim(permutation[static_cast<size_t>(d)]));
        y = lines("Transpose(", y, ", ", lines.ints(permutation), ")");
        shape = next;
        break;
      }
      case 1: {
        int axis = random.below(rank + 1);
        y = lines("ExpandDims(", y, ", ", lines.scalar(DType::kInt32, random.chance(0.3) ? axis - rank - 1 : axis),
                  ")");
        Shape next;
        for (int d = 0; d <= rank; ++d) next.add_dim(d == axis ? 1 : shape.dim(d < axis ? d : d - 1));
        shape = next;
        break;
      }
      case 2: {
        Shape next;
        std::vector<int> ones;
        for (int d = 0; d < rank; ++d) {
          if (shape.dim(d) == 1) ones.push_back(d);
          if (shape.dim(d) != 1) next.add_dim(shape.dim(d));
        }
        y = lines("Squeeze(", y, ")", random.chance(0.5) ? str_cat(" {squeeze_dims=[", str_join(ones), "]}") : "");
        shape = next;
        break;
      }
      case 3: {
        y = lines("Reshape(", y, ", ", lines("Shape(", y, ")"), ")");
        break;
      }
      default: {
        Result<int64_t> count = shape.element_count();
        Shape next;
        int64_t rest = *count;
        while (rest > 1 && next.rank() < 3) {
          int64_t factor = random.chance(0.5) ? rest : rest % 2 == 0 ? 2 : rest % 3 == 0 ? 3 : rest;
          next.add_dim(factor);
          rest /= factor;
        }
        if (rest > 1) next.add_dim(rest);
        if (*count == 0) next = Shape{0, 2};
        std::vector<int> dims;
        for (int64_t dim : next.dims()) dims.push_back(static_cast<int>(dim));
        if (!dims.empty() && *count > 0 && random.chance(0.4))
          dims[static_cast<size_t>(random.below(next.rank()))] = -1;
        y = lines("Reshape(", y, ", ", lines.ints(dims), ")");
        shape = next;
      }
    }
    if (random.chance(0.15)) y = lines("Identity(", y, ")");
    if (random.chance(0.1) && shape.rank() > 5) break;
  }
  return true;
}

// Shape arithmetic as Python writes it: shape(x)[0], pack, reshape; fill; rank and size.
bool draw_shapes(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  std::string type = random.chance(0.85) ? "" : " {out_type=i64}";
  std::string shape = lines("Shape(", x.name, ")", type);
  if (random.chance(0.15)) lines(random.pick({"Rank(", "Size("}), x.name, ")");
  if (!type.empty()) return true;
  if (random.chance(0.3)) {
    lines("Fill(", shape, ", ", lines.scalar(x.dtype, random.pick({0.0, 1.0, 2.5})), ")");
    lines("Mul(", x.name, str_cat(", n", lines.next - 1), ")");
    return true;
  }
  int axis = random.below(x.shape.rank());
  std::string batch = lines("StridedSlice(", shape, ", ", lines.ints({axis}), ", ", lines.ints({axis + 1}), ", ",
                            lines.ints({1}), ") {shrink_axis_mask=1}");
  std::string rest = lines.scalar(DType::kInt32, -1);
  std::string packed =
      axis == 0 || random.chance(0.5) ? lines("Pack(", batch, ", ", rest, ")") : lines("Pack(", rest, ", ", batch, ")");
  std::string y = lines("Reshape(", x.name, ", ", packed, ")");
  if (random.chance(0.3)) lines("Reshape(", y, ", ", shape, ")");
  if (random.chance(0.2)) lines("BroadcastTo(", x.name, ", ", shape, ")");
  if (random.chance(0.2)) lines("Tile(", x.name, ", ", lines("OnesLike(", shape, ")"), ")");
  return true;
}

// Slices that take everything, casts there and back, tiles by one, pads by nothing.
bool draw_without_effect(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  auto rank = static_cast<size_t>(x.shape.rank());
  std::vector<int> zeros(rank, 0), all(rank, -1), ones(rank, 1), dims;
  for (int64_t dim : x.shape.dims()) dims.push_back(static_cast<int>(dim));
  auto cast = [&](const std::string& from, DType to) {
    std::string name = str_cat("n", lines.next++);
    piece.line(name, ": ", word(to), " = Cast(", from, ")");
    return name;
  };
  switch (random.below(8)) {
    case 0:
      lines("Slice(", x.name, ", ", lines.ints(zeros), ", ", lines.ints(random.chance(0.5) ? all : dims), ")");
      break;
    case 1:
      lines("StridedSlice(", x.name, ", ", lines.ints(zeros), ", ", lines.ints(zeros), ", ", lines.ints(ones),
            ") {begin_mask=255, end_mask=255}");
      break;
    case 2: cast(cast(x.name, random.pick({DType::kDouble, DType::kHalf, DType::kInt32, x.dtype})), x.dtype); break;
    case 3: lines("Tile(", x.name, ", ", lines.ints(ones), ")"); break;
    case 4:
      piece.line("none: i32[", rank, ",2] = zeros");
      lines("Pad(", x.name, ", none)");
      break;
    case 5: lines("BroadcastTo(", x.name, ", ", lines.ints(dims), ")"); break;
    case 6:
      lines(random.pick({"Sum(", "Mean(", "Max(", "Prod("}), x.name, ", ",
            lines.ints(random.chance(0.5) ? std::vector<int>{} : std::vector<int>{0}), ")",
            random.chance(0.5) ? " {keep_dims=true}" : "");
      break;
    default: lines("AddN(", x.name, random.chance(0.5) ? "" : ", " + x.name, ")");
  }
  return true;
}

constexpr Motif kMotifs[] = {
    {"chain", 1.5, draw_chain},
    {"shapes", 1.2, draw_shapes},
    {"without_effect", 1.2, draw_without_effect},
};

}  // namespace

extern const MotifFile motifs_views;
const MotifFile motifs_views = {kMotifs};

}  // namespace tarn::testing
