// Lu.
#include "core/op.h"
#include "ops/eigen.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

Status infer_lu(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::square(c.shape(0), "input"));
  TARN_RETURN_IF_ERROR(c.set_output(0, x.with_dims({x.rows, x.columns})));
  return c.set_output(1, x.with_dims({x.rows}));
}

template <class T>
class LuKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::square(*x.shape, "input"));
    int64_t n = matrices.rows;
    TARN_ASSIGN_OR_RETURN(TensorView lu, c.output(0, *x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView p, c.output(1, matrices.with_dims({n})));
    if (x.count == 0) return {};
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      Eigen::PartialPivLU<RowMatrix<T>> factors(row_matrix<T>(x.as<T>() + i * n * n, n, n));
      if (!(factors.matrixLU().diagonal().cwiseAbs().minCoeff() > T(0))) {
        return invalid_argument("matrix ", i, " of 'input' is not invertible");
      }
      mutable_row_matrix<T>(lu.as<T>() + i * n * n, n, n) = factors.matrixLU();
      Eigen::PermutationMatrix<Eigen::Dynamic> rows = factors.permutationP().transpose();
      for (int64_t k = 0; k < n; ++k) store_int(p, i * n + k, rows.indices()(k));
      return {};
    });
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<LuKernel<float>>(DType::kFloat),
    portable_kernel<LuKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(Lower and upper triangular factors of each matrix, with its rows exchanged.
  input  T[..., N, N]
  returns  lu  T[..., N, N]: below the diagonal L, whose own diagonal is 1; on and above it U
           p   output_idx_type[..., N]: row k of L * U is row p[k] of the input
  Errors: InvalidArgument naming a matrix without inverse.   Source: TensorFlow linalg_ops Lu.)";

}  // namespace

extern const OpDef op_Lu;
const OpDef op_Lu = {
    .name = "Lu",
    .inputs = "input: T",
    .outputs = "lu: T, p: output_idx_type",
    .attrs = "T: {double, float, half, complex64, complex128}; output_idx_type: {int32, int64} = int32",
    .infer = infer_lu,
    .kernels = kKernels,
};

TARN_OP_FILE(lu, {&op_Lu, kDoc, nullptr, "TensorFlow 1.x has none"})

}  // namespace tarn
