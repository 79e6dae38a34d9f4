// DivNoNan, MulNoNan, Xdivy, Xlogy and Xlog1py: products and quotients with a zero that wins.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

template <class T>
struct DivideNoNanOf {
  T operator()(T x, T y) const { return y == T(0) ? T(0) : x / y; }
};
template <class T>
struct MultiplyNoNanOf {
  T operator()(T x, T y) const { return y == T(0) ? T(0) : x * y; }
};
template <class T>
struct XdivyOf {
  T operator()(T x, T y) const { return x == T(0) ? T(0) : x / y; }
};
template <class T>
struct XlogyOf {
  T operator()(T x, T y) const { return x == T(0) ? T(0) : x * std::log(y); }
};
template <class T>
struct Xlog1pyOf {
  T operator()(T x, T y) const { return x == T(0) ? T(0) : x * std::log1p(y); }
};

Status divide_no_nan_gradient(GradContext& c) {
  // dx = dz / y,  dy = -dz * x / y^2, and 0 where y is
  Wire x = c.input(0), y = c.input(1);
  Wire dx = c.op("DivNoNan", {c.grad(), y});
  Wire dy = c.op("Mul", {c.grad(), c.op("DivNoNan", {c.op("DivNoNan", {c.op("Neg", {x}), y}), y})});
  set_broadcast_gradients(c, dx, dy);
  return {};
}

Status multiply_no_nan_gradient(GradContext& c) {
  // dx = dz * y,  dy = x * dz
  set_broadcast_gradients(c, c.op("MulNoNan", {c.grad(), c.input(1)}), c.op("MulNoNan", {c.input(0), c.grad()}));
  return {};
}

// 1 where x is not 0: there the derivative by x is as if no zero won.
Wire not_zero(GradContext& c) {
  Wire x = c.input(0);
  return c.op("Cast", {c.op("NotEqual", {x, c.scalar(0, x)})}, {{"DstT", c.attr<DType>("T")}});
}

Status xdivy_gradient(GradContext& c) {
  // dx = dz / y,  dy = -dz * x / y^2, and 0 where x is
  Wire x = c.input(0), y = c.input(1);
  Wire dx = c.op("Mul", {c.op("Xdivy", {not_zero(c), y}), c.grad()});
  Wire dy = c.op("Mul", {c.op("Xdivy", {c.op("Neg", {x}), c.op("Square", {y})}), c.grad()});
  set_broadcast_gradients(c, dx, dy);
  return {};
}

Status xlogy_gradient(GradContext& c) {
  // dx = dz * log(y),  dy = dz * x / y, and 0 where x is
  Wire x = c.input(0), y = c.input(1);
  Wire dx = c.op("Mul", {c.op("Xlogy", {not_zero(c), y}), c.grad()});
  set_broadcast_gradients(c, dx, c.op("Mul", {c.op("Xdivy", {x, y}), c.grad()}));
  return {};
}

Status xlog1py_gradient(GradContext& c) {
  // dx = dz * log(1 + y),  dy = dz * x / (1 + y), and 0 where x is
  Wire x = c.input(0), y = c.input(1);
  Wire dx = c.op("Mul", {c.op("Xlog1py", {not_zero(c), y}), c.grad()});
  Wire dy = c.op("Mul", {c.op("Xdivy", {x, c.op("Add", {y, c.scalar(1, y)})}), c.grad()});
  set_broadcast_gradients(c, dx, dy);
  return {};
}

constexpr std::string_view kDivNoNanDoc = R"(x / y, and 0 where y is 0, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops DivNoNan.)";
constexpr std::string_view kMulNoNanDoc =
    R"(x * y, and 0 where y is 0 even if x is infinite or NaN, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops MulNoNan.)";
constexpr std::string_view kXdivyDoc = R"(x / y, and 0 where x is 0 even if y is, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Xdivy.)";
constexpr std::string_view kXlogyDoc = R"(x * log(y), and 0 where x is 0, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Xlogy.)";
constexpr std::string_view kXlog1pyDoc = R"(x * log(1 + y), and 0 where x is 0, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Xlog1py.)";

}  // namespace

extern const OpDef op_DivNoNan, op_MulNoNan, op_Xdivy, op_Xlogy, op_Xlog1py;
const OpDef op_DivNoNan = {
    .name = "DivNoNan",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<DivideNoNanOf, float, double, Half, BFloat16>,
};
const OpDef op_MulNoNan = {
    .name = "MulNoNan",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<MultiplyNoNanOf, float, double, Half, BFloat16>,
};
const OpDef op_Xdivy = {
    .name = "Xdivy",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<XdivyOf, float, double, Half, BFloat16>,
};
const OpDef op_Xlogy = {
    .name = "Xlogy",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<XlogyOf, float, double, Half, BFloat16>,
};
const OpDef op_Xlog1py = {
    .name = "Xlog1py",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<Xlog1pyOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(no_nan, {&op_DivNoNan, kDivNoNanDoc, divide_no_nan_gradient},
             {&op_MulNoNan, kMulNoNanDoc, multiply_no_nan_gradient}, {&op_Xdivy, kXdivyDoc, xdivy_gradient},
             {&op_Xlogy, kXlogyDoc, xlogy_gradient}, {&op_Xlog1py, kXlog1pyDoc, xlog1py_gradient})

}  // namespace tarn
