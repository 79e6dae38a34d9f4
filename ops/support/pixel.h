// Pixels of any dtype as float, and back for those that pictures are computed in.
#pragma once

#include <type_traits>

#include "core/dtype.h"
#include "ops/support/half.h"

namespace tarn {

template <class T>
float pixel_to_float(T x) {
  if constexpr (std::is_same_v<T, Half>) {
    return half_to_float(x.bits);
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return bfloat16_to_float(x.bits);
  } else {
    return static_cast<float>(x);
  }
}

template <class T>
T pixel_from_float(float x) {
  if constexpr (std::is_same_v<T, Half>) {
    return Half{float_to_half(x)};
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return BFloat16{float_to_bfloat16(x)};
  } else {
    return static_cast<T>(x);
  }
}

}  // namespace tarn
