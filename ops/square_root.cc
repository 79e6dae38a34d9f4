// Sqrt and Rsqrt, SqrtGrad and RsqrtGrad.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct SquareRootOf {
  T operator()(T x) const { return std::sqrt(x); }
};

template <class T>
struct ReciprocalRootOf {
  T operator()(T x) const { return T(1) / std::sqrt(x); }
};

template <class T>
struct SqrtGradOf {
  T operator()(T y, T dy) const { return T(0.5) * dy / y; }
};

template <class T>
struct RsqrtGradOf {
  T operator()(T y, T dy) const { return T(-0.5) * dy * (y * y) * y; }
};

Status sqrt_gradient(GradContext& c) {
  // dx = dy / (2 y)
  c.set_grad(0, c.op("SqrtGrad", {c.output(0), c.grad()}));
  return {};
}

Status rsqrt_gradient(GradContext& c) {
  // dx = -dy * y^3 / 2
  c.set_grad(0, c.op("RsqrtGrad", {c.output(0), c.grad()}));
  return {};
}

constexpr std::string_view kSqrtDoc = R"(The square root of x, element by element; NaN below 0.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Sqrt.)";
constexpr std::string_view kRsqrtDoc = R"(1 / sqrt(x), element by element; NaN below 0, infinite at 0.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Rsqrt.)";
constexpr std::string_view kSqrtGradDoc = R"(The gradient of Sqrt: dy / (2 y).
  y  T[...], Sqrt's output   dy  T[...], same shape   returns  T[...], same shape
  Source: TensorFlow math_ops SqrtGrad.)";
constexpr std::string_view kRsqrtGradDoc = R"(The gradient of Rsqrt: -dy * y^3 / 2.
  y  T[...], Rsqrt's output   dy  T[...], same shape   returns  T[...], same shape
  Source: TensorFlow math_ops RsqrtGrad.)";

}  // namespace

extern const OpDef op_Sqrt, op_Rsqrt, op_SqrtGrad, op_RsqrtGrad;
const OpDef op_Sqrt = {
    .name = "Sqrt",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<SquareRootOf, float, double, Half, BFloat16>,
};
const OpDef op_Rsqrt = {
    .name = "Rsqrt",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ReciprocalRootOf, float, double, Half, BFloat16>,
};
const OpDef op_SqrtGrad = {
    .name = "SqrtGrad",
    .inputs = "y: T, dy: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<SqrtGradOf, float, double, Half, BFloat16>,
};
const OpDef op_RsqrtGrad = {
    .name = "RsqrtGrad",
    .inputs = "y: T, dy: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_merged_inputs,
    .kernels = kBinaryKernels<RsqrtGradOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(square_root, {&op_Sqrt, kSqrtDoc, sqrt_gradient}, {&op_Rsqrt, kRsqrtDoc, rsqrt_gradient},
             {&op_SqrtGrad, kSqrtGradDoc, nullptr, "second derivatives of Sqrt are not needed yet"},
             {&op_RsqrtGrad, kRsqrtGradDoc, nullptr, "second derivatives of Rsqrt are not needed yet"})

}  // namespace tarn
