// Softmax and LogSoftmax.
#include "ops/kernels/softmax.h"
#include "core/op.h"
#include "ops/adapted_kernel.h"

namespace tarn {
namespace {

Status infer_softmax(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "logits"));
  return infer_unchanged(c);
}

template <class T, bool kLog>
class SoftmaxKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    if (x.shape->rank() < 1) return invalid_argument("input 'logits' must have rank at least 1, has shape []");
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    int64_t columns = x.shape->dim(-1);
    if constexpr (kLog) {
      kernels::log_softmax<T>(c.threads(), x.count / columns, columns, x.as<T>(), y.as<T>());
    } else {
      kernels::softmax<T>(c.threads(), x.count / columns, columns, x.as<T>(), y.as<T>());
    }
    return {};
  }
};

template <class T>
using PlainSoftmaxKernel = SoftmaxKernel<T, false>;
template <class T>
using LogSoftmaxKernel = SoftmaxKernel<T, true>;

Wire sum_of_rows(GradContext& c, Wire x) {
  return c.op("Sum", {x, c.constant(Tensor::scalar<int32_t>(-1))}, {{"keep_dims", true}});
}

Status softmax_gradient(GradContext& c) {
  Wire y = c.output(0), dy = c.grad();
  // dx = (dy - sum(dy * y)) * y
  c.set_grad(0, c.op("Mul", {c.op("Sub", {dy, sum_of_rows(c, c.op("Mul", {dy, y}))}), y}));
  return {};
}

Status log_softmax_gradient(GradContext& c) {
  Wire softmax = c.op("Exp", {c.output(0)});
  // dx = dy - sum(dy) * softmax(x)
  c.set_grad(0, c.op("Sub", {c.grad(), c.op("Mul", {sum_of_rows(c, c.grad()), softmax})}));
  return {};
}

constexpr std::string_view kSoftmaxDoc = R"(exp(x) / sum(exp(x)) along the last dim.
  logits  T[..., C], rank 1 or more   returns  T[..., C]
  The largest logit is subtracted first, so finite logits never overflow.
  Errors: InvalidArgument for a scalar.  Source: TensorFlow nn_ops Softmax.)";
constexpr std::string_view kLogSoftmaxDoc = R"(x - log(sum(exp(x))) along the last dim: the logarithm of Softmax.
  logits  T[..., C], rank 1 or more   returns  T[..., C]
  The largest logit is subtracted first, so finite logits never overflow.
  Errors: InvalidArgument for a scalar.  Source: TensorFlow nn_ops LogSoftmax.)";

}  // namespace

extern const OpDef op_Softmax, op_LogSoftmax;
const OpDef op_Softmax = {
    .name = "Softmax",
    .inputs = "logits: T",
    .outputs = "softmax: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_softmax,
    .kernels = kFloatingKernels<PlainSoftmaxKernel>,
};
const OpDef op_LogSoftmax = {
    .name = "LogSoftmax",
    .inputs = "logits: T",
    .outputs = "logsoftmax: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_softmax,
    .kernels = kFloatingKernels<LogSoftmaxKernel>,
};

TARN_OP_FILE(softmax, {&op_Softmax, kSoftmaxDoc, softmax_gradient},
             {&op_LogSoftmax, kLogSoftmaxDoc, log_softmax_gradient})

}  // namespace tarn
