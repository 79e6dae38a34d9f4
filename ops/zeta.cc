// Zeta and Polygamma.
#include "core/op.h"
#include "ops/eigen.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct ZetaOf {
  T operator()(T x, T q) const { return Eigen::numext::zeta(x, q); }
};
template <class T>
struct PolygammaOf {
  T operator()(T a, T x) const { return Eigen::numext::polygamma(a, x); }
};

constexpr std::string_view kZetaDoc = R"(The Hurwitz zeta function, element by element, with broadcasting.
  x, q  T, shapes that broadcast   returns  T: the sum of (q + n)^-x over n = 0, 1, 2 ...
  x = 1 gives infinity, x < 1 NaN.   Source: TensorFlow math_ops Zeta; Eigen's, after Cephes.)";
constexpr std::string_view kPolygammaDoc =
    R"(The a-th derivative of Digamma at x, element by element, with broadcasting.
  a, x  T, shapes that broadcast; a whole and >= 0   returns  T; NaN for other a
  Source: TensorFlow math_ops Polygamma; Eigen's, after Cephes.)";
constexpr std::string_view kNoGradient = "the derivative by the first input has no closed form";

}  // namespace

extern const OpDef op_Zeta, op_Polygamma;
const OpDef op_Zeta = {
    .name = "Zeta",
    .inputs = "x: T, q: T",
    .outputs = "z: T",
    .attrs = "T: {float, double}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<ZetaOf, float, double>,
};
const OpDef op_Polygamma = {
    .name = "Polygamma",
    .inputs = "a: T, x: T",
    .outputs = "z: T",
    .attrs = "T: {float, double}",
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<PolygammaOf, float, double>,
};

TARN_OP_FILE(zeta, {&op_Zeta, kZetaDoc, nullptr, kNoGradient}, {&op_Polygamma, kPolygammaDoc, nullptr, kNoGradient})

}  // namespace tarn
