// Neg, Abs, Sign, Square, Reciprocal and Inv (its old name), ReciprocalGrad and InvGrad.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct NegativeOf {
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return wrap_subtract(T(0), x);
    } else {
      return -x;
    }
  }
};

template <class T>
struct AbsoluteOf {
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return x < T(0) ? wrap_subtract(T(0), x) : x;
    } else {
      return std::fabs(x);
    }
  }
};

template <class T>
struct SignOf {
  T operator()(T x) const { return x > T(0) ? T(1) : x < T(0) ? T(-1) : x == x ? T(0) : x; }
};

template <class T>
struct SquareOf {
  T operator()(T x) const { return wrap_multiply(x, x); }
};

template <class T>
struct ReciprocalOf {
  T operator()(T x) const { return T(1) / x; }
};

template <class T>
struct ReciprocalGradOf {
  T operator()(T y, T dy) const { return -dy * y * y; }
};

Status negative_gradient(GradContext& c) {
  // dx = -dy
  c.set_grad(0, c.op("Neg", {c.grad()}));
  return {};
}

Status absolute_gradient(GradContext& c) {
  // dx = dy * sign(x)
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Sign", {c.input(0)})}));
  return {};
}

Status square_gradient(GradContext& c) {
  // dx = dy * 2x
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Mul", {c.scalar(2, c.input(0)), c.input(0)})}));
  return {};
}

Status reciprocal_gradient(GradContext& c) {
  // dx = -dy * y^2
  c.set_grad(0, c.op("ReciprocalGrad", {c.output(0), c.grad()}));
  return {};
}

constexpr std::string_view kNegDoc = R"(-x, element by element.
  x  T[...]   returns  T[...], same shape
  The smallest integer stays what it is.  Source: TensorFlow math_ops Neg.)";
constexpr std::string_view kAbsDoc = R"(|x|, element by element.
  x  T[...]   returns  T[...], same shape
  The smallest integer stays what it is.  Source: TensorFlow math_ops Abs.)";
constexpr std::string_view kSignDoc = R"(-1, 0 or 1 as x is below, at or above 0, element by element; NaN stays NaN.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Sign.)";
constexpr std::string_view kSquareDoc = R"(x * x, element by element.
  x  T[...]   returns  T[...], same shape
  Integers wrap around.  Source: TensorFlow math_ops Square.)";
constexpr std::string_view kReciprocalDoc = R"(1 / x, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Reciprocal; Inv is its name of old.)";
constexpr std::string_view kReciprocalGradDoc = R"(The gradient of Reciprocal: -dy * y * y.
  y  T[...], Reciprocal's output   dy  T[...], same shape   returns  T[...], same shape
  Source: TensorFlow math_ops ReciprocalGrad.)";

constexpr std::string_view kNoSecond = "second derivatives of Reciprocal are not needed yet";

}  // namespace

extern const OpDef op_Neg, op_Abs, op_Sign, op_Square, op_Reciprocal, op_Inv, op_ReciprocalGrad, op_InvGrad;
const OpDef op_Neg = {
    .name = "Neg",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<NegativeOf, float, double, Half, BFloat16, int32_t, int64_t, int8_t, int16_t>,
};
const OpDef op_Abs = {
    .name = "Abs",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, int8, int16, int32, int64}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<AbsoluteOf, float, double, Half, BFloat16, int32_t, int64_t, int8_t, int16_t>,
};
const OpDef op_Sign = {
    .name = "Sign",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SignOf, float, double, Half, BFloat16, int32_t, int64_t, int8_t, int16_t>,
};
const OpDef op_Square = {
    .name = "Square",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs =
        "T: {bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, uint64, complex64, "
        "complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SquareOf, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                             uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Reciprocal = {
    .name = "Reciprocal",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ReciprocalOf, float, double, Half, BFloat16>,
};
const OpDef op_Inv = {
    .name = "Inv",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ReciprocalOf, float, double, Half, BFloat16>,
};
const OpDef op_ReciprocalGrad = {
    .name = "ReciprocalGrad",
    .inputs = "y: T, dy: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<ReciprocalGradOf, float, double, Half, BFloat16>,
};
const OpDef op_InvGrad = {
    .name = "InvGrad",
    .inputs = "y: T, dy: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<ReciprocalGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(unary, {&op_Neg, kNegDoc, negative_gradient}, {&op_Abs, kAbsDoc, absolute_gradient},
             {&op_Sign, kSignDoc, nullptr, "a step function: its derivative is 0 wherever it has one"},
             {&op_Square, kSquareDoc, square_gradient}, {&op_Reciprocal, kReciprocalDoc, reciprocal_gradient},
             {&op_Inv, kReciprocalDoc, reciprocal_gradient},
             {&op_ReciprocalGrad, kReciprocalGradDoc, nullptr, kNoSecond},
             {&op_InvGrad, kReciprocalGradDoc, nullptr, kNoSecond})

}  // namespace tarn
