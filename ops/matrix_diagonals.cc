// MatrixDiag, MatrixDiagPart and MatrixSetDiag for any band of diagonals: V2, and V3 with the attr align.
//
// k is the diagonal, or the lowest and the highest of a band: 0 the main one, above it positive. Several diagonals are
// the rows of one matrix, the highest first; those shorter than the longest are padded on the side that align says.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Which diagonals: low..high of matrices of rows x columns.
struct Band {
  int64_t low = 0, high = 0;
  int64_t rows = 0, columns = 0;
  bool left_above = true, left_below = true;  // where short diagonals lie in their row

  bool is_single() const { return low == high; }
  int64_t diagonals() const { return high - low + 1; }
  int64_t longest() const { return std::min(rows + std::min<int64_t>(high, 0), columns - std::max<int64_t>(low, 0)); }
  bool holds(int64_t diagonal) const { return low <= diagonal && diagonal <= high; }
  int64_t length(int64_t diagonal) const {
    return std::min(rows + std::min<int64_t>(diagonal, 0), columns - std::max<int64_t>(diagonal, 0));
  }
  // Where in its row the diagonal begins.
  int64_t start(int64_t diagonal, int64_t row_length) const {
    bool left = (diagonal >= 0 && left_above) || (diagonal <= 0 && left_below);
    return left ? 0 : row_length - length(diagonal);
  }
};

void set_alignment(Band& band, const AttrMap& attrs) {
  const AttrValue* align = attrs.find("align");  // V2 has none: LEFT_LEFT
  if (align == nullptr) return;
  const auto& text = attrs.get<std::string>("align");
  band.left_above = text.starts_with("LEFT");
  band.left_below = text.ends_with("LEFT");
}

Status judge_k_shape(const Shape& shape) {
  if (!shape.has_rank() || shape.rank() == 0) return {};
  if (shape.rank() == 1 && (shape.dim(0) == kUnknownDim || shape.dim(0) == 1 || shape.dim(0) == 2)) return {};
  return invalid_argument("input 'k' must be a scalar or a vector of one or two numbers, has shape ",
                          shape.to_string());
}

Status set_k(Band& band, const IntList& k) {
  band.low = k[0];
  band.high = k[k.size() - 1];
  if (band.low <= band.high) return {};
  return invalid_argument("the lowest diagonal must not be above the highest: k is ", k.to_string());
}

// Both ends of the band must be in a matrix of that size; 0 is in any.
Status judge_in_matrix(const Band& band, const Shape& matrix) {
  for (int64_t k : {band.low, band.high}) {
    if (k == 0 || (-band.rows < k && k < band.columns)) continue;
    return invalid_argument("diagonal ", k, " is not in a matrix of ", band.rows, " x ", band.columns, " (input ",
                            matrix.to_string(), "): need -", band.rows, " < k < ", band.columns);
  }
  return {};
}

Status judge_matrix(const Shape& matrix) {
  if (!matrix.has_rank() || matrix.rank() >= 2) return {};
  return invalid_argument("input must have rank 2 or more, has shape ", matrix.to_string());
}

// The shape of these diagonals of a matrix whose last two dims are known.
Shape diagonals_shape(const Shape& matrix, const Band& band) {
  Shape shape(matrix.dims().first(static_cast<size_t>(matrix.rank() - 2)));
  if (!band.is_single()) shape.add_dim(band.diagonals());
  shape.add_dim(band.longest());
  return shape;
}

