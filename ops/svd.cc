// Svd.
#include "core/op.h"
#include "ops/matrices.h"
#include "ops/singular_values.h"

namespace tarn {
namespace {

// Without compute_uv, u and v are empty vectors.
struct Sizes {
  Shape s, u, v;
};
Sizes svd_sizes(const Matrices& x, bool compute_uv, bool full) {
  int64_t p = smaller_dim(x.rows, x.columns);
  if (!compute_uv) return {x.with_dims({p}), Shape{0}, Shape{0}};
  return {x.with_dims({p}), x.with_dims({x.rows, full ? x.rows : p}), x.with_dims({x.columns, full ? x.columns : p})};
}

Status infer_svd(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::of(c.shape(0), "input"));
  Sizes sizes = svd_sizes(x, c.attr<bool>("compute_uv"), c.attr<bool>("full_matrices"));
  TARN_RETURN_IF_ERROR(set_output_checked(c, 0, sizes.s));
  TARN_RETURN_IF_ERROR(set_output_checked(c, 1, sizes.u));
  return set_output_checked(c, 2, sizes.v);
}

template <class T>
class SvdKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    compute_uv_ = c.attr<bool>("compute_uv");
    full_ = c.attr<bool>("full_matrices");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::of(*x.shape, "input"));
    Sizes sizes = svd_sizes(matrices, compute_uv_, full_);
    TARN_ASSIGN_OR_RETURN(TensorView s, c.output(0, sizes.s));
    TARN_ASSIGN_OR_RETURN(TensorView u, c.output(1, sizes.u));
    TARN_ASSIGN_OR_RETURN(TensorView v, c.output(2, sizes.v));
    int64_t m = matrices.rows, n = matrices.columns;
    if (x.count == 0) {
      // Of a matrix without rows or columns any basis will do: the plainest.
      if (compute_uv_ && full_) {
        for (int64_t i = 0; i < u.count; ++i) u.as<T>()[i] = T(i / m % m == i % m ? 1 : 0);
        for (int64_t i = 0; i < v.count; ++i) v.as<T>()[i] = T(i / n % n == i % n ? 1 : 0);
      }
      return {};
    }
    int64_t p = std::min(m, n), u_columns = full_ ? m : p, v_columns = full_ ? n : p;
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      T* u_at = compute_uv_ ? u.as<T>() + i * m * u_columns : nullptr;
      T* v_at = compute_uv_ ? v.as<T>() + i * n * v_columns : nullptr;
      if (singular_values(x.as<T>() + i * m * n, m, n, full_, s.as<T>() + i * p, u_at, v_at)) return {};
      return invalid_argument("matrix ", i, " of 'input' has no singular values: it holds NaN or infinities");
    });
  }

 private:
  bool compute_uv_ = true, full_ = false;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<SvdKernel<float>>(DType::kFloat),
    portable_kernel<SvdKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(Singular values and vectors of each matrix: x = u * diag(s) * transposed v.
  input  T[..., M, N]   returns  s  T[..., P], the largest first, with P = min(M, N)
                                 u  T[..., M, P], v  T[..., N, P]; full_matrices: [..., M, M] and [..., N, N]
  Without compute_uv, u and v are [0].
  Errors: InvalidArgument naming a matrix with NaN or infinities.   Source: TensorFlow linalg_ops Svd.)";

}  // namespace

extern const OpDef op_Svd;
const OpDef op_Svd = {
    .name = "Svd",
    .inputs = "input: T",
    .outputs = "s: T, u: T, v: T",
    .attrs = "compute_uv: bool = true; full_matrices: bool = false; T: {double, float, half, complex64, complex128}",
    .infer = infer_svd,
    .kernels = kKernels,
};

TARN_OP_FILE(svd, {&op_Svd, kDoc, nullptr, "TensorFlow 1.x has it for some shapes only"})

}  // namespace tarn
