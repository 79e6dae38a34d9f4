#include "core/charconv.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace tarn {
namespace by_hand {
namespace {

char* put(char* out, std::string_view text) {
  return std::copy(text.begin(), text.end(), out);
}

template <class T>
T read_c_string(const char* text) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return std::strtof(text, nullptr);
  } else {
    return std::strtod(text, nullptr);
  }
}

// "d.dddde±xx" laid out as std::to_chars does: as it is, or without an exponent where that is no longer.
char* lay_out(char* out, std::string_view scientific) {
  if (scientific.starts_with('-')) {
    *out++ = '-';
    scientific.remove_prefix(1);
  }
  const size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.data() + e + 1);
  char digits[kNumberText];
  int count = 0;
  for (char c : scientific.substr(0, e)) {
    if (c != '.') digits[count++] = c;
  }
  const int before_point = exponent + 1;
  const int fixed = before_point <= 0       ? count + 2 - before_point  // 0.00ddd
                    : before_point >= count ? before_point              // ddd00
                                            : count + 1;                // d.dd
  if (fixed > static_cast<int>(scientific.size())) return put(out, scientific);
  const std::string_view all(digits, static_cast<size_t>(count));
  if (before_point <= 0) {
    out = put(out, "0.");
    out = std::fill_n(out, -before_point, '0');
    return put(out, all);
  }
  if (before_point >= count) return std::fill_n(put(out, all), before_point - count, '0');
  out = put(out, all.substr(0, static_cast<size_t>(before_point)));
  *out++ = '.';
  return put(out, all.substr(static_cast<size_t>(before_point)));
}

template <class T>
char* shortest(char (&room)[kNumberText], T value) {
  if (std::isnan(value)) return put(room, std::signbit(value) ? "-nan" : "nan");
  if (std::isinf(value)) return put(room, value < 0 ? "-inf" : "inf");
  if (value == 0) return put(room, std::signbit(value) ? "-0" : "0");
  constexpr int kEnough = sizeof(T) == sizeof(float) ? 9 : 17;
  // A whole number that is written with all its digits has them right, as std::to_chars has it.
  char text[kNumberText];
  int digits = 0;
  do {
    std::snprintf(text, sizeof text, "%.*e", digits, static_cast<double>(value));
  } while (++digits < kEnough && read_c_string<T>(text) != value);
  char* end = lay_out(room, text);
  const bool has_zeros_for_digits =
      std::string_view(room, static_cast<size_t>(end - room)).find_first_of(".e") == std::string_view::npos;
  if (!has_zeros_for_digits) return end;
  char whole[kNumberText];
  const int length = std::snprintf(whole, sizeof whole, "%.0f", static_cast<double>(value));
  return length == end - room ? std::copy_n(whole, length, room) : end;
}

template <class T>
std::from_chars_result read(const char* first, const char* last, T& value) {
  auto is_digit = [&](const char* at) { return at < last && *at >= '0' && *at <= '9'; };
  const char* at = first;
  if (at < last && *at == '-') ++at;
  bool has_digits = false, is_zero = true;
  auto take_digits = [&] {
    for (; is_digit(at); ++at) {
      has_digits = true;
      is_zero = is_zero && *at == '0';
    }
  };
  take_digits();
  if (at < last && *at == '.') {
    ++at;
    take_digits();
  }
  if (!has_digits) return {first, std::errc::invalid_argument};
  if (at < last && (*at == 'e' || *at == 'E')) {
    const char* exponent = at + 1;
    if (exponent < last && (*exponent == '+' || *exponent == '-')) ++exponent;
    if (is_digit(exponent)) {
      while (is_digit(exponent)) ++exponent;
      at = exponent;
    }
  }
  const T number = read_c_string<T>(std::string(first, at).c_str());
  if (std::isinf(number) || (number == 0 && !is_zero)) return {at, std::errc::result_out_of_range};
  value = number;
  return {at, std::errc()};
}

}  // namespace

char* shortest_text(char (&room)[kNumberText], float value) {
  return shortest(room, value);
}
char* shortest_text(char (&room)[kNumberText], double value) {
  return shortest(room, value);
}
char* general_text(char (&room)[kNumberText], double value, int digits) {
  return room + std::snprintf(room, sizeof room, "%.*g", digits, value);
}
std::from_chars_result read_number(const char* first, const char* last, float& value) {
  return read(first, last, value);
}
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  return read(first, last, value);
}

}  // namespace by_hand

#if defined(__cpp_lib_to_chars)
char* shortest_text(char (&room)[kNumberText], float value) {
  return std::to_chars(room, room + sizeof room, value).ptr;
}
char* shortest_text(char (&room)[kNumberText], double value) {
  return std::to_chars(room, room + sizeof room, value).ptr;
}
char* general_text(char (&room)[kNumberText], double value, int digits) {
  return std::to_chars(room, room + sizeof room, value, std::chars_format::general, digits).ptr;
}
std::from_chars_result read_number(const char* first, const char* last, float& value) {
  return std::from_chars(first, last, value);
}
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  return std::from_chars(first, last, value);
}
#else
char* shortest_text(char (&room)[kNumberText], float value) {
  return by_hand::shortest_text(room, value);
}
char* shortest_text(char (&room)[kNumberText], double value) {
  return by_hand::shortest_text(room, value);
}
char* general_text(char (&room)[kNumberText], double value, int digits) {
  return by_hand::general_text(room, value, digits);
}
std::from_chars_result read_number(const char* first, const char* last, float& value) {
  return by_hand::read_number(first, last, value);
}
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  return by_hand::read_number(first, last, value);
}
#endif

}  // namespace tarn
