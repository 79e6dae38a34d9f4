#include "core/strings.h"

#include <algorithm>
#include <cmath>

#include "core/charconv.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "core/sorting.h"
#include "core/utf8.h"

namespace tarn {
namespace {

template <class T>
void append_number(std::string& out, T value) {
  char buffer[kNumberText];
  out.append(buffer, static_cast<size_t>(shortest_text(buffer, value) - buffer));
}

void append_integer(std::string& out, unsigned long long value, bool is_negative) {
  char buffer[kNumberText];
  char* first = buffer + sizeof(buffer);
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  if (is_negative) *--first = '-';
  out.append(first, static_cast<size_t>(buffer + sizeof(buffer) - first));
}
void append_integer(std::string& out, long long value) {
  auto bits = static_cast<unsigned long long>(value);
  append_integer(out, value < 0 ? 0 - bits : bits, value < 0);
}

constexpr size_t kMostCompared = 256;  // characters of names that are compared

// Levenshtein distance with a swap of neighbours as one edit, or more than `limit` as soon as it must exceed it.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  size_t rows[3][kMostCompared + 1];
  size_t *before = rows[0], *above = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  size_t least_above = 0;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    size_t least = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    // A swap can reach back one row.
    if (least > limit && least_above > limit) return limit + 1;
    least_above = least;
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string_view last_component(std::string_view name) {
  size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

namespace joining {

void append_list(std::string& out, const char* letters, std::va_list& arguments) {
  for (; *letters != '\0'; ++letters) {
    switch (*letters) {
      case 'b': out += va_arg(arguments, int) != 0 ? "true" : "false"; break;
      case 'c': out += static_cast<char>(va_arg(arguments, int)); break;
      case 'i': append_integer(out, va_arg(arguments, int)); break;
      case 'I': append_integer(out, va_arg(arguments, unsigned), false); break;
      case 'l': append_integer(out, va_arg(arguments, long long)); break;
      case 'L': append_integer(out, va_arg(arguments, unsigned long long), false); break;
      case 'f': append_number(out, static_cast<float>(va_arg(arguments, double))); break;
      case 'g': append_number(out, va_arg(arguments, double)); break;
      case 't': out += va_arg(arguments, const char*); break;
      case 's': out += *static_cast<const std::string*>(va_arg(arguments, const void*)); break;
      case 'Q': out += quoted(*static_cast<const std::string*>(va_arg(arguments, const void*))); break;
      case 'q': out += quoted(*static_cast<const std::string_view*>(va_arg(arguments, const void*))); break;
      case 'T': out += quoted(va_arg(arguments, const char*)); break;
      case 'h': out += static_cast<const Shape*>(va_arg(arguments, const void*))->to_string(); break;
      case 'd': out += dtype_name(static_cast<DType>(va_arg(arguments, int))); break;
      default: out += *static_cast<const std::string_view*>(va_arg(arguments, const void*));
    }
  }
}

void append(std::string& out, const char* letters, ...) {
  std::va_list arguments;
  va_start(arguments, letters);
  append_list(out, letters, arguments);
  va_end(arguments);
}

std::string cat(const char* letters, ...) {
  std::string out;
  std::va_list arguments;
  va_start(arguments, letters);
  append_list(out, letters, arguments);
  va_end(arguments);
  return out;
}

}  // namespace joining

std::string printable(std::string_view name) {
  constexpr size_t kMost = 256;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  while (!name.empty() && out.size() < kMost) {
    size_t length = utf8_sequence(name);
    auto c = static_cast<unsigned char>(name[0]);
    if (length == 0 || c < 0x20 || c == 0x7f) {
      out += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
      length = 1;
    } else {
      out.append(name.substr(0, length));
    }
    name.remove_prefix(length);
  }
  if (!name.empty()) str_append(out, "… (", name.size(), " more bytes)");
  return out;
}

std::string quoted(std::string_view name) {
  return str_cat('\'', printable(name), '\'');
}

std::vector<std::string> str_split(std::string_view text, char separator, bool trim) {
  std::vector<std::string> pieces;
  if (text.empty()) return pieces;
  while (true) {
    size_t end = text.find(separator);
    std::string_view piece = text.substr(0, end);
    if (trim) {
      while (!piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
      while (!piece.empty() && piece.back() == ' ') piece.remove_suffix(1);
    }
    pieces.emplace_back(piece);
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& candidates, int most) {
  std::string wanted = lower(name);
  if (wanted.empty() || wanted.size() > kMostCompared) return {};
  size_t limit = std::max<size_t>(1, wanted.size() / 3);
  std::vector<size_t> distances(candidates.size());
  std::vector<int> near;
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::string other = lower(candidates[i]);
    if (other.empty() || other.size() > kMostCompared) continue;
    size_t& distance = distances[i];
    distance = edit_distance(wanted, other, limit);
    if (distance > limit) {
      if (last_component(other) == last_component(wanted)) {
        distance = limit;
      } else if (wanted.size() >= 3 && other.find(wanted) != std::string::npos) {
        distance = limit;
      } else {
        continue;
      }
    }
    near.push_back(static_cast<int>(i));
  }
  sort_indices(near,
               [&](int a, int b) { return distances[static_cast<size_t>(a)] < distances[static_cast<size_t>(b)]; });
  std::vector<std::string> result;
  for (int i : near) {
    if (static_cast<int>(result.size()) == most) break;
    result.push_back(candidates[static_cast<size_t>(i)]);
  }
  return result;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates, int most) {
  std::vector<std::string> near = nearest_names(name, candidates, most);
  if (near.empty()) return {};
  std::string out = "; did you mean ";
  for (size_t i = 0; i < near.size(); ++i) {
    if (i > 0) out += i + 1 == near.size() ? " or " : ", ";
    out += quoted(near[i]);
  }
  return out + "?";
}

}  // namespace tarn
