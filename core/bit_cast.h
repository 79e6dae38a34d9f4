// std::bit_cast, which the C++ libraries of some toolchains for phones and browsers do not have yet.
#pragma once

#include <type_traits>

namespace tarn {

template <class To, class From>
constexpr To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
  return __builtin_bit_cast(To, from);
}

}  // namespace tarn
