// Cholesky.
#include "core/op.h"
#include "ops/eigen.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

template <class T>
class CholeskyKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::square(*x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    int64_t n = matrices.rows;
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      Eigen::LLT<RowMatrix<T>> factors(row_matrix<T>(x.as<T>() + i * n * n, n, n));
      if (factors.info() != Eigen::Success) {
        return invalid_argument("matrix ", i, " of 'input' is not positive definite: it has no Cholesky factor");
      }
      mutable_row_matrix<T>(y.as<T>() + i * n * n, n, n) = factors.matrixL();
      return {};
    });
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<CholeskyKernel<float>>(DType::kFloat),
    portable_kernel<CholeskyKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(The lower triangular L with L * transposed L = x, matrix by matrix.
  input  T[..., N, N], symmetric and positive definite; what is above the diagonal is not looked at
  returns  T[..., N, N], zeros above the diagonal
  Errors: InvalidArgument naming the matrix that is not positive definite.   Source: TensorFlow linalg_ops Cholesky.)";

}  // namespace

extern const OpDef op_Cholesky;
const OpDef op_Cholesky = {
    .name = "Cholesky",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: {double, float, half, complex64, complex128}",
    .infer = infer_square,
    .kernels = kKernels,
};

TARN_OP_FILE(cholesky, {&op_Cholesky, kDoc, nullptr, "goes through CholeskyGrad in TensorFlow, which is not here"})

}  // namespace tarn
