// Selu and SeluGrad.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

// Klambauer et al. 2017, which keep a mean of 0 and a variance of 1 from layer to layer.
constexpr double kScale = 1.0507009873554804934193349852946;
constexpr double kScaleAlpha = 1.7580993408473768599402175208123;

template <class T>
struct SeluOf {
  T operator()(T x) const { return x < T(0) ? T(kScaleAlpha) * std::expm1(x) : T(kScale) * x; }  // NaN passes
};

template <class T>
struct SeluGradOf {
  // d(scale alpha (exp(x) - 1)) = scale alpha exp(x) = y + scale alpha
  T operator()(T gradient, T y) const { return y < T(0) ? gradient * (y + T(kScaleAlpha)) : gradient * T(kScale); }
};

Status selu_gradient(GradContext& c) {
  // dx = dy * (y + scale * alpha) where y < 0, else dy * scale
  c.set_grad(0, c.op("SeluGrad", {c.grad(), c.output(0)}));
  return {};
}

constexpr std::string_view kDoc = R"(scale * Elu with its lower part times alpha, element by element; NaN stays NaN.
  features  T[...]   returns  T[...], same shape
  scale * features, below 0 scale * alpha * (exp(features) - 1); scale = 1.0507009873554805, alpha = 1.6732632423543773.
  Source: TensorFlow nn_ops Selu; Klambauer et al. 2017.)";
constexpr std::string_view kGradDoc = R"(The gradient of Selu, from its output.
  gradients  T[...]   outputs  T[...], same shape: Selu's output   returns  T[...], same shape
  gradients * (outputs + scale * alpha) where outputs < 0, else gradients * scale.
  Source: TensorFlow nn_ops SeluGrad.)";

}  // namespace

extern const OpDef op_Selu, op_SeluGrad;
const OpDef op_Selu = {
    .name = "Selu",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SeluOf, float, double, Half, BFloat16>,
};
const OpDef op_SeluGrad = {
    .name = "SeluGrad",
    .inputs = "gradients: T, outputs: T",
    .outputs = "backprops: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<SeluGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(selu, {&op_Selu, kDoc, selu_gradient},
             {&op_SeluGrad, kGradDoc, nullptr, "second derivatives of Selu are not needed yet"})

}  // namespace tarn
