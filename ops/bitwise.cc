// BitwiseAnd, BitwiseOr, BitwiseXor, Invert, LeftShift, RightShift and PopulationCount.
#include <bit>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct AndOf {
  T operator()(T x, T y) const { return static_cast<T>(x & y); }
};
template <class T>
struct OrOf {
  T operator()(T x, T y) const { return static_cast<T>(x | y); }
};
template <class T>
struct XorOf {
  T operator()(T x, T y) const { return static_cast<T>(x ^ y); }
};
template <class T>
struct InvertOf {
  T operator()(T x) const { return static_cast<T>(~x); }
};

// Shifts by less than 0 or by the width of T and more are undefined in C++: TensorFlow takes the nearest that is not.
template <class T>
int shift_distance(T y) {
  constexpr int kMost = std::numeric_limits<std::make_unsigned_t<T>>::digits - 1;
  if constexpr (std::is_signed_v<T>) {
    if (y < 0) return 0;
  }
  return y > T(kMost) ? kMost : static_cast<int>(y);
}

template <class T>
struct LeftShiftOf {
  T operator()(T x, T y) const { return static_cast<T>(static_cast<uint64_t>(x) << shift_distance(y)); }
};
template <class T>
struct RightShiftOf {
  T operator()(T x, T y) const { return static_cast<T>(x >> shift_distance(y)); }  // arithmetic, if T is signed
};

template <class T>
struct PopulationCountOf {
  uint8_t operator()(T x) const { return static_cast<uint8_t>(std::popcount(static_cast<std::make_unsigned_t<T>>(x))); }
};
template <class... Ts>
constexpr KernelDef kCountKernels[] = {
    portable_kernel<UnaryKernel<Ts, uint8_t, PopulationCountOf<Ts>>>(dtype_of<Ts>())...};

constexpr std::string_view kAndDoc = R"(The bits that x and y both have, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow bitwise_ops BitwiseAnd.)";
constexpr std::string_view kOrDoc = R"(The bits that x or y has, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow bitwise_ops BitwiseOr.)";
constexpr std::string_view kXorDoc = R"(The bits that one of x and y has, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow bitwise_ops BitwiseXor.)";
constexpr std::string_view kInvertDoc = R"(The bits that x does not have, element by element.
  x  T[...]   returns  T[...], same shape   Source: TensorFlow bitwise_ops Invert.)";
constexpr std::string_view kLeftDoc = R"(x with its bits y places higher, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T; y is taken into [0, bits of T - 1]
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow bitwise_ops LeftShift.)";
constexpr std::string_view kRightDoc = R"(x with its bits y places lower, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T; y is taken into [0, bits of T - 1]; negative x stay negative
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow bitwise_ops RightShift.)";
constexpr std::string_view kCountDoc = R"(How many bits of x are 1, element by element.
  x  T[...]   returns  uint8[...], same shape   Source: TensorFlow bitwise_ops PopulationCount.)";
constexpr std::string_view kNoGradient = "made for integers";
constexpr std::string_view kAttrs = "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}";

}  // namespace

extern const OpDef op_BitwiseAnd, op_BitwiseOr, op_BitwiseXor, op_Invert, op_LeftShift, op_RightShift,
    op_PopulationCount;
const OpDef op_BitwiseAnd = {
    .name = "BitwiseAnd",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = kAttrs,
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<AndOf, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_BitwiseOr = {
    .name = "BitwiseOr",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = kAttrs,
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<OrOf, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_BitwiseXor = {
    .name = "BitwiseXor",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = kAttrs,
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<XorOf, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Invert = {
    .name = "Invert",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = kAttrs,
    .infer = infer_unchanged,
    .kernels = kUnaryKernels<InvertOf, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_LeftShift = {
    .name = "LeftShift",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = kAttrs,
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<LeftShiftOf, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_RightShift = {
    .name = "RightShift",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = kAttrs,
    .infer = infer_broadcast,
    .kernels = kBinaryKernels<RightShiftOf, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_PopulationCount = {
    .name = "PopulationCount",
    .inputs = "x: T",
    .outputs = "y: uint8",
    .attrs = kAttrs,
    .infer = infer_unchanged,
    .kernels = kCountKernels<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(bitwise, {&op_BitwiseAnd, kAndDoc, nullptr, kNoGradient}, {&op_BitwiseOr, kOrDoc, nullptr, kNoGradient},
             {&op_BitwiseXor, kXorDoc, nullptr, kNoGradient}, {&op_Invert, kInvertDoc, nullptr, kNoGradient},
             {&op_LeftShift, kLeftDoc, nullptr, kNoGradient}, {&op_RightShift, kRightDoc, nullptr, kNoGradient},
             {&op_PopulationCount, kCountDoc, nullptr, kNoGradient})

}  // namespace tarn
