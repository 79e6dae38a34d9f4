// Tables of constants.
#include "tests/property/layer_parts.h"

namespace tarn::testing {
namespace {

// Rows of a table of constants.
bool draw_gather(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  int rows = 2 + random.below(6);
  DType dtype = float_dtype(random);
  std::string table = piece.weights("table", dtype, random.chance(0.5) ? Shape{rows} : Shape{rows, 3});
  table = perhaps_identity(piece, lines, table);
  Tensor indices = Tensor::from<int32_t>({3}, {random.below(rows), random.below(rows), 0});
  std::string at = random.chance(0.5) ? piece.placeholder("ids", indices) : piece.constant("ids", indices);
  if (random.chance(0.4)) {
    std::string axis = lines.scalar(DType::kInt32, 0);
    lines("GatherV2(", table, ", ", at, ", ", axis, ")");
  } else {
    lines("Gather(", table, ", ", at, ")");
  }
  return true;
}

// A column of weights that are mostly zero.
bool draw_sparse_column(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  int rows = 2 + random.below(6);
  Tensor column = *Tensor::zeros(DType::kFloat, Shape{rows, 1});
  for (float& v : column.mutable_flat<float>()) v = random.pick({0.0f, 0.0f, -0.0f, 1.5f, -2.0f, 1e-6f});
  std::string table = perhaps_identity(piece, lines, piece.constant("column", column));
  std::string axis = lines.scalar(DType::kInt32, 0);
  for (int readers = 1 + random.below(2); readers > 0; --readers) {
    Shape shape = random.chance(0.3) ? Shape{2, 2} : Shape{3};
    Tensor indices = *Tensor::zeros(random.chance(0.5) ? DType::kInt32 : DType::kInt64, shape);
    for (int32_t& v : indices.mutable_flat<int32_t>()) v = random.below(rows);
    for (int64_t& v : indices.mutable_flat<int64_t>()) v = random.below(rows);
    std::string name = str_cat("ids", readers);
    std::string ids = random.chance(0.7) ? piece.placeholder(name, indices) : piece.constant(name, indices);
    if (random.chance(0.5)) {
      lines("Gather(", table, ", ", ids, ")");
    } else {
      lines("GatherV2(", table, ", ", ids, ", ", axis, ")");
    }
  }
  return true;
}

constexpr Motif kMotifs[] = {
    {"gather", 0.5, draw_gather},
    {"sparse_column", 0.4, draw_sparse_column},
};

}  // namespace

extern const MotifFile motifs_tables;
const MotifFile motifs_tables = {kMotifs};

}  // namespace tarn::testing
