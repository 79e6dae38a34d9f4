// ApplyMomentum, ResourceApplyMomentum and ResourceApplyKerasMomentum.
#include "ops/apply.h"
#include "ops/elementwise.h"
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
    give_variable(c);
    return {};
  }

 private:
  bool use_nesterov_ = false;
};

// The learning rate goes into accum, so that steps taken before it changed keep theirs.
template <class T>
class KerasMomentumKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    use_nesterov_ = c.attr<bool>("use_nesterov");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));
    const T learning_rate = c.input(2).item<T>(), momentum = c.input(4).item<T>();
    const TensorView& gradient = c.input(3);
    const T* grad = gradient.as<T>();
    T *accum = variable_data<T>(c, 1), *var = variable_data<T>(c, 0);
    c.threads().parallel_for(gradient.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        accum[i] = accum[i] * momentum - learning_rate * grad[i];
        var[i] += use_nesterov_ ? accum[i] * momentum - learning_rate * grad[i] : accum[i];
      }
    });
    give_variable(c);
    return {};
  }

 private:
  bool use_nesterov_ = false;
};

constexpr KernelDef kKerasKernels[] = {
    portable_kernel<KerasMomentumKernel<float>>(DType::kFloat),
    portable_kernel<KerasMomentumKernel<double>>(DType::kDouble),
};
constexpr KernelDef kKernels[] = {
    portable_kernel<MomentumKernel<float>>(DType::kFloat),
    portable_kernel<MomentumKernel<double>>(DType::kDouble),
};

constexpr std::string_view kMomentumAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false; "
    "use_nesterov: bool = false";
constexpr std::string_view kDoc = R"(A step of gradient descent with momentum.
  var, accum  variables T[...] of one shape   lr, momentum  T, scalars   grad  T[...], var's shape
  returns  the variable var
  accum = accum * momentum + grad;  var -= lr * accum, or with use_nesterov: var -= lr * (grad + momentum * accum).
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyMomentum.)";
constexpr std::string_view kResourceDoc = R"(ApplyMomentum for resource variables.
  Inputs, formula and errors are ApplyMomentum's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyMomentum.)";
constexpr std::string_view kKerasDoc = R"(A step of gradient descent with momentum, as Keras takes it.
  var, accum  handles on variables T[...] of one shape   lr, momentum  T, scalars   grad  T[...], var's shape
  accum = accum * momentum - lr * grad;  var += accum, or with use_nesterov: var += accum * momentum - lr * grad.
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ResourceApplyKerasMomentum.)";

}  // namespace

extern const OpDef op_ApplyMomentum, op_ResourceApplyMomentum, op_ResourceApplyKerasMomentum;
const OpDef op_ApplyMomentum = {
    .name = "ApplyMomentum",
    .inputs = "var: Ref(T), accum: Ref(T), lr: T, grad: T, momentum: T",
    .outputs = "out: Ref(T)",
    .attrs = kMomentumAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyMomentum = {
    .name = "ResourceApplyMomentum",
    .inputs = "var: resource, accum: resource, lr: T, grad: T, momentum: T",
    .attrs = kMomentumAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyKerasMomentum = {
    .name = "ResourceApplyKerasMomentum",
    .inputs = "var: resource, accum: resource, lr: T, grad: T, momentum: T",
    .attrs = kMomentumAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKerasKernels,
};

TARN_OP_FILE(apply_momentum, {&op_ApplyMomentum, kDoc, nullptr, kApplyReason},
             {&op_ResourceApplyMomentum, kResourceDoc, nullptr, kApplyReason},
             {&op_ResourceApplyKerasMomentum, kKerasDoc, nullptr, kApplyReason})

}  // namespace tarn
