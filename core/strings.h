// Small text helpers used in messages everywhere: joining, quoting names safely, nearest names.
// Numbers print the same in every locale.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tarn {

class Shape;
enum class DType : uint8_t;

// A name between quotes, as quoted() has it, where it is an argument of str_cat or of an error: no string is made of it
// before.
//
//   not_found("no node ", in_quotes(name), " in the graph")
template <class T>
struct InQuotes {
  const T& name;
};
[[gnu::always_inline]] inline InQuotes<std::string> in_quotes(const std::string& name) {
  return {name};
}
[[gnu::always_inline]] inline InQuotes<std::string_view> in_quotes(const std::string_view& name) {
  return {name};
}
[[gnu::always_inline]] inline InQuotes<const char*> in_quotes(const char* const& name) {
  return {name};
}

// str_cat and the errors made of it (core/status.h) are called from everywhere, nearly every time with other types. One
// function serves them all, with C's variable arguments and a letter for each that says what it is, so that a call is
// little code: an engine holds hundreds.
namespace joining {

template <class T>
constexpr bool kIsText = std::is_convertible_v<const T&, const char*>;
template <class T>
constexpr bool kIsInQuotes = false;
template <class T>
constexpr bool kIsInQuotes<InQuotes<T>> = true;

template <class T>
constexpr char letter_of() {
  if constexpr (std::is_same_v<T, bool>) return 'b';
  if constexpr (std::is_same_v<T, char>) return 'c';
  if constexpr (std::is_same_v<T, float>) return 'f';
  if constexpr (std::is_same_v<T, double>) return 'g';
  if constexpr (std::is_integral_v<T>) {
    return std::is_signed_v<T> ? (sizeof(T) > sizeof(int) ? 'l' : 'i') : (sizeof(T) > sizeof(int) ? 'L' : 'I');
  }
  if constexpr (kIsText<T>) return 't';
  if constexpr (std::is_same_v<T, Shape>) return 'h';
  if constexpr (std::is_same_v<T, DType>) return 'd';
  if constexpr (std::is_same_v<T, InQuotes<std::string>>) return 'Q';
  if constexpr (std::is_same_v<T, InQuotes<std::string_view>>) return 'q';
  if constexpr (std::is_same_v<T, InQuotes<const char*>>) return 'T';
  return requires(const T& value) {
    value.to_string();
  }
  || std::is_same_v<T, std::string> ? 's' : 'v';
}
template <class... Args>
inline constexpr char kLetters[] = {letter_of<Args>()..., '\0'};

// What `pass` takes the address of lives until the end of the call.
template <class T>
[[gnu::always_inline]] inline decltype(auto) hold(const T& value) {
  if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view> ||
                std::is_same_v<T, Shape>) {
    return (value);
  } else if constexpr (std::is_same_v<T, DType>) {
    return static_cast<int>(value);
  } else if constexpr (kIsInQuotes<T>) {
    return (value.name);
  } else if constexpr (kIsText<T>) {
    return static_cast<const char*>(value);
  } else if constexpr (requires { value.to_string(); }) {
    return std::string(value.to_string());
  } else {
    return std::string_view(value);
  }
}
template <class T>
[[gnu::always_inline]] inline auto pass(const T& value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (sizeof(T) > sizeof(int)) return static_cast<long long>(value);
    if constexpr (sizeof(T) <= sizeof(int)) return static_cast<int>(value);
  } else if constexpr (std::is_pointer_v<T>) {
    return value;
  } else {
    return static_cast<const void*>(&value);
  }
}

void append(std::string& out, const char* letters, ...);
std::string cat(const char* letters, ...);
void append_list(std::string& out, const char* letters, std::va_list& arguments);

}  // namespace joining

// Appends the arguments as text: strings, characters, numbers (floating-point ones as the shortest text that reads back
// as the same), bools, dtypes by name, in_quotes(), and anything with to_string().
template <class... Args>
[[gnu::always_inline]] inline void str_append(std::string& out, const Args&... args) {
  joining::append(out, joining::kLetters<std::decay_t<const Args&>...>, joining::pass(joining::hold(args))...);
}

template <class... Args>
[[gnu::always_inline]] inline std::string str_cat(const Args&... args) {
  return joining::cat(joining::kLetters<std::decay_t<const Args&>...>, joining::pass(joining::hold(args))...);
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
