// Sigmoid and Tanh, SigmoidGrad and TanhGrad.
#include <cmath>

#include "core/op.h"
#include "ops/flat_kernel.h"
#include "ops/kernels/sigmoid.h"

namespace tarn {
namespace {

template <class T>
struct SigmoidOf {
  // exp(-x) overflows to infinity for very negative x, and 1 / infinity is the right 0.
  T operator()(T x) const { return T(1) / (T(1) + std::exp(-x)); }
};

template <class T>
struct TanhOf {
  T operator()(T x) const { return std::tanh(x); }
};

template <class T>
struct SigmoidGradOf {
  T operator()(T y, T dy) const { return dy * y * (T(1) - y); }
};

template <class T>
struct TanhGradOf {
  T operator()(T y, T dy) const { return dy * (T(1) - y * y); }
};

Status sigmoid_gradient(GradContext& c) {
  // dx = dy * y * (1 - y)
  c.set_grad(0, c.op("SigmoidGrad", {c.output(0), c.grad()}));
  return {};
}

Status tanh_gradient(GradContext& c) {
  // dx = dy * (1 - y^2)
  c.set_grad(0, c.op("TanhGrad", {c.output(0), c.grad()}));
  return {};
}

constexpr std::string_view kSigmoidDoc = R"(1 / (1 + exp(-x)), element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Sigmoid.)";
constexpr std::string_view kTanhDoc = R"(The hyperbolic tangent of x, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Tanh.)";
constexpr std::string_view kSigmoidGradDoc = R"(The gradient of Sigmoid: dy * y * (1 - y).
  y  T[...], Sigmoid's output   dy  T[...], same shape   returns  T[...], same shape
  Source: TensorFlow math_ops SigmoidGrad.)";
constexpr std::string_view kTanhGradDoc = R"(The gradient of Tanh: dy * (1 - y * y).
  y  T[...], Tanh's output   dy  T[...], same shape   returns  T[...], same shape
  Source: TensorFlow math_ops TanhGrad.)";

}  // namespace

extern const OpDef op_Sigmoid, op_Tanh, op_SigmoidGrad, op_TanhGrad;
const OpDef op_Sigmoid = {
    .name = "Sigmoid",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kFlatKernels<kernels::sigmoid<float>, kernels::sigmoid<double>, SigmoidOf>,
};
const OpDef op_Tanh = {
    .name = "Tanh",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kFlatKernels<kernels::tanh<float>, kernels::tanh<double>, TanhOf>,
};
const OpDef op_SigmoidGrad = {
    .name = "SigmoidGrad",
    .inputs = "y: T, dy: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<SigmoidGradOf, float, double, Half, BFloat16>,
};
const OpDef op_TanhGrad = {
    .name = "TanhGrad",
    .inputs = "y: T, dy: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<TanhGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(sigmoid, {&op_Sigmoid, kSigmoidDoc, sigmoid_gradient}, {&op_Tanh, kTanhDoc, tanh_gradient},
             {&op_SigmoidGrad, kSigmoidGradDoc, nullptr, "second derivatives of Sigmoid are not needed yet"},
             {&op_TanhGrad, kTanhGradDoc, nullptr, "second derivatives of Tanh are not needed yet"})

}  // namespace tarn
