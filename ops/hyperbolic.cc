// Sinh, Cosh, Asinh, Acosh and Atanh. Tanh is in sigmoid.cc.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct SinhOf {
  T operator()(T x) const { return std::sinh(x); }
};
template <class T>
struct CoshOf {
  T operator()(T x) const { return std::cosh(x); }
};
template <class T>
struct AsinhOf {
  T operator()(T x) const { return std::asinh(x); }
};
template <class T>
struct AcoshOf {
  T operator()(T x) const { return std::acosh(x); }
};
template <class T>
struct AtanhOf {
  T operator()(T x) const { return std::atanh(x); }
};

Status sinh_gradient(GradContext& c) {
  // dx = dy * cosh(x)
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Cosh", {c.input(0)})}));
  return {};
}

Status cosh_gradient(GradContext& c) {
  // dx = dy * sinh(x)
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Sinh", {c.input(0)})}));
  return {};
}

Status asinh_gradient(GradContext& c) {
  // dx = dy / cosh(y)
  c.set_grad(0, c.op("RealDiv", {c.grad(), c.op("Cosh", {c.output(0)})}));
  return {};
}

Status acosh_gradient(GradContext& c) {
  // dx = dy / sinh(y)
  c.set_grad(0, c.op("RealDiv", {c.grad(), c.op("Sinh", {c.output(0)})}));
  return {};
}

Status atanh_gradient(GradContext& c) {
  // dx = dy / (1 - x^2)
  Wire x = c.input(0);
  c.set_grad(0, c.op("RealDiv", {c.grad(), c.op("Sub", {c.scalar(1, x), c.op("Square", {x})})}));
  return {};
}

constexpr std::string_view kSinhDoc = R"(The hyperbolic sine of x, element by element.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Sinh.)";
constexpr std::string_view kCoshDoc = R"(The hyperbolic cosine of x, element by element.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Cosh.)";
constexpr std::string_view kAsinhDoc = R"(The number whose hyperbolic sine is x, element by element.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Asinh.)";
constexpr std::string_view kAcoshDoc =
    R"(The number >= 0 whose hyperbolic cosine is x, element by element; NaN for x < 1.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Acosh.)";
constexpr std::string_view kAtanhDoc =
    R"(The number whose hyperbolic tangent is x, element by element; NaN outside [-1, 1].
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Atanh.)";

}  // namespace

extern const OpDef op_Sinh, op_Cosh, op_Asinh, op_Acosh, op_Atanh;
const OpDef op_Sinh = {
    .name = "Sinh",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SinhOf, float, double, Half, BFloat16>,
};
const OpDef op_Cosh = {
    .name = "Cosh",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<CoshOf, float, double, Half, BFloat16>,
};
const OpDef op_Asinh = {
    .name = "Asinh",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<AsinhOf, float, double, Half, BFloat16>,
};
const OpDef op_Acosh = {
    .name = "Acosh",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<AcoshOf, float, double, Half, BFloat16>,
};
const OpDef op_Atanh = {
    .name = "Atanh",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<AtanhOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(hyperbolic, {&op_Sinh, kSinhDoc, sinh_gradient}, {&op_Cosh, kCoshDoc, cosh_gradient},
             {&op_Asinh, kAsinhDoc, asinh_gradient}, {&op_Acosh, kAcoshDoc, acosh_gradient},
             {&op_Atanh, kAtanhDoc, atanh_gradient})

}  // namespace tarn
