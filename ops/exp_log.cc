// Exp, Expm1, Log and Log1p.
#include <cmath>

#include "core/op.h"
#include "ops/flat_kernel.h"
#include "ops/kernels/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct ExpOf {
  T operator()(T x) const { return std::exp(x); }
};

template <class T>
struct Expm1Of {
  T operator()(T x) const { return std::expm1(x); }
};

template <class T>
struct LogOf {
  T operator()(T x) const { return std::log(x); }
};

template <class T>
struct Log1pOf {
  T operator()(T x) const { return std::log1p(x); }
};

Status exp_gradient(GradContext& c) {
  // dx = dy * y
  c.set_grad(0, c.op("Mul", {c.grad(), c.output(0)}));
  return {};
}

Status expm1_gradient(GradContext& c) {
  // dx = dy * exp(x); y + 1 would lose the digits of a y near -1
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Exp", {c.input(0)})}));
  return {};
}

Status log_gradient(GradContext& c) {
  // dx = dy / x
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Reciprocal", {c.input(0)})}));
  return {};
}

Status log1p_gradient(GradContext& c) {
  // dx = dy / (1 + x)
  Wire sum = c.op("Add", {c.scalar(1, c.input(0)), c.input(0)});
  c.set_grad(0, c.op("Mul", {c.grad(), c.op("Reciprocal", {sum})}));
  return {};
}

constexpr std::string_view kExpDoc = R"(e to the power of x, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Exp.)";
constexpr std::string_view kExpm1Doc = R"(exp(x) - 1, element by element, exact for small x too.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Expm1.)";
constexpr std::string_view kLogDoc = R"(The natural logarithm of x, element by element; NaN below 0, -infinity at 0.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Log.)";
constexpr std::string_view kLog1pDoc = R"(log(1 + x), element by element, exact for small x too.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Log1p.)";

}  // namespace

extern const OpDef op_Exp, op_Expm1, op_Log, op_Log1p;
const OpDef op_Exp = {
    .name = "Exp",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kFlatKernels<kernels::exp<float>, kernels::exp<double>, ExpOf>,
};
const OpDef op_Expm1 = {
    .name = "Expm1",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<Expm1Of, float, double, Half, BFloat16>,
};
const OpDef op_Log = {
    .name = "Log",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<LogOf, float, double, Half, BFloat16>,
};
const OpDef op_Log1p = {
    .name = "Log1p",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<Log1pOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(exp_log, {&op_Exp, kExpDoc, exp_gradient}, {&op_Expm1, kExpm1Doc, expm1_gradient},
             {&op_Log, kLogDoc, log_gradient}, {&op_Log1p, kLog1pDoc, log1p_gradient})

}  // namespace tarn
