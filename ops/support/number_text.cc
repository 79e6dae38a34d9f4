#include "ops/support/number_text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "core/charconv.h"

namespace tarn {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool same_letters(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != lower[i]) return false;
  }
  return true;
}

// Of a decimal number that no double holds: whether it is too small rather than too large.
bool is_small(std::string_view digits) {
  size_t exponent_at = std::min(digits.find_first_of("eE"), digits.size());
  std::string_view mantissa = digits.substr(0, exponent_at);
  size_t point = std::min(mantissa.find('.'), mantissa.size()), first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  auto scale = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  bool negative = exponent_at + 1 < digits.size() && digits[exponent_at + 1] == '-';
  int64_t exponent = 0;
  for (char c : digits.substr(std::min(exponent_at, digits.size()))) {
    if (c >= '0' && c <= '9') exponent = std::min<int64_t>(exponent * 10 + (c - '0'), int64_t{1} << 40);
  }
  return scale + (negative ? -exponent : exponent) < 0;
}

template <class T>
bool floating(std::string_view text, T& value) {
  if (text.empty()) return false;
  text = trimmed(text);
  if (text.empty()) {  // blanks alone are 0
    value = 0;
    return true;
  }
  bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  T magnitude = 0;
  if (same_letters(text, "inf")) {
    magnitude = std::numeric_limits<T>::infinity();
  } else if (same_letters(text, "nan")) {
    magnitude = std::numeric_limits<T>::quiet_NaN();
  } else if (text.starts_with("0x") || text.starts_with("0X")) {  // whole numbers only
    uint64_t whole = 0;
    auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), whole, 16);
    if (error != std::errc() || end != text.data() + text.size()) return false;
    magnitude = static_cast<T>(whole);
  } else {
    if (text.empty() || (text[0] != '.' && !(text[0] >= '0' && text[0] <= '9'))) return false;
    auto [end, error] = read_number(text.data(), text.data() + text.size(), magnitude);
    if (end != text.data() + text.size()) return false;
    if (error == std::errc::result_out_of_range) {
      magnitude = is_small(text) ? T(0) : std::numeric_limits<T>::infinity();
    } else if (error != std::errc()) {
      return false;
    }
  }
  value = is_negative ? -magnitude : magnitude;
  return true;
}

template <class T>
bool integer(std::string_view text, T& value) {
  text = trimmed(text);
  if (text.starts_with('+')) return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 10);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool number_from_text(std::string_view text, float& value) {
  return floating(text, value);
}
bool number_from_text(std::string_view text, double& value) {
  return floating(text, value);
}
bool number_from_text(std::string_view text, int32_t& value) {
  return integer(text, value);
}
bool number_from_text(std::string_view text, int64_t& value) {
  return integer(text, value);
}
bool number_from_text(std::string_view text, uint32_t& value) {
  return integer(text, value);
}
bool number_from_text(std::string_view text, uint64_t& value) {
  return integer(text, value);
}

}  // namespace tarn
