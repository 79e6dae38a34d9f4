// How much of a long test a sanitizer's build does: it is ten to fifty times as slow, and finds what it finds on less.
//
//   constexpr int kLength = when_sanitized(/*it is*/ 20'000, /*else*/ 100'000);
#pragma once

namespace tarn::testing {

#ifdef TARN_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

template <class T>
constexpr T when_sanitized(T it_is, T otherwise) {
  return kSanitized ? it_is : otherwise;
}

}  // namespace tarn::testing
