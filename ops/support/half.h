// half and bfloat16 to float and back, on raw bits and as types.
//
//   half_to_float(0x3C00) == 1.0f;   float_to_bfloat16(1.0f) == 0x3F80
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/bit_cast.h"
#include "core/dtype.h"

namespace tarn {

inline float bfloat16_to_float(uint16_t bits) {
  return bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// To the nearest, ties to even; or, with `truncate`, the upper half of the bits. NaN stays NaN.
inline uint16_t float_to_bfloat16(float x, bool truncate = false) {
  auto bits = bit_cast<uint32_t>(x);
  if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40);  // quiet, and not cut to infinity
  if (!truncate) bits += 0x7FFF + (bits >> 16 & 1);
  return static_cast<uint16_t>(bits >> 16);
}

inline float half_to_float(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1F, mantissa = bits & 0x3FF;
  if (exponent == 31) return bit_cast<float>(sign | 0x7F800000 | mantissa << 13);
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in float
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return bit_cast<float>(bit_cast<uint32_t>(magnitude) | sign);
  }
  return bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

// To the nearest, ties to even; or, with `truncate`, towards zero. NaN stays NaN; too large is infinity.
inline uint16_t float_to_half(float x, bool truncate = false) {
  auto bits = bit_cast<uint32_t>(x);
  auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00);
  if (magnitude == 0x7F800000) return static_cast<uint16_t>(sign | 0x7C00);
  if (magnitude < 0x38800000) {                           // below 2^-14: a multiple of 2^-24
    float scaled = bit_cast<float>(magnitude) * 0x1p24f;  // exact
    auto units = static_cast<uint32_t>(scaled);
    float rest = scaled - static_cast<float>(units);
    if (!truncate && (rest > 0.5f || (rest == 0.5f && (units & 1) != 0))) ++units;
    return static_cast<uint16_t>(sign | units);
  }
  uint32_t rebiased = magnitude - (112u << 23);
  if (!truncate) rebiased += 0xFFF + (rebiased >> 13 & 1);
  uint32_t half = rebiased >> 13;
  if (half >= 0x7C00) half = truncate ? 0x7BFF : 0x7C00;
  return static_cast<uint16_t>(sign | half);
}

// What arithmetic on T is done in: half and bfloat16 go through float, as Eigen's do, and are rounded after each
// operation.
template <class T>
inline constexpr bool kIsNarrow = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
template <class T>
using Computed = std::conditional_t<kIsNarrow<T>, float, T>;

template <class T>
inline Computed<T> widened(T x) {
  if constexpr (std::is_same_v<T, Half>) {
    return half_to_float(x.bits);
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return bfloat16_to_float(x.bits);
  } else {
    return x;
  }
}

template <class T>
inline T narrowed(Computed<T> x) {
  if constexpr (std::is_same_v<T, Half>) {
    return {float_to_half(x)};
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return {float_to_bfloat16(x)};
  } else {
    return x;
  }
}

}  // namespace tarn
