// ApplyAdam.
#include "ops/apply.h"
#include "ops/kernels/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "m",     "v",     "beta1_power", "beta2_power",
                                       "lr",  "beta1", "beta2", "epsilon",     "grad"};
constexpr ApplyInputs kInputs{.refs = 3, .grad = 9, .names = kNames};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}

template <class T>
class AdamKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    use_nesterov_ = c.attr<bool>("use_nesterov");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));
    auto number = [&](int i) { return c.input(i).item<T>(); };
    kernels::AdamOptions<T> options{.learning_rate = number(5),
                                    .beta1 = number(6),
                                    .beta2 = number(7),
                                    .beta1_power = number(3),
                                    .beta2_power = number(4),
                                    .epsilon = number(8),
                                    .use_nesterov = use_nesterov_};
    const TensorView& grad = c.input(9);
    kernels::adam_update<T>(c.threads(), grad.count, options, grad.as<T>(), variable_data<T>(c, 1),
                            variable_data<T>(c, 2), variable_data<T>(c, 0));
    give_variable(c);
    return {};
  }

 private:
  bool use_nesterov_ = false;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<AdamKernel<float>>(DType::kFloat),
    portable_kernel<AdamKernel<double>>(DType::kDouble),
};

constexpr std::string_view kAdamAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false; "
    "use_nesterov: bool = false";
constexpr std::string_view kDoc = R"(A step of Adam.
  var, m, v  variables T[...] of one shape   beta1_power, beta2_power, lr, beta1, beta2, epsilon  T, scalars
  grad       T[...], var's shape   returns  the variable var
  lr_t = lr * sqrt(1 - beta2_power) / (1 - beta1_power);  m += (grad - m) * (1 - beta1);
  v += (grad^2 - v) * (1 - beta2);  var -= lr_t * m / (sqrt(v) + epsilon); with use_nesterov
  beta1 * m + (1 - beta1) * grad stands for m in the last one.
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyAdam; Kingma and Ba 2014, end of sec. 2.)";
constexpr std::string_view kResourceDoc = R"(ApplyAdam for resource variables.
  Inputs, formula and errors are ApplyAdam's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyAdam.)";

}  // namespace

extern const OpDef op_ApplyAdam, op_ResourceApplyAdam;
const OpDef op_ApplyAdam = {
    .name = "ApplyAdam",
    .inputs =
        "var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, beta2_power: T, lr: T, beta1: T, beta2: T, "
        "epsilon: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs = kAdamAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyAdam = {
    .name = "ResourceApplyAdam",
    .inputs =
        "var: resource, m: resource, v: resource, beta1_power: T, beta2_power: T, lr: T, beta1: T, beta2: T, "
        "epsilon: T, grad: T",
    .attrs = kAdamAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};

TARN_OP_FILE(apply_adam, {&op_ApplyAdam, kDoc, nullptr, kApplyReason},
             {&op_ResourceApplyAdam, kResourceDoc, nullptr, kApplyReason})

}  // namespace tarn
