// Relu6 and Relu6Grad.
#include "core/op.h"
#include "ops/activation.h"

namespace tarn {
namespace {

template <class T>
struct Relu6Of {
  T operator()(T x) const { return x < T(0) ? T(0) : x > T(6) ? T(6) : x; }  // NaN passes
};

template <class T>
struct Relu6GradOf {
  T operator()(T gradient, T feature) const { return feature > T(0) && feature < T(6) ? gradient : T(0); }
};

Status relu6_gradient(GradContext& c) {
  // dx = dy where 0 < y < 6
  c.set_grad(0, c.op("Relu6Grad", {c.grad(), c.output(0)}));
  return {};
}

constexpr std::string_view kDoc = R"(min(max(features, 0), 6), element by element; NaN stays NaN.
  features  T[...]   returns  T[...], same shape
  Source: TensorFlow nn_ops Relu6.)";
constexpr std::string_view kGradDoc = R"(The gradient of Relu6: gradients where 0 < features < 6, else 0.
  gradients, features  T[...], same shape; `features` may be Relu6's input or its output
  Source: TensorFlow nn_ops Relu6Grad.)";

}  // namespace

extern const OpDef op_Relu6, op_Relu6Grad;
const OpDef op_Relu6 = {
    .name = "Relu6",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_unchanged,
    .kernels = kActivationKernels<kernels::Activation::kRelu6, Relu6Of, Half, BFloat16, int32_t, int64_t, uint8_t,
                                  int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
    .activation = Activation::kRelu6,
};
const OpDef op_Relu6Grad = {
    .name = "Relu6Grad",
    .inputs = "gradients: T, features: T",
    .outputs = "backprops: T",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_merged_inputs,
    .kernels = kActivationGradKernels<kernels::Activation::kRelu6, Relu6GradOf, Half, BFloat16, int32_t, int64_t,
                                      uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(relu6, {&op_Relu6, kDoc, relu6_gradient},
             {&op_Relu6Grad, kGradDoc, nullptr, "second derivatives of Relu6 are not needed yet"})

}  // namespace tarn