// [..., (diagonals,) longest] -> [..., rows, columns]. -1 rows or columns: as few as there can be, both -1: a square.
Result<Shape> matrix_shape(Band& band, const Shape& diagonal) {
  if (band.rows < -1 || band.columns < -1) {
    return invalid_argument("num_rows and num_cols must be >= -1, are ", band.rows, " and ", band.columns);
  }
  if (diagonal.rank() < (band.is_single() ? 1 : 2)) {
    return invalid_argument("diagonal must have rank ", band.is_single() ? 1 : 2, " or more, has shape ",
                            diagonal.to_string());
  }
  if (!band.is_single() && diagonal.dim(-2) != kUnknownDim && diagonal.dim(-2) != band.diagonals()) {
    return invalid_argument("k = [", band.low, ", ", band.high, "] are ", band.diagonals(), " diagonals, but diagonal ",
                            diagonal.to_string(), " has ", diagonal.dim(-2));
  }
  int batch_dims = diagonal.rank() - (band.is_single() ? 1 : 2);
  if (batch_dims + 2 > kMaxRank) return invalid_argument("diagonal has ", diagonal.rank(), " dims already");
  Shape matrix(diagonal.dims().first(static_cast<size_t>(batch_dims)));
  int64_t longest = diagonal.dim(-1);
  if (longest == kUnknownDim) {
    matrix.add_dim(band.rows == -1 ? kUnknownDim : band.rows);
    matrix.add_dim(band.columns == -1 ? kUnknownDim : band.columns);
    return matrix;
  }
  int64_t least_rows = longest - std::min<int64_t>(band.high, 0);
  int64_t least_columns = longest + std::max<int64_t>(band.low, 0);
  if (band.rows == -1 && band.columns == -1) {
    band.rows = band.columns = std::max(least_rows, least_columns);
  } else if (band.rows == -1) {
    band.rows = least_rows;
  } else if (band.columns == -1) {
    band.columns = least_columns;
  }
  if (band.rows < least_rows || band.columns < least_columns ||
      (band.rows != least_rows && band.columns != least_columns)) {
    return invalid_argument("diagonals of ", longest, " elements from ", band.low, " to ", band.high,
                            " are not those of a matrix of ", band.rows, " x ", band.columns, ": it has ", least_rows,
                            " rows or ", least_columns, " columns, and no fewer of the other");
  }
  matrix.add_dim(band.rows);
  matrix.add_dim(band.columns);
  return matrix;
}

// Calls move(place in the matrices, place in the diagonals) for every element of the band; `longest` is the length of
// a row of diagonals.
template <class Move>
void walk(const Band& band, int64_t matrices, int64_t longest, const Move& move) {
  for (int64_t m = 0; m < matrices; ++m) {
    for (int64_t d = band.high; d >= band.low; --d) {
      int64_t row = std::max<int64_t>(-d, 0), column = std::max<int64_t>(d, 0);
      int64_t in_matrix = (m * band.rows + row) * band.columns + column;
      int64_t in_diagonals = (m * band.diagonals() + band.high - d) * longest + band.start(d, longest);
      for (int64_t i = 0; i < band.length(d); ++i) move(in_matrix + i * (band.columns + 1), in_diagonals + i);
    }
  }
}

void put_diagonals(const Band& band, const TensorView& matrix, const TensorView& diagonal) {
  if (matrix.count == 0) return;
  walk(band, matrix.count / (band.rows * band.columns), diagonal.shape->dim(-1), [&](int64_t to, int64_t from) {
    copy_elements(matrix.dtype, mutable_element_at(matrix, to), element_at(diagonal, from), 1);
  });
}

// ---- MatrixDiag
// ------------------------------------------------------------------------------------------------------

