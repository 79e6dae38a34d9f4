// Asin, Acos, Atan and Atan2.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

template <class T>
struct ArcSineOf {
  T operator()(T x) const { return std::asin(x); }
};
template <class T>
struct ArcCosineOf {
  T operator()(T x) const { return std::acos(x); }
};
template <class T>
struct ArcTangentOf {
  T operator()(T x) const { return std::atan(x); }
};
template <class T>
struct AngleOf {
  T operator()(T y, T x) const { return std::atan2(y, x); }
};

// sqrt(1 - x^2)
Wire root(GradContext& c, Wire x) {
  return c.op("Sqrt", {c.op("Sub", {c.scalar(1, x), c.op("Square", {x})})});
}

Status arc_sine_gradient(GradContext& c) {
  // dx = dy / sqrt(1 - x^2)
  c.set_grad(0, c.op("RealDiv", {c.grad(), root(c, c.input(0))}));
  return {};
}

Status arc_cosine_gradient(GradContext& c) {
  // dx = -dy / sqrt(1 - x^2)
  c.set_grad(0, c.op("Neg", {c.op("RealDiv", {c.grad(), root(c, c.input(0))})}));
  return {};
}

Status arc_tangent_gradient(GradContext& c) {
  // dx = dy / (1 + x^2)
  Wire x = c.input(0);
  c.set_grad(0, c.op("RealDiv", {c.grad(), c.op("Add", {c.scalar(1, x), c.op("Square", {x})})}));
  return {};
}

Status angle_gradient(GradContext& c) {
  // dy = dz * x / (x^2 + y^2),  dx = -dz * y / (x^2 + y^2)
  Wire y = c.input(0), x = c.input(1);
  Wire scaled = c.op("RealDiv", {c.grad(), c.op("Add", {c.op("Square", {x}), c.op("Square", {y})})});
  set_broadcast_gradients(c, c.op("Mul", {x, scaled}), c.op("Neg", {c.op("Mul", {y, scaled})}));
  return {};
}

constexpr std::string_view kAsinDoc =
    R"(The angle in [-pi/2, pi/2] whose sine is x, element by element; NaN outside [-1, 1].
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Asin.)";
constexpr std::string_view kAcosDoc =
    R"(The angle in [0, pi] whose cosine is x, element by element; NaN outside [-1, 1].
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Acos.)";
constexpr std::string_view kAtanDoc = R"(The angle in [-pi/2, pi/2] whose tangent is x, element by element.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Atan.)";
constexpr std::string_view kAtan2Doc =
    R"(The angle of the point (x, y) in [-pi, pi], element by element, with broadcasting.
  y, x  T, shapes that broadcast   returns  T; 0 at the origin
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Atan2.)";

}  // namespace

extern const OpDef op_Asin, op_Acos, op_Atan, op_Atan2;
const OpDef op_Asin = {
    .name = "Asin",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ArcSineOf, float, double, Half, BFloat16>,
};
const OpDef op_Acos = {
    .name = "Acos",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ArcCosineOf, float, double, Half, BFloat16>,
};
const OpDef op_Atan = {
    .name = "Atan",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ArcTangentOf, float, double, Half, BFloat16>,
};
const OpDef op_Atan2 = {
    .name = "Atan2",
    .inputs = "y: T, x: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<AngleOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(inverse_trigonometric, {&op_Asin, kAsinDoc, arc_sine_gradient}, {&op_Acos, kAcosDoc, arc_cosine_gradient},
             {&op_Atan, kAtanDoc, arc_tangent_gradient}, {&op_Atan2, kAtan2Doc, angle_gradient})

}  // namespace tarn
