// MatrixDiag, MatrixDiagPart, MatrixSetDiag and MatrixBandPart.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

int64_t smaller(int64_t a, int64_t b) {
  return a == kUnknownDim || b == kUnknownDim ? (a == 0 || b == 0 ? 0 : kUnknownDim) : std::min(a, b);
}

// [..., M, N] -> [..., min(M, N)]
Result<Shape> diagonal_shape(const Shape& matrix) {
  if (!matrix.has_rank()) return matrix;
  if (matrix.rank() < 2) return invalid_argument("input must have rank 2 or more, has shape ", matrix.to_string());
  Shape diagonal(matrix.dims().first(static_cast<size_t>(matrix.rank() - 2)));
  diagonal.add_dim(smaller(matrix.dim(-2), matrix.dim(-1)));
  return diagonal;
}

// [..., N] -> [..., N, N]
Result<Shape> matrix_shape(const Shape& diagonal) {
  if (!diagonal.has_rank()) return diagonal;
  if (diagonal.rank() < 1) return invalid_argument("diagonal must have rank 1 or more, is a scalar");
  if (diagonal.rank() >= kMaxRank) return invalid_argument("diagonal has ", diagonal.rank(), " dims already");
  Shape matrix = diagonal;
  matrix.add_dim(diagonal.dim(-1));
  return matrix;
}

Status judge_diagonal(const Shape& matrix, const Shape& diagonal) {
  TARN_ASSIGN_OR_RETURN(Shape wanted, diagonal_shape(matrix));
  if (wanted.is_compatible_with(diagonal)) return {};
  return invalid_argument("diagonal must have shape ", wanted.to_string(), " for an input of ", matrix.to_string(),
                          ", has ", diagonal.to_string());
}

Status infer_diag(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape output, matrix_shape(c.shape(0)));
  return set_output_checked(c, 0, output);
}
Status infer_part(InferContext& c) {
  return c.set_output(0, diagonal_shape(c.shape(0)));
}
Status infer_set(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_diagonal(c.shape(0), c.shape(1)));
  return c.set_output(0, c.shape(0));
}

// Elements of a batch of matrices: rows, columns, how many matrices.
struct Batch {
  explicit Batch(const Shape& matrix)
      : rows(matrix.dim(-2)), columns(matrix.dim(-1)), count(dim_product(matrix, 0, matrix.rank() - 2)) {}
  int64_t diagonal() const { return std::min(rows, columns); }
  int64_t rows, columns, count;
};

void put_diagonal(const Batch& batch, const TensorView& matrix, const TensorView& diagonal) {
  for (int64_t m = 0; m < batch.count; ++m) {
    for (int64_t i = 0; i < batch.diagonal(); ++i) {
      copy_elements(matrix.dtype, mutable_element_at(matrix, (m * batch.rows + i) * batch.columns + i),
                    element_at(diagonal, m * batch.diagonal() + i), 1);
    }
  }
}

class DiagKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Shape output, matrix_shape(*c.input(0).shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    zero_elements(y.dtype, y.data, y.count);
    put_diagonal(Batch(output), y, c.input(0));
    return {};
  }
};

class PartKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Shape output, diagonal_shape(*x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    Batch batch(*x.shape);
    for (int64_t m = 0; m < batch.count; ++m) {
      for (int64_t i = 0; i < batch.diagonal(); ++i) {
        copy_elements(y.dtype, mutable_element_at(y, m * batch.diagonal() + i),
                      element_at(x, (m * batch.rows + i) * batch.columns + i), 1);
      }
    }
    return {};
  }
};

class SetKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &diagonal = c.input(1);
    TARN_RETURN_IF_ERROR(judge_diagonal(*x.shape, *diagonal.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.data != x.data) copy_elements(y.dtype, y.data, x.data, x.count);
    put_diagonal(Batch(*x.shape), y, diagonal);
    return {};
  }
};

Status judge_band(const Shape& matrix) {
  if (!matrix.has_rank() || matrix.rank() >= 2) return {};
  return invalid_argument("input must have rank 2 or more, has shape ", matrix.to_string());
}

Status infer_band(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_band(c.shape(0)));
  TARN_RETURN_IF_ERROR(expect_single(c, 1, "num_lower"));
  TARN_RETURN_IF_ERROR(expect_single(c, 2, "num_upper"));
  return c.set_output(0, c.shape(0));
}

class BandKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_RETURN_IF_ERROR(judge_band(*x.shape));
    Batch batch(*x.shape);
    TARN_ASSIGN_OR_RETURN(int64_t lower, width(c.input(1), "num_lower", batch.rows));
    TARN_ASSIGN_OR_RETURN(int64_t upper, width(c.input(2), "num_upper", batch.columns));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    c.threads().parallel_for(batch.count * batch.rows, std::max<int64_t>(1, kElementsPerRange / batch.columns),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t line = begin; line < end; ++line) {
                                 int64_t row = line % batch.rows;
                                 int64_t first = std::clamp<int64_t>(row - lower, 0, batch.columns);
                                 int64_t last = std::clamp<int64_t>(row + upper + 1, first, batch.columns);
                                 int64_t at = line * batch.columns;
                                 zero_elements(y.dtype, mutable_element_at(y, at), first);
                                 copy_elements(y.dtype, mutable_element_at(y, at + first), element_at(x, at + first),
                                               last - first);
                                 zero_elements(y.dtype, mutable_element_at(y, at + last), batch.columns - last);
                               }
                             });
    return {};
  }

 private:
  // How many diagonals on that side; all of them for a negative number.
  static Result<int64_t> width(const TensorView& input, std::string_view name, int64_t size) {
    TARN_ASSIGN_OR_RETURN(int64_t width, single_int(IntList::of(input), name));
    if (width > size) return invalid_argument(name, " must be at most ", size, ", is ", width);
    return width < 0 ? size : width;
  }
};

constexpr KernelDef kDiagKernels[] = {portable_kernel<DiagKernel>()};
constexpr KernelDef kPartKernels[] = {portable_kernel<PartKernel>()};
constexpr KernelDef kSetKernels[] = {portable_kernel<SetKernel>()};
constexpr KernelDef kBandKernels[] = {portable_kernel<BandKernel>()};

Status diag_gradient(GradContext& c) {
  c.set_grad(0, c.op("MatrixDiagPart", {c.grad()}));
  return {};
}
Status part_gradient(GradContext& c) {
  c.set_grad(0, c.op("MatrixSetDiag", {c.op("ZerosLike", {c.input(0)}), c.grad()}));
  return {};
}
Status set_gradient(GradContext& c) {
  // Of the input everything but the diagonal counts, of the diagonal all.
  c.set_grad(0, c.op("MatrixSetDiag", {c.grad(), c.op("ZerosLike", {c.input(1)})}));
  c.set_grad(1, c.op("MatrixDiagPart", {c.grad()}));
  return {};
}
Status band_gradient(GradContext& c) {
  c.set_grad(0, c.op("MatrixBandPart", {c.grad(), c.input(1), c.input(2)}));
  return {};
}

constexpr std::string_view kDiagDoc = R"(Matrices with the given diagonals, and zeros elsewhere.
  diagonal  T[..., N]   returns  T[..., N, N]
  Errors: InvalidArgument for a scalar.   Source: TensorFlow array_ops MatrixDiag.)";
constexpr std::string_view kPartDoc = R"(The diagonals of matrices.
  input  T[..., M, N]   returns  T[..., min(M, N)]
  Errors: InvalidArgument if the rank is below 2.   Source: TensorFlow array_ops MatrixDiagPart.)";
constexpr std::string_view kSetDoc = R"(Matrices with their diagonals replaced.
  input  T[..., M, N]   diagonal  T[..., min(M, N)]   returns  T[..., M, N]
  Errors: InvalidArgument naming both shapes if they do not fit.   Source: TensorFlow array_ops MatrixSetDiag.)";
constexpr std::string_view kBandDoc = R"(Matrices with zeros outside a band around the diagonal.
  input  T[..., M, N]   num_lower, num_upper  Tindex, scalars: the diagonals kept below and above; negative: all
  returns  T[..., M, N]
  Errors: InvalidArgument if there are not that many.   Source: TensorFlow array_ops MatrixBandPart.)";

}  // namespace

extern const OpDef op_MatrixDiag, op_MatrixDiagPart, op_MatrixSetDiag, op_MatrixBandPart;
const OpDef op_MatrixDiag = {
    .name = "MatrixDiag",
    .inputs = "diagonal: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_diag,
    .kernels = kDiagKernels,
};
const OpDef op_MatrixDiagPart = {
    .name = "MatrixDiagPart",
    .inputs = "input: T",
    .outputs = "diagonal: T",
    .attrs = "T: type",
    .infer = infer_part,
    .kernels = kPartKernels,
};
const OpDef op_MatrixSetDiag = {
    .name = "MatrixSetDiag",
    .inputs = "input: T, diagonal: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_set,
    .kernels = kSetKernels,
};
const OpDef op_MatrixBandPart = {
    .name = "MatrixBandPart",
    .inputs = "input: T, num_lower: Tindex, num_upper: Tindex",
    .outputs = "band: T",
    .attrs = "T: type; Tindex: {int32, int64} = int64",
    .infer = infer_band,
    .kernels = kBandKernels,
};

TARN_OP_FILE(matrix_diag, {&op_MatrixDiag, kDiagDoc, diag_gradient}, {&op_MatrixDiagPart, kPartDoc, part_gradient},
             {&op_MatrixSetDiag, kSetDoc, set_gradient}, {&op_MatrixBandPart, kBandDoc, band_gradient})

}  // namespace tarn
