// Mul and SquaredDifference.
#include "core/op.h"
#include "ops/arithmetic.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

template <class T>
struct MultiplyOf {
  T operator()(T x, T y) const { return wrap_multiply(x, y); }
};

template <class T>
struct SquaredDifferenceOf {
  T operator()(T x, T y) const { return wrap_multiply(wrap_subtract(x, y), wrap_subtract(x, y)); }
};

Status multiply_gradient(GradContext& c) {
  // dx = dz * y, dy = dz * x
  set_broadcast_gradients(c, c.op("Mul", {c.grad(), c.input(1)}), c.op("Mul", {c.grad(), c.input(0)}));
  return {};
}

Status squared_difference_gradient(GradContext& c) {
  // dx = 2 dz (x - y)
  Wire twice = c.op("Mul", {c.scalar(2, c.grad()), c.grad()});
  Wire dx = c.op("Mul", {twice, c.op("Sub", {c.input(0), c.input(1)})});
  // dy = -dx
  set_broadcast_gradients(c, dx, c.op("Neg", {dx}));
  return {};
}

constexpr std::string_view kMulDoc = R"(x * y, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Integers wrap around.  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Mul.)";
constexpr std::string_view kSquaredDifferenceDoc = R"((x - y)^2, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Integers wrap around.  Errors: InvalidArgument if the shapes do not broadcast.
  Source: TensorFlow math_ops SquaredDifference.)";

}  // namespace

extern const OpDef op_Mul, op_SquaredDifference;
const OpDef op_Mul = {
    .name = "Mul",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, int64, complex64, "
        "complex128}",
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kMultiply, MultiplyOf, double, Half, BFloat16, int32_t, int64_t,
                                  uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_SquaredDifference = {
    .name = "SquaredDifference",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}",
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kSquaredDifference, SquaredDifferenceOf, double, Half, BFloat16,
                                  int32_t, int64_t>,
};

TARN_OP_FILE(multiply, {&op_Mul, kMulDoc, multiply_gradient},
             {&op_SquaredDifference, kSquaredDifferenceDoc, squared_difference_gradient})

}  // namespace tarn
