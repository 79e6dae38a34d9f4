// Qr.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/decompositions.h"
#include "ops/matrices.h"

namespace tarn {
namespace {

Status infer_qr(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::of(c.shape(0), "input"));
  int64_t inner = c.attr<bool>("full_matrices") ? x.rows : smaller_dim(x.rows, x.columns);
  TARN_RETURN_IF_ERROR(set_output_checked(c, 0, x.with_dims({x.rows, inner})));
  return set_output_checked(c, 1, x.with_dims({inner, x.columns}));
}

template <class T>
class QrKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    full_ = c.attr<bool>("full_matrices");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Matrices matrices, Matrices::of(*x.shape, "input"));
    int64_t m = matrices.rows, n = matrices.columns, inner = full_ ? m : std::min(m, n);
    TARN_ASSIGN_OR_RETURN(TensorView q, c.output(0, matrices.with_dims({m, inner})));
    TARN_ASSIGN_OR_RETURN(TensorView r, c.output(1, matrices.with_dims({inner, n})));
    if (x.count == 0) {  // q of a matrix without columns is any basis: the plainest
      for (int64_t i = 0; i < q.count; ++i) q.as<T>()[i] = T(i / inner % m == i % inner ? 1 : 0);
      std::fill_n(r.as<T>(), r.count, T(0));
      return {};
    }
    return for_each_matrix(c, matrices, [&](int64_t i) -> Status {
      householder_qr(x.as<T>() + i * m * n, m, n, inner, q.as<T>() + i * m * inner, r.as<T>() + i * inner * n);
      return {};
    });
  }

 private:
  bool full_ = false;
};

constexpr std::string_view kDoc = R"(Orthogonal and upper triangular factors of each matrix: x = q * r.
  input  T[..., M, N]   returns  q  T[..., M, P], r  T[..., P, N], with P = min(M, N), or M for full_matrices
  By Householder reflections: r's diagonal may be negative.   Source: TensorFlow linalg_ops Qr.)";

}  // namespace

extern const OpDef op_Qr;
const OpDef op_Qr = {
    .name = "Qr",
    .inputs = "input: T",
    .outputs = "q: T, r: T",
    .attrs = "full_matrices: bool = false; T: {double, float, half, complex64, complex128}",
    .infer = infer_qr,
    .kernels = kKernelsFor<QrKernel, float, double, Half>,
};

TARN_OP_FILE(qr, {&op_Qr, kDoc, nullptr, "TensorFlow 1.x has it for some shapes only"})

}  // namespace tarn
