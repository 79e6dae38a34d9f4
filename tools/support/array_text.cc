#include "tools/support/array_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace tarn {
namespace {

constexpr int kPrecision = 8;  // digits after the point, at most; NumPy's default

template <class T>
std::string chars_of(T value, std::chars_format format) {
  char text[512];  // the longest double takes 327
  auto [end, error] = std::to_chars(text, text + sizeof(text), value, format);
  return std::string(text, error == std::errc() ? end : text);
}

template <class T>
std::string chars_of(T value, std::chars_format format, int precision) {
  char text[512];
  auto [end, error] = std::to_chars(text, text + sizeof(text), value, format, precision);
  return std::string(text, error == std::errc() ? end : text);
}

// A number cut in "-12", "34" and "e-05" (or "").
struct Digits {
  std::string whole, fraction, exponent;
};

Digits cut(const std::string& text) {
  Digits digits;
  size_t e = std::min(text.find('e'), text.size()), point = std::min(text.find('.'), e);
  digits.whole = text.substr(0, point);
  digits.fraction = point < e ? text.substr(point + 1, e - point - 1) : "";
  digits.exponent = text.substr(e);
  return digits;
}

// The fewest digits that read back as the same number, but no more than kPrecision after the point.
template <class T>
Digits digits_of(T value, std::chars_format format) {
  Digits digits = cut(chars_of(value, format));
  if (digits.fraction.size() <= kPrecision) return digits;
  digits = cut(chars_of(value, format, kPrecision));
  while (digits.fraction.ends_with('0')) digits.fraction.pop_back();
  return digits;
}

std::string spaces(size_t width, size_t taken) {
  return std::string(width > taken ? width - taken : 0, ' ');
}

std::string special_text(double value) {
  return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

// Floats of one array: all positional, or all with an exponent where they differ too much in size.
template <class T>
std::vector<std::string> float_cells(const std::vector<T>& values) {
  T largest = 0, smallest = 0;
  bool any_special = false;
  for (T value : values) {
    any_special = any_special || !std::isfinite(value);
    T size = std::abs(value);
    if (!std::isfinite(value) || size == 0) continue;
    largest = std::max(largest, size);
    smallest = smallest == 0 ? size : std::min(smallest, size);
  }
  bool exponents = largest > 0 && (largest >= T(1e8) || smallest < T(1e-4) || largest / smallest > T(1000));
  auto format = exponents ? std::chars_format::scientific : std::chars_format::fixed;
  std::vector<Digits> digits(values.size());
  size_t whole = 0, fraction = 0, exponent = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    digits[i] = digits_of(values[i], format);
    whole = std::max(whole, digits[i].whole.size());
    fraction = std::max(fraction, digits[i].fraction.size());
    exponent = std::max(exponent, digits[i].exponent.size());
  }
  size_t right = fraction + exponent + 1;
  if (any_special) {
    for (T value : values) {
      size_t length = std::isfinite(value) ? 0 : special_text(static_cast<double>(value)).size();
      if (length > right) whole = std::max(whole, length - right);
    }
  }
  std::vector<std::string> cells;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      std::string text = special_text(static_cast<double>(values[i]));
      cells.push_back(spaces(whole + right, text.size()) + text);
      continue;
    }
    // With exponents every number shows as many digits as the longest needs, without them spaces take their place.
    const Digits d = exponents ? cut(chars_of(values[i], format, static_cast<int>(fraction))) : digits[i];
    std::string cell = str_cat(spaces(whole, d.whole.size()), d.whole, ".", d.fraction);
    if (!exponents) {
      cell += spaces(fraction, d.fraction.size());
    } else {
      str_append(cell, d.exponent.substr(0, 2), std::string(exponent - d.exponent.size(), '0'), d.exponent.substr(2));
    }
    cells.push_back(std::move(cell));
  }
  return cells;
}

template <class T>
std::string scalar_float(T value) {
  if (!std::isfinite(value)) return special_text(static_cast<double>(value));
  T size = std::abs(value);
  bool positional = size == 0 || (size >= T(1e-4) && size < T(1e16));
  Digits digits = cut(chars_of(value, positional ? std::chars_format::fixed : std::chars_format::scientific));
  if (positional && digits.fraction.empty()) digits.fraction = "0";
  return str_cat(digits.whole, digits.fraction.empty() ? "" : ".", digits.fraction, digits.exponent);
}

// b'text', as Python writes bytes.
std::string bytes_text(const std::string& bytes) {
  std::string text = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos ? "\"" : "'";
  char quote = text[0];
  constexpr char kHex[] = "0123456789abcdef";
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == quote) {
      str_append(text, '\\', c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      str_append(text, '\\', c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    } else if (byte < 0x20 || byte >= 0x7f) {
      str_append(text, "\\x", kHex[byte >> 4], kHex[byte & 15]);
    } else {
      text += c;
    }
  }
  return str_cat("b", text, quote);
}

template <class T>
std::vector<T> picked(const Tensor& tensor, const std::vector<int64_t>& indices) {
  std::span<const T> all = tensor.flat<T>();
  std::vector<T> values;
  for (int64_t index : indices) values.push_back(all[static_cast<size_t>(index)]);
  return values;
}

void align_right(std::vector<std::string>& cells) {
  size_t width = 0;
  for (const std::string& cell : cells) width = std::max(width, cell.size());
  for (std::string& cell : cells) cell = spaces(width, cell.size()) + cell;
}

template <class T>
std::vector<std::string> integer_cells(const Tensor& tensor, const std::vector<int64_t>& indices) {
  std::vector<std::string> cells;
  for (T value : picked<T>(tensor, indices)) cells.push_back(str_cat(+value));
  align_right(cells);
  return cells;
}

