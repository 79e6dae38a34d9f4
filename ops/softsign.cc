// Softsign and SoftsignGrad.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct SoftsignOf {
  T operator()(T x) const { return x / (T(1) + std::fabs(x)); }
};

template <class T>
struct SoftsignGradOf {
  T operator()(T gradient, T x) const {
    T distance = T(1) + std::fabs(x);
    return gradient / (distance * distance);
  }
};

Status softsign_gradient(GradContext& c) {
  // dx = dy / (|x| + 1)^2
  c.set_grad(0, c.op("SoftsignGrad", {c.grad(), c.input(0)}));
  return {};
}

constexpr std::string_view kDoc = R"(features / (|features| + 1), element by element; NaN for infinities.
  features  T[...]   returns  T[...], same shape
  Source: TensorFlow nn_ops Softsign.)";
constexpr std::string_view kGradDoc = R"(The gradient of Softsign: gradients / (|features| + 1)^2.
  gradients  T[...]   features  T[...], same shape: Softsign's input   returns  T[...], same shape
  Source: TensorFlow nn_ops SoftsignGrad.)";

}  // namespace

extern const OpDef op_Softsign, op_SoftsignGrad;
const OpDef op_Softsign = {
    .name = "Softsign",
    .inputs = "features: T",
    .outputs = "activations: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SoftsignOf, float, double, Half, BFloat16>,
};
const OpDef op_SoftsignGrad = {
    .name = "SoftsignGrad",
    .inputs = "gradients: T, features: T",
    .outputs = "backprops: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<SoftsignGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(softsign, {&op_Softsign, kDoc, softsign_gradient},
             {&op_SoftsignGrad, kGradDoc, nullptr, "second derivatives of Softsign are not needed yet"})

}  // namespace tarn
