// MatrixDeterminant and LogMatrixDeterminant, by LU decomposition with partial pivoting.
#include <cmath>
#include <limits>

#include "core/op.h"
#include "ops/eigen.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

Status infer_determinant(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::square(c.shape(0), "input"));
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, x.with_dims({})));
  return {};
}

template <class T>
struct SignAndLog {
  T sign = 1, log = 0;  // of no matrix at all: 1
};

// The product of the pivots and of the row exchanges' signs, as a logarithm: it would overflow early.
template <class T>
SignAndLog<T> determinant(const T* x, int64_t n) {
  SignAndLog<T> result;
  if (n == 0) return result;
  Eigen::PartialPivLU<RowMatrix<T>> lu(row_matrix<T>(x, n, n));
  result.sign = static_cast<T>(lu.permutationP().determinant());
  for (int64_t i = 0; i < n; ++i) {
    T pivot = lu.matrixLU()(i, i);
    result.log += std::log(std::fabs(pivot));
    result.sign *= pivot / std::fabs(pivot);
  }
  if (!std::isfinite(result.log)) {
    result.sign = 0;
    T infinity = std::numeric_limits<T>::infinity();
    result.log = result.log > T(0) ? infinity : -infinity;
  }
  return result;
}

template <class T, bool kLog>
class DeterminantKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::square(*x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(TensorView first, c.output(0, matrices.batch_shape));
    TensorView second = first;
    if constexpr (kLog) {
      TARN_ASSIGN_OR_RETURN(second, c.output(1, matrices.batch_shape));
    }
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      SignAndLog<T> result = determinant(x.as<T>() + i * matrices.elements(), matrices.rows);
      if constexpr (kLog) {
        first.as<T>()[i] = result.sign;
        second.as<T>()[i] = result.log;
      } else {
        first.as<T>()[i] = result.sign * std::exp(result.log);
      }
      return {};
    });
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<DeterminantKernel<float, false>>(DType::kFloat),
    portable_kernel<DeterminantKernel<double, false>>(DType::kDouble),
};
constexpr KernelDef kLogKernels[] = {
    portable_kernel<DeterminantKernel<float, true>>(DType::kFloat),
    portable_kernel<DeterminantKernel<double, true>>(DType::kDouble),
};

// A number a matrix, times the transposed inverse of the matrix.
Wire times_inverse(GradContext& c, Wire number) {
  Wire inverse = c.op("MatrixInverse", {c.input(0)}, {{"adjoint", true}});
  Wire column = c.op("ExpandDims", {number, c.constant(Tensor::scalar<int32_t>(-1))});
  return c.op("Mul", {c.op("ExpandDims", {column, c.constant(Tensor::scalar<int32_t>(-1))}), inverse});
}

Status determinant_gradient(GradContext& c) {
  // dx = dy * y * x^-T
  c.set_grad(0, times_inverse(c, c.op("Mul", {c.grad(), c.output(0)})));
  return {};
}

Status log_gradient(GradContext& c) {
  // dx = dlog * x^-T; the sign is a step function
  if (!c.grad(1).is_none()) c.set_grad(0, times_inverse(c, c.grad(1)));
  return {};
}

constexpr std::string_view kDoc = R"(The determinant of each matrix.
  input  T[..., N, N]   returns  T[...]
  Errors: InvalidArgument if the matrices are not square.   Source: TensorFlow linalg_ops MatrixDeterminant.)";
constexpr std::string_view kLogDoc = R"(Sign and logarithm of the absolute value of each matrix's determinant.
  input  T[..., N, N]   returns  sign  T[...]: 1, -1 or, of matrices without inverse, 0
                                 log_abs_determinant  T[...]
  Errors: InvalidArgument if the matrices are not square.   Source: TensorFlow linalg_ops LogMatrixDeterminant.)";

}  // namespace

extern const OpDef op_MatrixDeterminant, op_LogMatrixDeterminant;
const OpDef op_MatrixDeterminant = {
    .name = "MatrixDeterminant",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: {half, float, double, complex64, complex128}",
    .infer = infer_determinant,
    .kernels = kKernels,
};
const OpDef op_LogMatrixDeterminant = {
    .name = "LogMatrixDeterminant",
    .inputs = "input: T",
    .outputs = "sign: T, log_abs_determinant: T",
    .attrs = "T: {half, float, double, complex64, complex128}",
    .infer = infer_determinant,
    .kernels = kLogKernels,
};

TARN_OP_FILE(matrix_determinant, {&op_MatrixDeterminant, kDoc, determinant_gradient},
             {&op_LogMatrixDeterminant, kLogDoc, log_gradient})

}  // namespace tarn
