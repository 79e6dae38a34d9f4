// LeakyRelu and LeakyReluGrad.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

// The functors of elementwise.h hold no attr, so these two have loops of their own.
template <class T>
class LeakyReluKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    alpha_ = static_cast<T>(c.attr<float>("alpha"));
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    const T* in = x.as<T>();
    T* out = y.as<T>();
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) out[i] = in[i] > T(0) ? in[i] : alpha_ * in[i];  // NaN passes
    });
    return {};
  }

 private:
  T alpha_ = T(0);
};

template <class T>
class LeakyReluGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    alpha_ = static_cast<T>(c.attr<float>("alpha"));
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &gradients = c.input(0), &features = c.input(1);
    if (*gradients.shape != *features.shape) {
      return invalid_argument("'gradients' has shape ", gradients.shape->to_string(), ", but 'features' has ",
                              features.shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(TensorView backprops, c.output(0, *gradients.shape));
    const T *dy = gradients.as<T>(), *x = features.as<T>();
    T* dx = backprops.as<T>();
    c.threads().parallel_for(gradients.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) dx[i] = x[i] > T(0) ? dy[i] : alpha_ * dy[i];
    });
    return {};
  }

 private:
  T alpha_ = T(0);
};

Status leaky_relu_gradient(GradContext& c) {
  // dx = dy where x > 0, else alpha * dy
  c.set_grad(0, c.op("LeakyReluGrad", {c.grad(), c.input(0)}, {{"alpha", c.attr<float>("alpha")}}));
  return {};
}

Status leaky_relu_grad_gradient(GradContext& c) {
  // The op is linear in `gradients`, and nothing but the sign of `features` counts.
  c.set_grad(0, c.op("LeakyReluGrad", {c.grad(), c.input(1)}, {{"alpha", c.attr<float>("alpha")}}));
  return {};
}

constexpr std::string_view kDoc = R"(features where they are above 0, else alpha * features, element by element.
  features  T[...]   returns  T[...], same shape
  alpha may be any number; NaN stays NaN.  Source: TensorFlow nn_ops LeakyRelu.)";
constexpr std::string_view kGradDoc =
    R"(The gradient of LeakyRelu: gradients where features > 0, else alpha * gradients.
  gradients  T[...]   features  T[...], same shape: LeakyRelu's input   returns  T[...], same shape
  Errors: InvalidArgument if the shapes differ, naming both.  Source: TensorFlow nn_ops LeakyReluGrad.)";

}  // namespace

extern const OpDef op_LeakyRelu, op_LeakyReluGrad;
const OpDef op_LeakyRelu = {
    .name = "LeakyRelu",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "alpha: float = 0.2; T: {half, bfloat16, float, double} = float",
    .infer = infer_unchanged,
    .kernels = kFloatingKernels<LeakyReluKernel>,
};
const OpDef op_LeakyReluGrad = {
    .name = "LeakyReluGrad",
    .inputs = "gradients: T, features: T",
    .outputs = "backprops: T",
    .attrs = "alpha: float = 0.2; T: {half, bfloat16, float, double} = float",
    .infer = infer_merged_inputs,
    .kernels = kFloatingKernels<LeakyReluGradKernel>,
};

TARN_OP_FILE(leaky_relu, {&op_LeakyRelu, kDoc, leaky_relu_gradient},
             {&op_LeakyReluGrad, kGradDoc, leaky_relu_grad_gradient})

}  // namespace tarn