Status infer_diag(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_k_shape(c.shape(1)));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 0, "num_rows"));
  TARN_RETURN_IF_ERROR(c.expect_rank(3, 0, "num_cols"));
  TARN_RETURN_IF_ERROR(c.expect_rank(4, 0, "padding_value"));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "diagonal"));
  std::optional<IntList> k = IntList::known(c, 1), rows = IntList::known(c, 2), columns = IntList::known(c, 3);
  if (!k || k->size() == 0 || !c.shape(0).has_rank()) return {};
  Band band;
  TARN_RETURN_IF_ERROR(set_k(band, *k));
  band.rows = rows ? (*rows)[0] : -1;
  band.columns = columns ? (*columns)[0] : -1;
  if (!rows || !columns) {
    int batch_dims = c.shape(0).rank() - (band.is_single() ? 1 : 2);
    if (batch_dims < 0)
      return invalid_argument("diagonal must have rank 2 or more, has shape ", c.shape(0).to_string());
    if (batch_dims + 2 > kMaxRank) return invalid_argument("diagonal has ", c.shape(0).rank(), " dims already");
    Shape matrix(c.shape(0).dims().first(static_cast<size_t>(batch_dims)));
    matrix.add_dim(kUnknownDim);
    matrix.add_dim(kUnknownDim);
    return c.set_output(0, matrix);
  }
  TARN_ASSIGN_OR_RETURN(Shape output, matrix_shape(band, c.shape(0)));
  return set_output_checked(c, 0, output);
}

class DiagKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    set_alignment(alignment_, c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& diagonal = c.input(0);
    Band band = alignment_;
    TARN_RETURN_IF_ERROR(judge_k_shape(*c.input(1).shape));
    TARN_RETURN_IF_ERROR(set_k(band, IntList::of(c.input(1))));
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(2), "num_rows"));
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(3), "num_cols"));
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(4), "padding_value"));
    band.rows = c.input(2).item<int32_t>();
    band.columns = c.input(3).item<int32_t>();
    TARN_ASSIGN_OR_RETURN(Shape output, matrix_shape(band, *diagonal.shape));
    TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    fill_elements(y.dtype, y.data, c.input(4).data, y.count, c.threads());
    put_diagonals(band, y, diagonal);
    return {};
  }

 private:
  Band alignment_;
};

// ---- MatrixDiagPart
// --------------------------------------------------------------------------------------------------

// Knows rows and columns of the matrix; false if it does not.
bool set_size(Band& band, const Shape& matrix) {
  if (!matrix.has_rank() || matrix.dim(-1) == kUnknownDim || matrix.dim(-2) == kUnknownDim) return false;
  band.rows = matrix.dim(-2);
  band.columns = matrix.dim(-1);
  return true;
}

Status infer_part(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_matrix(c.shape(0)));
  TARN_RETURN_IF_ERROR(judge_k_shape(c.shape(1)));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 0, "padding_value"));
  std::optional<IntList> k = IntList::known(c, 1);
  const Shape& matrix = c.shape(0);
  if (!k || k->size() == 0 || !matrix.has_rank()) return {};
  Band band;
  TARN_RETURN_IF_ERROR(set_k(band, *k));
  if (set_size(band, matrix)) {
    TARN_RETURN_IF_ERROR(judge_in_matrix(band, matrix));
    return set_output_checked(c, 0, diagonals_shape(matrix, band));
  }
  Shape output(matrix.dims().first(static_cast<size_t>(matrix.rank() - 2)));
  if (!band.is_single()) output.add_dim(band.diagonals());
  output.add_dim(kUnknownDim);
  return c.set_output(0, output);
}

class PartKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    set_alignment(alignment_, c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    Band band = alignment_;
    TARN_RETURN_IF_ERROR(judge_matrix(*x.shape));
    TARN_RETURN_IF_ERROR(judge_k_shape(*c.input(1).shape));
    TARN_RETURN_IF_ERROR(set_k(band, IntList::of(c.input(1))));
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(2), "padding_value"));
    set_size(band, *x.shape);
    TARN_RETURN_IF_ERROR(judge_in_matrix(band, *x.shape));
    Shape output = diagonals_shape(*x.shape, band);
    TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    fill_elements(y.dtype, y.data, c.input(2).data, y.count, c.threads());
    walk(band, dim_product(*x.shape, 0, x.shape->rank() - 2), band.longest(),
         [&](int64_t from, int64_t to) { copy_elements(y.dtype, mutable_element_at(y, to), element_at(x, from), 1); });
    return {};
  }

 private:
  Band alignment_;
};

// ---- MatrixSetDiag
// ---------------------------------------------------------------------------------------------------

