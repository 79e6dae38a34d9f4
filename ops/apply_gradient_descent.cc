// ApplyGradientDescent.
#include "ops/apply.h"
#include "ops/kernels/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "alpha", "delta"};
constexpr ApplyInputs kInputs{.refs = 1, .grad = 2, .names = kNames};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}

template <class T>
class GradientDescentKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));
    // var -= alpha * delta
    const TensorView& delta = c.input(2);
    kernels::axpy<T>(c.threads(), delta.count, -c.input(1).item<T>(), delta.as<T>(), variable_data<T>(c, 0));
    give_variable(c);
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<GradientDescentKernel<float>>(DType::kFloat),
    portable_kernel<GradientDescentKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(A step of gradient descent: var -= alpha * delta.
  var  a variable T[...]   alpha  T, a scalar   delta  T[...], var's shape   returns  the variable
  Errors: InvalidArgument if shapes differ; FailedPrecondition if var has no value.
  Source: TensorFlow training_ops ApplyGradientDescent.)";
constexpr std::string_view kResourceDoc = R"(ApplyGradientDescent for resource variables.
  Inputs, formula and errors are ApplyGradientDescent's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyGradientDescent.)";

}  // namespace

extern const OpDef op_ApplyGradientDescent, op_ResourceApplyGradientDescent;
const OpDef op_ApplyGradientDescent = {
    .name = "ApplyGradientDescent",
    .inputs = "var: Ref(T), alpha: T, delta: T",
    .outputs = "out: Ref(T)",
    .attrs = kApplyAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyGradientDescent = {
    .name = "ResourceApplyGradientDescent",
    .inputs = "var: resource, alpha: T, delta: T",
    .attrs = kApplyAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};

TARN_OP_FILE(apply_gradient_descent, {&op_ApplyGradientDescent, kDoc, nullptr, kApplyReason},
             {&op_ResourceApplyGradientDescent, kResourceDoc, nullptr, kApplyReason})

}  // namespace tarn
