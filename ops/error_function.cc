// Erf and Erfc.
#include <cmath>
#include <numbers>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct ErfOf {
  T operator()(T x) const { return std::erf(x); }
};

template <class T>
struct ErfcOf {
  T operator()(T x) const { return std::erfc(x); }
};

// dy * factor * exp(-x^2), with factor = 2 / sqrt(pi) for erf.
Wire bell(GradContext& c, double sign) {
  Wire x = c.input(0);
  Wire exponential = c.op("Exp", {c.op("Neg", {c.op("Square", {x})})});
  Wire factor = c.scalar(sign * 2 * std::numbers::inv_sqrtpi, x);
  return c.op("Mul", {c.grad(), c.op("Mul", {factor, exponential})});
}

Status erf_gradient(GradContext& c) {
  // dx = dy * 2 / sqrt(pi) * exp(-x^2)
  c.set_grad(0, bell(c, 1));
  return {};
}

Status erfc_gradient(GradContext& c) {
  // dx = -dy * 2 / sqrt(pi) * exp(-x^2)
  c.set_grad(0, bell(c, -1));
  return {};
}

constexpr std::string_view kErfDoc = R"(The Gauss error function of x, element by element.
  x  T[...]   returns  T[...], same shape
  2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.  Source: TensorFlow math_ops Erf.)";
constexpr std::string_view kErfcDoc = R"(1 - Erf(x), element by element, exact for large x too.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Erfc.)";

}  // namespace

extern const OpDef op_Erf, op_Erfc;
const OpDef op_Erf = {
    .name = "Erf",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ErfOf, float, double, Half, BFloat16>,
};
const OpDef op_Erfc = {
    .name = "Erfc",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<ErfcOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(error_function, {&op_Erf, kErfDoc, erf_gradient}, {&op_Erfc, kErfcDoc, erfc_gradient})

}  // namespace tarn
