// Floor, Ceil, Round and Rint.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct FloorOf {
  T operator()(T x) const { return std::floor(x); }
};

template <class T>
struct CeilOf {
  T operator()(T x) const { return std::ceil(x); }
};

// Halves to the even neighbour, whatever the rounding mode of the thread.
template <class T>
struct RoundOf {
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return x;
    } else {
      T below = std::floor(x);
      T rest = x - below;
      bool up = rest > T(0.5) || (rest == T(0.5) && std::fmod(below, T(2)) != T(0));
      return std::copysign(up ? below + T(1) : below, x);
    }
  }
};

// As Round, of floating numbers alone.
template <class T>
using RintOf = RoundOf<T>;

constexpr std::string_view kFloorDoc = R"(The largest whole number not above x, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Floor.)";
constexpr std::string_view kCeilDoc = R"(The smallest whole number not below x, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Ceil.)";
constexpr std::string_view kRoundDoc = R"(x rounded to a whole number, halves to the even one, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Round.)";
constexpr std::string_view kRintDoc = R"(x rounded to a whole number, halves to the even one, element by element.
  x  T[...]   returns  T[...], same shape
  Source: TensorFlow math_ops Rint.)";
constexpr std::string_view kNoGradient = "a step function: its derivative is 0 wherever it has one";

}  // namespace

extern const OpDef op_Floor, op_Ceil, op_Round, op_Rint;
const OpDef op_Floor = {
    .name = "Floor",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<FloorOf, float, double, Half, BFloat16>,
};
const OpDef op_Ceil = {
    .name = "Ceil",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<CeilOf, float, double, Half, BFloat16>,
};
const OpDef op_Round = {
    .name = "Round",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<RoundOf, float, double, Half, BFloat16, int32_t, int64_t, int8_t, int16_t>,
};
const OpDef op_Rint = {
    .name = "Rint",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {bfloat16, half, float, double}",
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<RintOf, float, double, Half, BFloat16>,
};

TARN_OP_FILE(round, {&op_Floor, kFloorDoc, nullptr, kNoGradient}, {&op_Ceil, kCeilDoc, nullptr, kNoGradient},
             {&op_Round, kRoundDoc, nullptr, kNoGradient}, {&op_Rint, kRintDoc, nullptr, kNoGradient})

}  // namespace tarn
