// Elu and EluGrad.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct EluOf {
  T operator()(T x) const { return x < T(0) ? std::expm1(x) : x; }  // NaN passes
};

template <class T>
struct EluGradOf {
  // d(exp(x) - 1) = exp(x) = y + 1
  T operator()(T gradient, T y) const { return y < T(0) ? gradient * (y + T(1)) : gradient; }
};

Status elu_gradient(GradContext& c) {
  // dx = dy * (y + 1) where y < 0, else dy
  c.set_grad(0, c.op("EluGrad", {c.grad(), c.output(0)}));
  return {};
}

constexpr std::string_view kDoc = R"(exp(features) - 1 below 0, features elsewhere, element by element; NaN stays NaN.
  features  T[...]   returns  T[...], same shape
  Source: TensorFlow nn_ops Elu; Clevert, Unterthiner and Hochreiter 2015.)";
constexpr std::string_view kGradDoc =
    R"(The gradient of Elu: gradients * (outputs + 1) where outputs < 0, else gradients.
  gradients  T[...]   outputs  T[...], same shape: Elu's output   returns  T[...], same shape
  Source: TensorFlow nn_ops EluGrad.)";

}  // namespace

extern const OpDef op_Elu, op_EluGrad;
const OpDef op_Elu = {
    .name = "Elu",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<EluOf, float, double, Half, BFloat16>,
};
const OpDef op_EluGrad = {
    .name = "EluGrad",
    .inputs = "gradients: T, outputs: T",
    .outputs = "backprops: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<EluGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(elu, {&op_Elu, kDoc, elu_gradient},
             {&op_EluGrad, kGradDoc, nullptr, "second derivatives of Elu are not needed yet"})

}  // namespace tarn