// The texts of these elements, as wide as each other.
std::vector<std::string> cells_of(const Tensor& tensor, const std::vector<int64_t>& indices) {
  std::vector<std::string> cells;
  switch (tensor.dtype()) {
    case DType::kFloat: return float_cells(picked<float>(tensor, indices));
    case DType::kDouble: return float_cells(picked<double>(tensor, indices));
    case DType::kInt8:
    case DType::kQInt8: return integer_cells<int8_t>(tensor, indices);
    case DType::kUInt8:
    case DType::kQUInt8: return integer_cells<uint8_t>(tensor, indices);
    case DType::kInt16:
    case DType::kQInt16: return integer_cells<int16_t>(tensor, indices);
    case DType::kUInt16:
    case DType::kQUInt16: return integer_cells<uint16_t>(tensor, indices);
    case DType::kInt32:
    case DType::kQInt32: return integer_cells<int32_t>(tensor, indices);
    case DType::kUInt32: return integer_cells<uint32_t>(tensor, indices);
    case DType::kInt64: return integer_cells<int64_t>(tensor, indices);
    case DType::kUInt64: return integer_cells<uint64_t>(tensor, indices);
    case DType::kBool:
      for (bool value : picked<bool>(tensor, indices)) cells.emplace_back(value ? " True" : "False");
      return cells;
    case DType::kString:
      for (const std::string& value : picked<std::string>(tensor, indices)) cells.push_back(bytes_text(value));
      return cells;
    default: break;
  }
  // half, bfloat16 and complex numbers, as Tarn writes them: {1, 2.5}.
  std::string text = tensor.to_string(static_cast<int>(std::min<int64_t>(tensor.element_count(), 1 << 20)));
  size_t begin = text.find('{') + 1;
  std::vector<std::string> all =
      str_split(std::string_view(text).substr(begin, text.rfind('}') - begin), ',', /*trim=*/true);
  for (int64_t index : indices) {
    cells.push_back(index < static_cast<int64_t>(all.size()) ? all[static_cast<size_t>(index)] : "?");
  }
  align_right(cells);
  return cells;
}

std::string scalar_text(const Tensor& tensor) {
  if (tensor.dtype() == DType::kFloat) return scalar_float(tensor.item<float>());
  if (tensor.dtype() == DType::kDouble) return scalar_float(tensor.item<double>());
  if (tensor.dtype() == DType::kBool) return tensor.item<bool>() ? "True" : "False";
  return cells_of(tensor, {0})[0];
}

class Printer {
 public:
  Printer(const Tensor& tensor, const ArrayTextOptions& options) : tensor_(tensor), options_(options) {
    is_cut_ = tensor.element_count() > options.threshold;
    collect(0, 0);
    cells_ = cells_of(tensor, indices_);
  }
  std::string text() { return nested(0, " ", static_cast<size_t>(options_.line_width)); }

 private:
  bool leaves_out(int64_t count) const { return is_cut_ && 2 * options_.edge_items < count; }

  // Calls `visit` with each shown index of a dim, and with -1 for the gap.
  template <class Visit>
  void each_shown(int64_t count, const Visit& visit) const {
    if (!leaves_out(count)) {
      for (int64_t i = 0; i < count; ++i) visit(i);
      return;
    }
    for (int64_t i = 0; i < options_.edge_items; ++i) visit(i);
    visit(-1);
    for (int64_t i = count - options_.edge_items; i < count; ++i) visit(i);
  }

  void collect(int dim, int64_t offset) {
    if (dim == tensor_.shape().rank()) return indices_.push_back(offset);
    int64_t count = tensor_.shape().dim(dim);
    each_shown(count, [&](int64_t i) {
      if (i >= 0) collect(dim + 1, offset * count + i);
    });
  }

  // `width`: columns left once the brackets of the dims around are closed.
  std::string nested(int dim, const std::string& indent, size_t width) {
    int dims_left = tensor_.shape().rank() - dim;
    std::string text;
    if (dims_left == 1) {
      std::string line = indent;
      bool is_first = true;
      each_shown(tensor_.shape().dim(dim), [&](int64_t i) {
        if (!is_first) line += ' ';
        is_first = false;
        const std::string word = i < 0 ? "..." : cells_[next_++];
        if (line.size() + word.size() > width - 1 && line.size() > indent.size()) {
          line.erase(line.find_last_not_of(' ') + 1);
          str_append(text, line, "\n");
          line = indent;
        }
        line += word;
      });
      text += line;
    } else {
      const std::string separator(static_cast<size_t>(dims_left - 1), '\n');
      bool is_first = true;
      each_shown(tensor_.shape().dim(dim), [&](int64_t i) {
        if (!is_first) text += separator;
        is_first = false;
        str_append(text, indent, i < 0 ? "..." : nested(dim + 1, indent + ' ', width - 1));
      });
    }
    return str_cat("[", text.substr(std::min(text.size(), indent.size())), "]");
  }

  const Tensor& tensor_;
  const ArrayTextOptions& options_;
  bool is_cut_ = false;
  std::vector<int64_t> indices_;  // of what is shown, in order
  std::vector<std::string> cells_;
  size_t next_ = 0;
};

}  // namespace

std::string array_text(const Tensor& tensor, const ArrayTextOptions& options) {
  if (tensor.element_count() == 0) return "[]";
  if (tensor.shape().is_scalar()) return scalar_text(tensor);
  return Printer(tensor, options).text();
}

}  // namespace tarn
