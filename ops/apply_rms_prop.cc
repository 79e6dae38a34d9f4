// ApplyRMSProp and ApplyCenteredRMSProp.
#include <cmath>

#include "ops/apply.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "ms", "mom", "lr", "rho", "momentum", "epsilon", "grad"};
constexpr ApplyInputs kInputs{.refs = 3, .grad = 7, .names = kNames};
constexpr std::string_view kCenteredNames[] = {"var", "mg", "ms", "mom", "lr", "rho", "momentum", "epsilon", "grad"};
constexpr ApplyInputs kCenteredInputs{.refs = 4, .grad = 8, .names = kCenteredNames};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}
Status infer_centered(InferContext& c) {
  return infer_apply(c, kCenteredInputs);
}

// ms is the running mean of grad^2; centered, mg is that of grad, and ms - mg^2 a variance.
template <class T, bool kCentered>
class RmsPropKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const ApplyInputs& inputs = kCentered ? kCenteredInputs : kInputs;
    TARN_RETURN_IF_ERROR(judge_apply(c, inputs));
    const int refs = inputs.refs;
    const T learning_rate = c.input(refs).item<T>(), rho = c.input(refs + 1).item<T>();
    const T momentum = c.input(refs + 2).item<T>(), epsilon = c.input(refs + 3).item<T>();
    const TensorView& gradient = c.input(inputs.grad);
    const T* grad = gradient.as<T>();
    T *var = variable_data<T>(c, 0), *mg = kCentered ? variable_data<T>(c, 1) : nullptr;
    T *ms = variable_data<T>(c, refs - 2), *mom = variable_data<T>(c, refs - 1);
    c.threads().parallel_for(gradient.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        ms[i] += (grad[i] * grad[i] - ms[i]) * (T(1) - rho);
        T denominator = ms[i] + epsilon;
        if constexpr (kCentered) {
          mg[i] += (grad[i] - mg[i]) * (T(1) - rho);
          denominator = ms[i] - mg[i] * mg[i] + epsilon;
        }
        mom[i] = mom[i] * momentum + learning_rate * grad[i] / std::sqrt(denominator);
        var[i] -= mom[i];
      }
    });
    give_variable(c);
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<RmsPropKernel<float, false>>(DType::kFloat),
    portable_kernel<RmsPropKernel<double, false>>(DType::kDouble),
};
constexpr KernelDef kCenteredKernels[] = {
    portable_kernel<RmsPropKernel<float, true>>(DType::kFloat),
    portable_kernel<RmsPropKernel<double, true>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(A step of RMSProp with momentum.
  var, ms, mom  variables T[...] of one shape   lr, rho, momentum, epsilon  T, scalars   grad  T[...], var's shape
  returns  the variable var
  ms += (grad^2 - ms) * (1 - rho);  mom = momentum * mom + lr * grad / sqrt(ms + epsilon);  var -= mom.
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyRMSProp; Tieleman and Hinton 2012, lecture 6.5.)";
constexpr std::string_view kCenteredDoc = R"(A step of RMSProp with momentum, its mean square centered.
  var, mg, ms, mom  variables T[...] of one shape   lr, rho, momentum, epsilon  T, scalars   grad  T[...], var's shape
  returns  the variable var
  ms += (grad^2 - ms) * (1 - rho);  mg += (grad - mg) * (1 - rho);
  mom = momentum * mom + lr * grad / sqrt(ms - mg^2 + epsilon);  var -= mom.
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyCenteredRMSProp; Graves 2013, sec. 4.2.)";
constexpr std::string_view kResourceDoc = R"(ApplyRMSProp for resource variables.
  Inputs, formula and errors are ApplyRMSProp's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyRMSProp.)";
constexpr std::string_view kResourceCenteredDoc = R"(ApplyCenteredRMSProp for resource variables.
  Inputs, formula and errors are ApplyCenteredRMSProp's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyCenteredRMSProp.)";

}  // namespace

extern const OpDef op_ApplyRMSProp, op_ApplyCenteredRMSProp, op_ResourceApplyRMSProp, op_ResourceApplyCenteredRMSProp;
const OpDef op_ApplyRMSProp = {
    .name = "ApplyRMSProp",
    .inputs = "var: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs = kApplyAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ApplyCenteredRMSProp = {
    .name = "ApplyCenteredRMSProp",
    .inputs = "var: Ref(T), mg: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs = kApplyAttrs,
    .traits = kApplyTraits,
    .infer = infer_centered,
    .kernels = kCenteredKernels,
};
const OpDef op_ResourceApplyRMSProp = {
    .name = "ResourceApplyRMSProp",
    .inputs = "var: resource, ms: resource, mom: resource, lr: T, rho: T, momentum: T, epsilon: T, grad: T",
    .attrs = kApplyAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyCenteredRMSProp = {
    .name = "ResourceApplyCenteredRMSProp",
    .inputs =
        "var: resource, mg: resource, ms: resource, mom: resource, lr: T, rho: T, momentum: T, epsilon: T, grad: T",
    .attrs = kApplyAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer_centered,
    .kernels = kCenteredKernels,
};

TARN_OP_FILE(apply_rms_prop, {&op_ApplyRMSProp, kDoc, nullptr, kApplyReason},
             {&op_ApplyCenteredRMSProp, kCenteredDoc, nullptr, kApplyReason},
             {&op_ResourceApplyRMSProp, kResourceDoc, nullptr, kApplyReason},
             {&op_ResourceApplyCenteredRMSProp, kResourceCenteredDoc, nullptr, kApplyReason})

}  // namespace tarn