Status judge_diagonals(const Shape& matrix, const Shape& diagonal, const Band& band) {
  TARN_RETURN_IF_ERROR(judge_in_matrix(band, matrix));
  Shape wanted = diagonals_shape(matrix, band);
  if (wanted.is_compatible_with(diagonal)) return {};
  return invalid_argument("diagonal must have shape ", wanted.to_string(), " for diagonals ", band.low, " to ",
                          band.high, " of an input of ", matrix.to_string(), ", has ", diagonal.to_string());
}

Status infer_set(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_matrix(c.shape(0)));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 1, "diagonal"));
  TARN_RETURN_IF_ERROR(judge_k_shape(c.shape(2)));
  std::optional<IntList> k = IntList::known(c, 2);
  Band band;
  if (k && k->size() > 0) {
    TARN_RETURN_IF_ERROR(set_k(band, *k));
    if (set_size(band, c.shape(0))) TARN_RETURN_IF_ERROR(judge_diagonals(c.shape(0), c.shape(1), band));
  }
  return c.set_output(0, c.shape(0));
}

class SetKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    set_alignment(alignment_, c.attrs());
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &diagonal = c.input(1);
    Band band = alignment_;
    TARN_RETURN_IF_ERROR(judge_matrix(*x.shape));
    TARN_RETURN_IF_ERROR(judge_k_shape(*c.input(2).shape));
    TARN_RETURN_IF_ERROR(set_k(band, IntList::of(c.input(2))));
    set_size(band, *x.shape);
    TARN_RETURN_IF_ERROR(judge_diagonals(*x.shape, *diagonal.shape, band));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.data != x.data) copy_elements(y.dtype, y.data, x.data, x.count);
    put_diagonals(band, y, diagonal);
    return {};
  }

 private:
  Band alignment_;
};

constexpr KernelDef kDiagKernels[] = {portable_kernel<DiagKernel>()};
constexpr KernelDef kPartKernels[] = {portable_kernel<PartKernel>()};
constexpr KernelDef kSetKernels[] = {portable_kernel<SetKernel>()};

// ---- Gradients: TensorFlow gives padding values none
// -----------------------------------------------------------------

AttrMap align_of(const GradContext& c) {
  const AttrValue* align = c.attrs().find("align");
  return {{"align", align == nullptr ? std::string("LEFT_LEFT") : c.attr<std::string>("align")}};
}

Status diag_gradient(GradContext& c) {
  Wire padding = c.scalar(0, c.input(0));
  c.set_grad(0, c.op("MatrixDiagPartV3", {c.grad(), c.input(1), padding}, align_of(c)));
  return {};
}
Status part_gradient(GradContext& c) {
  Wire zeros = c.op("ZerosLike", {c.input(0)});
  c.set_grad(0, c.op("MatrixSetDiagV3", {zeros, c.grad(), c.input(1)}, align_of(c)));
  return {};
}
Status set_gradient(GradContext& c) {
  // Of the input everything but the diagonals counts, of the diagonals all but their padding.
  Wire zeros = c.op("ZerosLike", {c.input(1)}), padding = c.scalar(0, c.input(0));
  c.set_grad(0, c.op("MatrixSetDiagV3", {c.grad(), zeros, c.input(2)}, align_of(c)));
  c.set_grad(1, c.op("MatrixDiagPartV3", {c.grad(), c.input(2), padding}, align_of(c)));
  return {};
}

constexpr std::string_view kDiagDoc = R"(Matrices with the given diagonals, and a padding value elsewhere.
  diagonal  T[..., longest], or T[..., diagonals, longest], the highest first   k  int32: one, or lowest and highest
  num_rows, num_cols  int32, scalars; -1: as few as there can be, both -1: a square   padding_value  T, a scalar
  returns  T[..., rows, columns]
  Diagonals shorter than the longest lie at the start of their row (V2), or as align says: where those above the main
  diagonal begin, and where those below.
  Errors: InvalidArgument if these are not the diagonals of such a matrix.   Source: TensorFlow array_ops MatrixDiagV3.)";
