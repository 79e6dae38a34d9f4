// Lgamma, Digamma, Igamma and Igammac.
#include <cmath>

#include "core/op.h"
#include "ops/eigen.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct LogGammaOf {
  T operator()(T x) const { return Eigen::numext::lgamma(x); }
};
template <class T>
struct DigammaOf {
  T operator()(T x) const { return Eigen::numext::digamma(x); }
};
template <class T>
struct LowerGammaOf {
  T operator()(T a, T x) const { return Eigen::numext::igamma(a, x); }
};
template <class T>
struct UpperGammaOf {
  T operator()(T a, T x) const { return Eigen::numext::igammac(a, x); }
};

Status log_gamma_gradient(GradContext& c) {
  // dx = dy * digamma(x)
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Digamma", {c.input(0)})}));
  return {};
}

Status digamma_gradient(GradContext& c) {
  // dx = dy * polygamma(1, x)
  Wire x = c.input(0);
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Polygamma", {c.scalar(1, x), x})}));
  return {};
}

constexpr std::string_view kLgammaDoc =
    R"(The logarithm of the absolute value of the gamma function, element by element.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Lgamma.)";
constexpr std::string_view kDigammaDoc = R"(The derivative of Lgamma, element by element; NaN at 0, -1, -2 ...
  x  T[...]   returns  T[...], same shape   Source: TensorFlow math_ops Digamma.)";
constexpr std::string_view kIgammaDoc =
    R"(The lower regularized incomplete gamma function P(a, x), element by element, with broadcasting.
  a, x  T, shapes that broadcast   returns  T: 1 / gamma(a) * integral of t^(a - 1) exp(-t) from 0 to x
  NaN unless a > 0 and x >= 0.   Source: TensorFlow math_ops Igamma; Eigen's, after Cephes.)";
constexpr std::string_view kIgammacDoc =
    R"(The upper regularized incomplete gamma function Q(a, x) = 1 - P(a, x), element by element, with broadcasting.
  a, x  T, shapes that broadcast   returns  T: 1 / gamma(a) * integral of t^(a - 1) exp(-t) from x on
  NaN unless a > 0 and x >= 0.   Source: TensorFlow math_ops Igammac; Eigen's, after Cephes.)";
constexpr std::string_view kNoIncomplete = "the derivative by a has no closed form";

}  // namespace

extern const OpDef op_Lgamma, op_Digamma, op_Igamma, op_Igammac;
const OpDef op_Lgamma = {
    .name = "Lgamma",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<LogGammaOf, float, double, Half, BFloat16>,
};
const OpDef op_Digamma = {
    .name = "Digamma",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<DigammaOf, float, double, Half, BFloat16>,
};
const OpDef op_Igamma = {
    .name = "Igamma",
    .inputs = "a: T, x: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<LowerGammaOf, float, double, Half, BFloat16>,
};
const OpDef op_Igammac = {
    .name = "Igammac",
    .inputs = "a: T, x: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<UpperGammaOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(gamma, {&op_Lgamma, kLgammaDoc, log_gamma_gradient}, {&op_Digamma, kDigammaDoc, digamma_gradient},
             {&op_Igamma, kIgammaDoc, nullptr, kNoIncomplete}, {&op_Igammac, kIgammacDoc, nullptr, kNoIncomplete})

}  // namespace tarn
