// ApplyAdagrad and ApplyAdagradV2, and their like for resource variables.
#include <cmath>

#include "ops/apply.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "accum", "lr", "grad"};
constexpr ApplyInputs kInputs{.refs = 2, .grad = 3, .names = kNames};

constexpr std::string_view kV2Names[] = {"var", "accum", "lr", "epsilon", "grad"};
constexpr ApplyInputs kV2Inputs{.refs = 2, .grad = 4, .names = kV2Names};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}

Status infer_v2(InferContext& c) {
  return infer_apply(c, kV2Inputs);
}

// Version 2 adds epsilon to the divisor.
template <class T, bool kHasEpsilon>
class AdagradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    update_slots_ = c.attr<bool>("update_slots");
    return {};
  }
  Status run(RunContext& c) const override {
    const ApplyInputs& inputs = kHasEpsilon ? kV2Inputs : kInputs;
    TARN_RETURN_IF_ERROR(judge_apply(c, inputs));
    const T learning_rate = c.input(2).item<T>();
    const T epsilon = kHasEpsilon ? c.input(3).item<T>() : T(0);
    const TensorView& gradient = c.input(inputs.grad);
    const T* grad = gradient.as<T>();
    T *accum = variable_data<T>(c, 1), *var = variable_data<T>(c, 0);
    c.threads().parallel_for(gradient.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        if (update_slots_) accum[i] += grad[i] * grad[i];
        var[i] -= learning_rate * grad[i] / (std::sqrt(accum[i]) + epsilon);
      }
    });
    give_variable(c);
    return {};
  }

 private:
  bool update_slots_ = true;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<AdagradKernel<float, false>>(DType::kFloat),
    portable_kernel<AdagradKernel<double, false>>(DType::kDouble),
};

constexpr KernelDef kV2Kernels[] = {
    portable_kernel<AdagradKernel<float, true>>(DType::kFloat),
    portable_kernel<AdagradKernel<double, true>>(DType::kDouble),
};

constexpr std::string_view kAdagradAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false; update_slots: bool = true";
constexpr std::string_view kDoc = R"(A step of Adagrad.
  var, accum  variables T[...] of one shape   lr  T, a scalar   grad  T[...], var's shape   returns  the variable var
  accum += grad^2, unless update_slots is false;  var -= lr * grad / sqrt(accum).
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyAdagrad; Duchi, Hazan and Singer 2011.)";
constexpr std::string_view kResourceDoc = R"(ApplyAdagrad for resource variables.
  Inputs, formula and errors are ApplyAdagrad's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyAdagrad.)";
constexpr std::string_view kV2Doc = R"(A step of Adagrad, with an epsilon.
  var, accum  variables T[...] of one shape   lr, epsilon  T, scalars   grad  T[...], var's shape
  returns  the variable var
  accum += grad^2, unless update_slots is false;  var -= lr * grad / (sqrt(accum) + epsilon).
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyAdagradV2.)";
constexpr std::string_view kResourceV2Doc = R"(ApplyAdagradV2 for resource variables.
  Inputs, formula and errors are ApplyAdagradV2's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyAdagradV2.)";

}  // namespace

extern const OpDef op_ApplyAdagrad, op_ResourceApplyAdagrad, op_ApplyAdagradV2, op_ResourceApplyAdagradV2;
const OpDef op_ApplyAdagrad = {
    .name = "ApplyAdagrad",
    .inputs = "var: Ref(T), accum: Ref(T), lr: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs = kAdagradAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyAdagrad = {
    .name = "ResourceApplyAdagrad",
    .inputs = "var: resource, accum: resource, lr: T, grad: T",
    .attrs = kAdagradAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ApplyAdagradV2 = {
    .name = "ApplyAdagradV2",
    .inputs = "var: Ref(T), accum: Ref(T), lr: T, epsilon: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs = kAdagradAttrs,
    .traits = kApplyTraits,
    .infer = infer_v2,
    .kernels = kV2Kernels,
};
const OpDef op_ResourceApplyAdagradV2 = {
    .name = "ResourceApplyAdagradV2",
    .inputs = "var: resource, accum: resource, lr: T, epsilon: T, grad: T",
    .attrs = kAdagradAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer_v2,
    .kernels = kV2Kernels,
};

TARN_OP_FILE(apply_adagrad, {&op_ApplyAdagrad, kDoc, nullptr, kApplyReason},
             {&op_ResourceApplyAdagrad, kResourceDoc, nullptr, kApplyReason},
             {&op_ApplyAdagradV2, kV2Doc, nullptr, kApplyReason},
             {&op_ResourceApplyAdagradV2, kResourceV2Doc, nullptr, kApplyReason})

}  // namespace tarn
