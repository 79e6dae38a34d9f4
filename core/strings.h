// Small text helpers used in messages everywhere: joining, quoting names safely, nearest names.
// Numbers print the same in every locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tarn {

void str_append_piece(std::string& out, std::string_view text);
void str_append_piece(std::string& out, char c);
void str_append_piece(std::string& out, long long value);
void str_append_piece(std::string& out, unsigned long long value);
// Shortest text that reads back as the same double (or float, for the float overload).
void str_append_piece(std::string& out, double value);
void str_append_piece(std::string& out, float value);

template <class T>
void str_append_one(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    str_append_piece(out, std::string_view(value ? "true" : "false"));
  } else if constexpr (std::is_same_v<T, char>) {
    str_append_piece(out, value);
  } else if constexpr (std::is_floating_point_v<T>) {
    str_append_piece(out, value);
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    str_append_piece(out, static_cast<long long>(value));
  } else if constexpr (std::is_integral_v<T>) {
    str_append_piece(out, static_cast<unsigned long long>(value));
  } else if constexpr (requires { value.to_string(); }) {
    str_append_piece(out, std::string_view(value.to_string()));
  } else {
    str_append_piece(out, std::string_view(value));
  }
}

// Appends the arguments as text: strings, characters, numbers, bools, and anything with to_string().
template <class... Args>
void str_append(std::string& out, const Args&... args) {
  (str_append_one(out, args), ...);
}

template <class... Args>
std::string str_cat(const Args&... args) {
  std::string out;
  str_append(out, args...);
  return out;
}

// "a, b, c"; each element as by str_append.
template <class Range>
std::string str_join(const Range& range, std::string_view separator = ", ") {
  std::string out;
  bool first = true;
  for (const auto& element : range) {
    if (!first) str_append(out, separator);
    first = false;
    str_append(out, element);
  }
  return out;
}

// A name for a message: control characters and invalid UTF-8 escaped as \xNN, cut at 256 characters.
std::string printable(std::string_view name);
// printable() between single quotes.
std::string quoted(std::string_view name);

// Splits at `separator`; "a,,b" gives {"a", "", "b"}; "" gives {}. With `trim`, spaces around pieces are dropped.
std::vector<std::string> str_split(std::string_view text, char separator, bool trim = false);

// Up to `most` of `candidates` close to `name` (edit distance, shared last path component, prefix), best first.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& candidates, int most = 3);
// "; did you mean 'a' or 'b'?" or "" if nothing is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates, int most = 3);

}  // namespace tarn
