// Half and bfloat16 as bits: exact to float, nearest-even from it. (Arithmetic on them is Eigen's, in ops/.)
#pragma once

#include <cmath>
#include <cstdint>

#include "core/bit_cast.h"

namespace tarn {

inline float half_to_float(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t exponent = half >> 10 & 31;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 31) return bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  // A half is an integer times 2^-24 or more: exact in float.
  float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                  : std::ldexp(static_cast<float>(fraction + 1024), static_cast<int>(exponent) - 25);
  return bit_cast<float>(bit_cast<uint32_t>(magnitude) | sign);
}

inline uint16_t float_to_half(float value) {
  auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  float magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (magnitude >= 65520.0f) return sign | 0x7c00;  // rounds above the largest half, 65504
  int exponent = magnitude < 0x1p-14f ? -14 : std::ilogb(magnitude);
  // nearbyint: nearest even; a carry moves into the exponent, as it should.
  auto steps = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return static_cast<uint16_t>(sign + (static_cast<uint32_t>(exponent + 14) << 10) + steps);
}

inline float bfloat16_to_float(uint16_t bits) {
  return bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

inline uint16_t float_to_bfloat16(float value) {
  auto bits = bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace tarn
