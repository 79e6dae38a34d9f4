// Relu and ReluGrad.
#include "core/op.h"
#include "ops/activation.h"

namespace tarn {
namespace {

template <class T>
struct Relu {
  T operator()(T x) const { return x > T(0) ? x : x == x ? T(0) : x; }  // NaN passes, as in TensorFlow
};

template <class T>
struct ReluGrad {
  T operator()(T gradient, T feature) const { return feature > T(0) ? gradient : T(0); }
};

Status relu_gradient(GradContext& c) {
  // dx = dy where y > 0
  c.set_grad(0, c.op("ReluGrad", {c.grad(), c.output(0)}));
  return {};
}

constexpr std::string_view kReluDoc = R"(max(features, 0), element by element; NaN stays NaN.
  features  T[...]   returns  T[...], same shape
  Source: TensorFlow nn_ops Relu.)";
constexpr std::string_view kReluGradDoc = R"(The gradient of Relu: gradients where features > 0, else 0.
  gradients, features  T[...], same shape; `features` may be Relu's input or its output
  Source: TensorFlow nn_ops ReluGrad.)";

}  // namespace

extern const OpDef op_Relu, op_ReluGrad;
const OpDef op_Relu = {
    .name = "Relu",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64, qint8}",
    .infer = infer_unchanged,
    .kernels = kActivationKernels<kernels::Activation::kRelu, Relu, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t,
                                  int16_t, uint16_t, uint32_t, uint64_t>,
    .activation = Activation::kRelu,
};
const OpDef op_ReluGrad = {
    .name = "ReluGrad",
    .inputs = "gradients: T, features: T",
    .outputs = "backprops: T",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_merged_inputs,
    .kernels = kActivationGradKernels<kernels::Activation::kRelu, ReluGrad, Half, BFloat16, int32_t, int64_t, uint8_t,
                                      int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(relu, {&op_Relu, kReluDoc, relu_gradient},
             {&op_ReluGrad, kReluGradDoc, nullptr, "second derivatives of Relu are not needed yet"})

}  // namespace tarn
