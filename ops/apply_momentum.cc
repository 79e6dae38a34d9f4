// ApplyMomentum.
#include "ops/apply.h"
#include "ops/kernels/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "accum", "lr", "grad", "momentum"};
constexpr ApplyInputs kInputs{.refs = 2, .grad = 3, .names = kNames};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}

template <class T>
class MomentumKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    use_nesterov_ = c.attr<bool>("use_nesterov");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));
    // accum = accum * momentum + grad;  var -= lr * accum, with Nesterov: var -= lr * (grad + momentum * accum)
    kernels::MomentumOptions<T> options{
        .learning_rate = c.input(2).item<T>(), .momentum = c.input(4).item<T>(), .use_nesterov = use_nesterov_};
    const TensorView& grad = c.input(3);
    kernels::momentum_update<T>(c.threads(), grad.count, options, grad.as<T>(), variable_data<T>(c, 1),
                                variable_data<T>(c, 0));
    c.set_variable(0, c.variable(0));
    return {};
  }

 private:
  bool use_nesterov_ = false;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<MomentumKernel<float>>(DType::kFloat),
    portable_kernel<MomentumKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(A step of gradient descent with momentum.
  var, accum  variables T[...] of one shape   lr, momentum  T, scalars   grad  T[...], var's shape
  returns  the variable var
  accum = accum * momentum + grad;  var -= lr * accum, or with use_nesterov: var -= lr * (grad + momentum * accum).
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyMomentum.)";

}  // namespace

extern const OpDef op_ApplyMomentum;
const OpDef op_ApplyMomentum = {
    .name = "ApplyMomentum",
    .inputs = "var: Ref(T), accum: Ref(T), lr: T, grad: T, momentum: T",
    .outputs = "out: Ref(T)",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false; "
        "use_nesterov: bool = false",
    .traits = kStateful | kWritesRef,
    .infer = infer,
    .kernels = kKernels,
};

TARN_OP_FILE(apply_momentum, {&op_ApplyMomentum, kDoc, nullptr, "it changes variables"})

}  // namespace tarn
