// MatrixSolve and MatrixInverse, by LU decomposition with partial pivoting.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/decompositions.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

Status not_invertible(int64_t i) {
  return invalid_argument("matrix ", i, " is not invertible");
}

Result<Shape> solution_shape(const Shape& matrix, const Shape& rhs) {
  TARN_ASSIGN_OR_RETURN(Matrices a, Matrices::square(matrix, "matrix"));
  TARN_ASSIGN_OR_RETURN(Matrices b, Matrices::of(rhs, "rhs"));
  bool fits = a.batch_shape.is_compatible_with(b.batch_shape) &&
              (a.rows == b.rows || a.rows == kUnknownDim || b.rows == kUnknownDim);
  if (!fits) {
    return invalid_argument("matrix ", matrix.to_string(), " and rhs ", rhs.to_string(),
                            " do not belong together: they must have the same batch and the same number of rows");
  }
  TARN_ASSIGN_OR_RETURN(Shape batch, a.batch_shape.merge(b.batch_shape));
  if (!batch.has_rank()) return batch;
  batch.add_dim(a.rows == kUnknownDim ? b.rows : a.rows);
  batch.add_dim(b.columns);
  return batch;
}

Status infer_solve(InferContext& c) {
  return c.set_output(0, solution_shape(c.shape(0), c.shape(1)));
}

template <class T>
class SolveKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    adjoint_ = c.attr<bool>("adjoint");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &a = c.input(0), &b = c.input(1);
    TARN_ASSIGN_OR_RETURN(Shape shape, solution_shape(*a.shape, *b.shape));
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::square(*a.shape, "matrix"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    int64_t n = matrices.rows, k = shape.dim(-1);
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      const T* rhs = b.as<T>() + i * n * k;
      return lu_solve(a.as<T>() + i * n * n, n, adjoint_, rhs, k, y.as<T>() + i * n * k) ? Status() : not_invertible(i);
    });
  }

 private:
  bool adjoint_ = false;
};

template <class T>
class InverseKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    adjoint_ = c.attr<bool>("adjoint");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::square(*x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    int64_t n = matrices.rows;
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      T* to = y.as<T>() + i * n * n;
      return lu_solve(x.as<T>() + i * n * n, n, adjoint_, nullptr, n, to) ? Status() : not_invertible(i);
    });
  }

 private:
  bool adjoint_ = false;
};

constexpr KernelDef kSolveKernels[] = {
    portable_kernel<SolveKernel<float>>(DType::kFloat),
    portable_kernel<SolveKernel<double>>(DType::kDouble),
};
Wire product(GradContext& c, Wire x, Wire y, bool adj_x, bool adj_y) {
  return c.op("BatchMatMulV2", {x, y}, {{"adj_x", adj_x}, {"adj_y", adj_y}});
}

Status solve_gradient(GradContext& c) {
  // y = a^-1 b:  db = a^-T dy,  da = -db y^T;  y = a^-T b:  db = a^-1 dy,  da = -y db^T
  bool adjoint = c.attr<bool>("adjoint");
  Wire a = c.input(0), y = c.output(0);
  Wire db = c.op("MatrixSolve", {a, c.grad()}, {{"adjoint", !adjoint}});
  c.set_grad(0, c.op("Neg", {adjoint ? product(c, y, db, false, true) : product(c, db, y, false, true)}));
  c.set_grad(1, db);
  return {};
}

Status inverse_gradient(GradContext& c) {
  // y = x^-1:  dx = -y^T (dy y^T);  y = x^-T:  dx = -y (dy^T y)
  Wire y = c.output(0), dy = c.grad();
  bool adjoint = c.attr<bool>("adjoint");
  Wire dx = product(c, y, product(c, dy, y, adjoint, !adjoint), !adjoint, false);
  c.set_grad(0, c.op("Neg", {dx}));
  return {};
}

constexpr std::string_view kSolveDoc = R"(Solves systems of linear equations: matrix * y = rhs.
  matrix  T[..., N, N]   rhs  T[..., N, K], of the same batch   returns  T[..., N, K]
  adjoint: the transposed matrix * y = rhs.
  Errors: InvalidArgument if a matrix is not invertible, naming it, or the shapes do not belong together.
  Source: TensorFlow linalg_ops MatrixSolve.)";
constexpr std::string_view kInverseDoc = R"(The inverse of each matrix.
  input  T[..., N, N]   returns  T[..., N, N]; adjoint: of the transposed matrix
  Errors: InvalidArgument if a matrix is not invertible, naming it.   Source: TensorFlow linalg_ops MatrixInverse.)";

}  // namespace

extern const OpDef op_MatrixSolve, op_MatrixInverse;
const OpDef op_MatrixSolve = {
    .name = "MatrixSolve",
    .inputs = "matrix: T, rhs: T",
    .outputs = "output: T",
    .attrs = "adjoint: bool = false; T: {double, float, half, complex64, complex128}",
    .infer = infer_solve,
    .kernels = kSolveKernels,
};
const OpDef op_MatrixInverse = {
    .name = "MatrixInverse",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "adjoint: bool = false; T: {double, float, half, complex64, complex128}",
    .infer = infer_square,
    .kernels = kKernelsFor<InverseKernel, float, double, Half>,
};

TARN_OP_FILE(matrix_solve, {&op_MatrixSolve, kSolveDoc, solve_gradient},
             {&op_MatrixInverse, kInverseDoc, inverse_gradient})

}  // namespace tarn
