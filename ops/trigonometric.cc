// Sin, Cos and Tan.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct SineOf {
  T operator()(T x) const { return std::sin(x); }
};

template <class T>
struct CosineOf {
  T operator()(T x) const { return std::cos(x); }
};

template <class T>
struct TangentOf {
  T operator()(T x) const { return std::tan(x); }
};

Status sine_gradient(GradContext& c) {
  // dx = dy * cos(x)
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Cos", {c.input(0)})}));
  return {};
}

Status cosine_gradient(GradContext& c) {
  // dx = -dy * sin(x)
  c.set_grad(0, c.op("Neg", {c.op("Mul", {c.grad(), c.op("Sin", {c.input(0)})})}));
  return {};
}

Status tangent_gradient(GradContext& c) {
  // dx = dy / cos(x)^2
  Wire secant = c.op("Reciprocal", {c.op("Cos", {c.input(0)})});
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Square", {secant})}));
  return {};
}

constexpr std::string_view kSinDoc = R"(The sine of x in radians, element by element; NaN for infinities.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Sin.)";
constexpr std::string_view kCosDoc = R"(The cosine of x in radians, element by element; NaN for infinities.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Cos.)";
constexpr std::string_view kTanDoc = R"(The tangent of x in radians, element by element; NaN for infinities.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Tan.)";

}  // namespace

extern const OpDef op_Sin, op_Cos, op_Tan;
const OpDef op_Sin = {
    .name = "Sin",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SineOf, float, double, Half, BFloat16>,
};
const OpDef op_Cos = {
    .name = "Cos",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<CosineOf, float, double, Half, BFloat16>,
};
const OpDef op_Tan = {
    .name = "Tan",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<TangentOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(trigonometric, {&op_Sin, kSinDoc, sine_gradient}, {&op_Cos, kCosDoc, cosine_gradient},
             {&op_Tan, kTanDoc, tangent_gradient})

}  // namespace tarn
