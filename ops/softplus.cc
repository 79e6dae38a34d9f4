// Softplus and SoftplusGrad.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct SoftplusOf {
  // log(exp(x) + 1) = max(x, 0) + log1p(exp(-|x|)), which cannot overflow
  T operator()(T x) const { return (x > T(0) ? x : T(0)) + std::log1p(std::exp(-std::fabs(x))); }
};

template <class T>
struct SoftplusGradOf {
  T operator()(T gradient, T x) const { return gradient / (std::exp(-x) + T(1)); }
};

Status softplus_gradient(GradContext& c) {
  // dx = dy * sigmoid(x)
  c.set_grad(0, c.op("SoftplusGrad", {c.grad(), c.input(0)}));
  return {};
}

constexpr std::string_view kDoc = R"(log(exp(features) + 1), element by element, without overflow.
  features  T[...]   returns  T[...], same shape
  Source: TensorFlow nn_ops Softplus.)";
constexpr std::string_view kGradDoc = R"(The gradient of Softplus: gradients / (exp(-features) + 1).
  gradients  T[...]   features  T[...], same shape: Softplus' input   returns  T[...], same shape
  Source: TensorFlow nn_ops SoftplusGrad.)";

}  // namespace

extern const OpDef op_Softplus, op_SoftplusGrad;
const OpDef op_Softplus = {
    .name = "Softplus",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SoftplusOf, float, double, Half, BFloat16>,
};
const OpDef op_SoftplusGrad = {
    .name = "SoftplusGrad",
    .inputs = "gradients: T, features: T",
    .outputs = "backprops: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<SoftplusGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(softplus, {&op_Softplus, kDoc, softplus_gradient},
             {&op_SoftplusGrad, kGradDoc, nullptr, "second derivatives of Softplus are not needed yet"})

}  // namespace tarn
