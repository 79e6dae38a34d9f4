// IsFinite, IsInf and IsNan.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct IsFiniteOf {
  bool operator()(T x) const { return std::isfinite(x); }
};
template <class T>
struct IsInfOf {
  bool operator()(T x) const { return std::isinf(x); }
};
template <class T>
struct IsNanOf {
  bool operator()(T x) const { return std::isnan(x); }
};

constexpr std::string_view kFiniteDoc = R"(Whether x is neither infinite nor NaN, element by element.
  x  T[...]   returns  bool[...], same shape   Source: TensorFlow math_ops IsFinite.)";
constexpr std::string_view kInfDoc = R"(Whether x is infinite, element by element.
  x  T[...]   returns  bool[...], same shape   Source: TensorFlow math_ops IsInf.)";
constexpr std::string_view kNanDoc = R"(Whether x is NaN, element by element.
  x  T[...]   returns  bool[...], same shape   Source: TensorFlow math_ops IsNan.)";
constexpr std::string_view kNoGradient = "the output is boolean";
constexpr std::string_view kAttrs = "T: {bfloat16, half, float, double}";

}  // namespace

extern const OpDef op_IsFinite, op_IsInf, op_IsNan;
const OpDef op_IsFinite = {
    .name = "IsFinite",
    .inputs = "x: T",
    .outputs = "y: bool",
    .attrs = kAttrs,
    .infer = infer_unchanged,
    .kernels = kTestKernels<IsFiniteOf, float, double, Half, BFloat16>,
};
const OpDef op_IsInf = {
    .name = "IsInf",
    .inputs = "x: T",
    .outputs = "y: bool",
    .attrs = kAttrs,
    .infer = infer_unchanged,
    .kernels = kTestKernels<IsInfOf, float, double, Half, BFloat16>,
};
const OpDef op_IsNan = {
    .name = "IsNan",
    .inputs = "x: T",
    .outputs = "y: bool",
    .attrs = kAttrs,
    .infer = infer_unchanged,
    .kernels = kTestKernels<IsNanOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(is_finite, {&op_IsFinite, kFiniteDoc, nullptr, kNoGradient}, {&op_IsInf, kInfDoc, nullptr, kNoGradient},
             {&op_IsNan, kNanDoc, nullptr, kNoGradient})

}  // namespace tarn
