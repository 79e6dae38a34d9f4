// ApplyAdadelta.
#include <cmath>

#include "ops/apply.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "accum", "accum_update", "lr", "rho", "epsilon", "grad"};
constexpr ApplyInputs kInputs{.refs = 3, .grad = 6, .names = kNames};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}

template <class T>
class AdadeltaKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));
    const T learning_rate = c.input(3).item<T>(), rho = c.input(4).item<T>(), epsilon = c.input(5).item<T>();
    const TensorView& gradient = c.input(6);
    const T* grad = gradient.as<T>();
    T *accum_update = variable_data<T>(c, 2), *accum = variable_data<T>(c, 1), *var = variable_data<T>(c, 0);
    c.threads().parallel_for(gradient.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        accum[i] = accum[i] * rho + grad[i] * grad[i] * (T(1) - rho);
        T update = std::sqrt(accum_update[i] + epsilon) / std::sqrt(accum[i] + epsilon) * grad[i];
        var[i] -= update * learning_rate;
        accum_update[i] = accum_update[i] * rho + update * update * (T(1) - rho);
      }
    });
    give_variable(c);
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<AdadeltaKernel<float>>(DType::kFloat),
    portable_kernel<AdadeltaKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(A step of Adadelta.
  var, accum, accum_update  variables T[...] of one shape   lr, rho, epsilon  T, scalars   grad  T[...], var's shape
  returns  the variable var
  accum = rho * accum + (1 - rho) * grad^2;  update = sqrt(accum_update + epsilon) / sqrt(accum + epsilon) * grad;
  var -= lr * update;  accum_update = rho * accum_update + (1 - rho) * update^2.
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyAdadelta; Zeiler 2012.)";
constexpr std::string_view kResourceDoc = R"(ApplyAdadelta for resource variables.
  Inputs, formula and errors are ApplyAdadelta's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyAdadelta.)";

}  // namespace

extern const OpDef op_ApplyAdadelta, op_ResourceApplyAdadelta;
const OpDef op_ApplyAdadelta = {
    .name = "ApplyAdadelta",
    .inputs = "var: Ref(T), accum: Ref(T), accum_update: Ref(T), lr: T, rho: T, epsilon: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs = kApplyAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyAdadelta = {
    .name = "ResourceApplyAdadelta",
    .inputs = "var: resource, accum: resource, accum_update: resource, lr: T, rho: T, epsilon: T, grad: T",
    .attrs = kApplyAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};

TARN_OP_FILE(apply_adadelta, {&op_ApplyAdadelta, kDoc, nullptr, kApplyReason},
             {&op_ResourceApplyAdadelta, kResourceDoc, nullptr, kApplyReason})

}  // namespace tarn
