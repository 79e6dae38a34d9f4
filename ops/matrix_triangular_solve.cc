// MatrixTriangularSolve.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

Result<Shape> solution_shape(const Shape& matrix, const Shape& rhs) {
  TARN_ASSIGN_OR_RETURN(Matrices a, Matrices::square(matrix, "matrix"));
  TARN_ASSIGN_OR_RETURN(Matrices b, Matrices::of(rhs, "rhs"));
  if (a.rows != b.rows && a.rows != kUnknownDim && b.rows != kUnknownDim) {
    return invalid_argument("matrix ", matrix.to_string(), " has ", a.rows, " rows, but rhs ", rhs.to_string(), " has ",
                            b.rows);
  }
  TARN_ASSIGN_OR_RETURN(Shape batch, broadcast_shapes(a.batch_shape, b.batch_shape));
  if (!batch.has_rank()) return batch;
  batch.add_dim(a.rows == kUnknownDim ? b.rows : a.rows);
  batch.add_dim(b.columns);
  return batch;
}

Status infer_solve(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape output, solution_shape(c.shape(0), c.shape(1)));
  return set_output_checked(c, 0, output);
}

// Which matrix of a broadcast batch each output takes, for both inputs.
struct Pairs {
  std::vector<int64_t> a, b;
};
Result<Pairs> pair_up(const Shape& a, const Shape& b, int64_t count) {
  Pairs pairs;
  if (count == 0) return pairs;
  TARN_ASSIGN_OR_RETURN(BroadcastPlan plan, BroadcastPlan::make(a, b));
  pairs.a.resize(static_cast<size_t>(count));
  pairs.b.resize(static_cast<size_t>(count));
  int64_t columns = plan.dims[plan.rank - 1];
  walk_rows(plan, 0, count / columns,
            [&](int64_t ao, int64_t bo, int64_t oo, int64_t a_step, int64_t b_step, int64_t n) {
              for (int64_t i = 0; i < n; ++i) {
                pairs.a[static_cast<size_t>(oo + i)] = ao + i * a_step;
                pairs.b[static_cast<size_t>(oo + i)] = bo + i * b_step;
              }
            });
  return pairs;
}

// By substitution, row by row: forwards where the rows above are known, backwards where those below are.
template <class T>
void substitute(const T* a, T* y, int64_t n, int64_t k, bool transpose, bool forwards) {
  auto element = [&](int64_t row, int64_t column) { return transpose ? a[column * n + row] : a[row * n + column]; };
  for (int64_t step = 0; step < n; ++step) {
    int64_t row = forwards ? step : n - 1 - step;
    T* to = y + row * k;
    for (int64_t done = 0; done < step; ++done) {
      int64_t other = forwards ? done : n - 1 - done;
      T factor = element(row, other);
      for (int64_t j = 0; j < k; ++j) to[j] -= factor * y[other * k + j];
    }
    T pivot = element(row, row);
    for (int64_t j = 0; j < k; ++j) to[j] /= pivot;
  }
}

template <class T>
class SolveKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    lower_ = c.attr<bool>("lower");
    adjoint_ = c.attr<bool>("adjoint");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &a = c.input(0), &b = c.input(1);
    TARN_ASSIGN_OR_RETURN(Shape shape, solution_shape(*a.shape, *b.shape));
    TARN_ASSIGN_OR_RETURN(Matrices a_matrices, Matrices::square(*a.shape, "matrix"));
    TARN_ASSIGN_OR_RETURN(Matrices b_matrices, Matrices::of(*b.shape, "rhs"));
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::of(shape, "output"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    TARN_ASSIGN_OR_RETURN(Pairs pairs, pair_up(a_matrices.batch_shape, b_matrices.batch_shape, matrices.batch));
    int64_t n = matrices.rows, k = matrices.columns;
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      const T* from = a.as<T>() + pairs.a[static_cast<size_t>(i)] * n * n;
      for (int64_t d = 0; d < n; ++d) {
        if (from[d * n + d] == T(0)) {
          return invalid_argument("matrix ", pairs.a[static_cast<size_t>(i)], " is not invertible: element [", d, ",",
                                  d, "] of its diagonal is 0");
        }
      }
      T* to = y.as<T>() + i * n * k;
      std::copy_n(b.as<T>() + pairs.b[static_cast<size_t>(i)] * n * k, n * k, to);
      substitute(from, to, n, k, adjoint_, lower_ != adjoint_);
      return {};
    });
  }

 private:
  bool lower_ = true, adjoint_ = false;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<SolveKernel<float>>(DType::kFloat),
    portable_kernel<SolveKernel<double>>(DType::kDouble),
};

Status solve_gradient(GradContext& c) {
  // As that of MatrixSolve, of which only the triangle counts that is looked at.
  bool lower = c.attr<bool>("lower"), adjoint = c.attr<bool>("adjoint");
  Wire a = c.input(0), y = c.output(0);
  const Shape &a_shape = c.fact(a).shape, &b_shape = c.fact(c.input(1)).shape;
  if (!a_shape.is_fully_known() || !b_shape.is_fully_known() || a_shape.rank() != b_shape.rank() ||
      !Shape(a_shape.dims().first(static_cast<size_t>(a_shape.rank() - 2)))
           .is_compatible_with(Shape(b_shape.dims().first(static_cast<size_t>(b_shape.rank() - 2))))) {
    return unimplemented("the gradient of MatrixTriangularSolve with batches that are not known to be the same");
  }
  Wire db = c.op("MatrixTriangularSolve", {a, c.grad()}, {{"lower", lower}, {"adjoint", !adjoint}});
  AttrMap second_transposed{{"adj_x", false}, {"adj_y", true}};
  Wire da =
      adjoint ? c.op("BatchMatMulV2", {y, db}, second_transposed) : c.op("BatchMatMulV2", {db, y}, second_transposed);
  Wire all = c.constant(Tensor::scalar<int64_t>(-1)), none = c.constant(Tensor::scalar<int64_t>(0));
  Wire band = lower ? c.op("MatrixBandPart", {da, all, none}) : c.op("MatrixBandPart", {da, none, all});
  c.set_grad(0, c.op("Neg", {band}));
  c.set_grad(1, db);
  return {};
}

constexpr std::string_view kDoc = R"(Solves systems of linear equations with triangular matrices: matrix * y = rhs.
  matrix  T[..., N, N]; only the lower triangle is looked at, or without `lower` the upper one
  rhs  T[..., N, K], of a batch that broadcasts against the matrix's   returns  T[..., N, K]
  adjoint: the transposed matrix * y = rhs.
  Errors: InvalidArgument if there is a 0 on a diagonal, naming the matrix, or the shapes do not belong together.
  Source: TensorFlow linalg_ops MatrixTriangularSolve.)";

}  // namespace

extern const OpDef op_MatrixTriangularSolve;
const OpDef op_MatrixTriangularSolve = {
    .name = "MatrixTriangularSolve",
    .inputs = "matrix: T, rhs: T",
    .outputs = "output: T",
    .attrs = "lower: bool = true; adjoint: bool = false; T: {bfloat16, double, float, half, complex64, complex128}",
    .infer = infer_solve,
    .kernels = kKernels,
};

TARN_OP_FILE(matrix_triangular_solve, {&op_MatrixTriangularSolve, kDoc, solve_gradient})

}  // namespace tarn