constexpr std::string_view kPartDoc = R"(The diagonals of matrices that are in a band.
  input  T[..., M, N]   k  int32: one diagonal, or the lowest and the highest   padding_value  T, a scalar
  returns  T[..., longest], or T[..., diagonals, longest], the highest first, shorter ones padded
  Diagonals shorter than the longest lie at the start of their row (V2), or as align says: where those above the main
  diagonal begin, and where those below.
  Errors: InvalidArgument naming a diagonal that the matrix does not have.
  Source: TensorFlow array_ops MatrixDiagPartV3.)";
constexpr std::string_view kSetDoc = R"(Matrices with the diagonals of a band replaced.
  input  T[..., M, N]   diagonal  T[..., longest], or T[..., diagonals, longest], the highest first
  k  int32: one diagonal, or the lowest and the highest   returns  T[..., M, N]
  Diagonals shorter than the longest lie at the start of their row (V2), or as align says: where those above the main
  diagonal begin, and where those below.
  Errors: InvalidArgument naming both shapes if they do not fit.   Source: TensorFlow array_ops MatrixSetDiagV3.)";

constexpr std::string_view kDiagInputs = "diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T";
constexpr std::string_view kV3Attrs =
    "T: type; align: {'LEFT_RIGHT', 'RIGHT_LEFT', 'LEFT_LEFT', 'RIGHT_RIGHT'} = 'RIGHT_LEFT'";

}  // namespace

extern const OpDef op_MatrixDiagV2, op_MatrixDiagV3, op_MatrixDiagPartV2, op_MatrixDiagPartV3, op_MatrixSetDiagV2,
    op_MatrixSetDiagV3;
const OpDef op_MatrixDiagV2 = {
    .name = "MatrixDiagV2",
    .inputs = kDiagInputs,
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_diag,
    .kernels = kDiagKernels,
};
const OpDef op_MatrixDiagV3 = {
    .name = "MatrixDiagV3",
    .inputs = kDiagInputs,
    .outputs = "output: T",
    .attrs = kV3Attrs,
    .infer = infer_diag,
    .kernels = kDiagKernels,
};
const OpDef op_MatrixDiagPartV2 = {
    .name = "MatrixDiagPartV2",
    .inputs = "input: T, k: int32, padding_value: T",
    .outputs = "diagonal: T",
    .attrs = "T: type",
    .infer = infer_part,
    .kernels = kPartKernels,
};
const OpDef op_MatrixDiagPartV3 = {
    .name = "MatrixDiagPartV3",
    .inputs = "input: T, k: int32, padding_value: T",
    .outputs = "diagonal: T",
    .attrs = kV3Attrs,
    .infer = infer_part,
    .kernels = kPartKernels,
};
const OpDef op_MatrixSetDiagV2 = {
    .name = "MatrixSetDiagV2",
    .inputs = "input: T, diagonal: T, k: int32",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_set,
    .kernels = kSetKernels,
};
const OpDef op_MatrixSetDiagV3 = {
    .name = "MatrixSetDiagV3",
    .inputs = "input: T, diagonal: T, k: int32",
    .outputs = "output: T",
    .attrs = kV3Attrs,
    .infer = infer_set,
    .kernels = kSetKernels,
};

TARN_OP_FILE(matrix_diagonals, {&op_MatrixDiagV2, kDiagDoc, diag_gradient}, {&op_MatrixDiagV3, kDiagDoc, diag_gradient},
             {&op_MatrixDiagPartV2, kPartDoc, part_gradient}, {&op_MatrixDiagPartV3, kPartDoc, part_gradient},
             {&op_MatrixSetDiagV2, kSetDoc, set_gradient}, {&op_MatrixSetDiagV3, kSetDoc, set_gradient})

}  // namespace tarn
