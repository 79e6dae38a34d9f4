// SelfAdjointEigV2.
#include "core/op.h"
#include "ops/decompositions.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

// Without compute_v, v is an empty vector.
Shape vectors_shape(const Matrices& x, bool compute_v) {
  return compute_v ? x.with_dims({x.rows, x.rows}) : Shape{0};
}

Status infer_eig(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::square(c.shape(0), "input"));
  TARN_RETURN_IF_ERROR(c.set_output(0, x.with_dims({x.rows})));
  return c.set_output(1, vectors_shape(x, c.attr<bool>("compute_v")));
}

template <class T>
class EigKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    compute_v_ = c.attr<bool>("compute_v");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::square(*x.shape, "input"));
    int64_t n = matrices.rows;
    TARN_ASSIGN_OR_RETURN(TensorView e, c.output(0, matrices.with_dims({n})));
    TARN_ASSIGN_OR_RETURN(TensorView v, c.output(1, vectors_shape(matrices, compute_v_)));
    if (x.count == 0) return {};
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      T* vectors = compute_v_ ? v.as<T>() + i * n * n : nullptr;
      if (eigenvalues(x.as<T>() + i * n * n, n, e.as<T>() + i * n, vectors)) return {};
      return invalid_argument("no eigenvalues were found of matrix ", i, " of 'input'");
    });
  }

 private:
  bool compute_v_ = true;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<EigKernel<float>>(DType::kFloat),
    portable_kernel<EigKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(Eigenvalues and eigenvectors of each symmetric matrix.
  input  T[..., N, N]; only the lower triangle is looked at
  returns  e  T[..., N], the smallest first;  v  T[..., N, N], whose columns are the vectors, or [0] without compute_v
  Errors: InvalidArgument naming a matrix for which none were found.   Source: TensorFlow linalg_ops SelfAdjointEigV2.)";

}  // namespace

extern const OpDef op_SelfAdjointEigV2;
const OpDef op_SelfAdjointEigV2 = {
    .name = "SelfAdjointEigV2",
    .inputs = "input: T",
    .outputs = "e: T, v: T",
    .attrs = "compute_v: bool = true; T: {double, float, half, complex64, complex128}",
    .infer = infer_eig,
    .kernels = kKernels,
};

TARN_OP_FILE(self_adjoint_eig, {&op_SelfAdjointEigV2, kDoc, nullptr, "not needed yet"})

}  // namespace tarn
