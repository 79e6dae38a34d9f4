#include "tools/support/array_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <complex>
#include <cstdio>
#include <vector>

#include "core/half.h"

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

// "-6.55e+04" -> "-65500": without an exponent, and no digit more.
std::string without_exponent(const std::string& scientific) {
  Digits parts = cut(scientific);
  int exponent = parts.exponent.empty() ? 0 : std::stoi(parts.exponent.substr(1));
  std::string sign = parts.whole.starts_with('-') ? "-" : "";
  std::string digits = parts.whole.substr(sign.size()) + parts.fraction;
  if (exponent < 0) return str_cat(sign, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return str_cat(sign, digits, std::string(whole - digits.size(), '0'));
  return str_cat(sign, digits.substr(0, whole), ".", digits.substr(whole));
}

// The fewest digits that read back as the same half, with an exponent: 1.1e+00, where a float takes 1.0996094e+00.
std::string half_chars(float value) {
  constexpr auto kScientific = std::chars_format::scientific;
  constexpr int kMostPrecision = 4;  // 5 digits tell any two halves apart
  auto reads_back = [value](const std::string& text) {
    float read = 0;
    std::from_chars(text.data(), text.data() + text.size(), read);
    return float_to_half(read) == float_to_half(value);
  };
  for (int precision = 0; precision < kMostPrecision; ++precision) {
    std::string text = chars_of(value, kScientific, precision);
    if (reads_back(text)) return text;
    // Above a power of two halves are twice as far apart as below: there the number on the other side may do.
    double nearest = 0;
    std::from_chars(text.data(), text.data() + text.size(), nearest);
    double step = std::pow(10.0, std::stoi(text.substr(text.find('e') + 1)) - precision);
    text = chars_of(nearest < static_cast<double>(value) ? nearest + step : nearest - step, kScientific, precision);
    if (reads_back(text)) return text;
  }
  return chars_of(value, kScientific, kMostPrecision);
}

struct NumberStyle {
  bool is_half = false;   // the numbers are halves, held as floats
  bool has_plus = false;  // before what is not negative
};

Digits with_plus(Digits digits, NumberStyle style) {
  if (style.has_plus && !digits.whole.starts_with('-')) digits.whole.insert(0, 1, '+');
  return digits;
}

template <class T>
std::string shortest_chars(T value, std::chars_format format, NumberStyle style) {
  if (!style.is_half) return chars_of(value, format);
  std::string text = half_chars(static_cast<float>(value));
  return format == std::chars_format::fixed ? without_exponent(text) : text;
}

// The fewest digits that read back as the same number, but no more than kPrecision after the point.
template <class T>
Digits digits_of(T value, std::chars_format format, NumberStyle style) {
  Digits digits = with_plus(cut(shortest_chars(value, format, style)), style);
  // 65500 is enough to tell 65504 from other halves; arrays show every digit before the point all the same.
  bool is_whole = style.is_half && format == std::chars_format::fixed && digits.fraction.empty();
  if (is_whole) return with_plus(cut(chars_of(value, format, 0)), style);
  if (digits.fraction.size() <= kPrecision) return digits;
  digits = with_plus(cut(chars_of(value, format, kPrecision)), style);
  while (digits.fraction.ends_with('0')) digits.fraction.pop_back();
  return digits;
}

std::string spaces(size_t width, size_t taken) {
  return std::string(width > taken ? width - taken : 0, ' ');
}

std::string special_text(double value, NumberStyle style = {}) {
  std::string plus = style.has_plus ? "+" : "";
  return std::isnan(value) ? plus + "nan" : value < 0 ? "-inf" : plus + "inf";
}

// Floats of one array: all positional, or all with an exponent where they differ too much in size.
template <class T>
std::vector<std::string> float_cells(const std::vector<T>& values, NumberStyle style = {}) {
  T largest = 0, smallest = 0;
  bool any_special = false;
  for (T value : values) {
    any_special = any_special || !std::isfinite(value);
    T size = std::abs(value);
    if (!std::isfinite(value) || size == 0) continue;
    largest = std::max(largest, size);
    smallest = smallest == 0 ? size : std::min(smallest, size);
  }
  // The quotient is rounded as NumPy's is, the comparisons are doubles'.
  T quotient = largest > 0 ? largest / smallest : T(1);
  if (style.is_half) quotient = half_to_float(float_to_half(static_cast<float>(quotient)));
  bool exponents =
      largest > 0 && (static_cast<double>(largest) >= 1e8 || static_cast<double>(smallest) < 1e-4 || quotient > 1000);
  auto format = exponents ? std::chars_format::scientific : std::chars_format::fixed;
  std::vector<Digits> digits(values.size());
  size_t whole = 0, fraction = 0, exponent = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    digits[i] = digits_of(values[i], format, style);
    whole = std::max(whole, digits[i].whole.size());
    fraction = std::max(fraction, digits[i].fraction.size());
    exponent = std::max(exponent, digits[i].exponent.size());
  }
  size_t right = fraction + exponent + 1;
  if (any_special) {
    for (T value : values) {
      size_t length = std::isfinite(value) ? 0 : special_text(static_cast<double>(value), style).size();
      if (length > right) whole = std::max(whole, length - right);
    }
  }
  std::vector<std::string> cells;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      std::string text = special_text(static_cast<double>(values[i]), style);
      cells.push_back(spaces(whole + right, text.size()) + text);
      continue;
    }
    // With exponents every number shows as many digits as the longest needs, without them spaces take their place.
    const Digits d =
        exponents ? with_plus(cut(chars_of(values[i], format, static_cast<int>(fraction))), style) : digits[i];
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
std::string scalar_float(T value, NumberStyle style = {}) {
  if (!std::isfinite(value)) return special_text(static_cast<double>(value), style);
  auto size = static_cast<double>(std::abs(value));
  bool positional = size == 0 || (size >= 1e-4 && size < 1e16);
  std::string text = shortest_chars(value, std::chars_format::scientific, style);
  Digits digits = with_plus(cut(positional ? without_exponent(text) : text), style);
  if (positional && digits.fraction.empty()) digits.fraction = "0";
  return str_cat(digits.whole, digits.fraction.empty() ? "" : ".", digits.fraction, digits.exponent);
}

template <class T>
std::vector<std::complex<T>> complex_values(const Tensor& tensor, const std::vector<int64_t>& indices) {
  const auto* all = static_cast<const T*>(tensor.data());  // pairs
  std::vector<std::complex<T>> values;
  for (int64_t index : indices) values.emplace_back(all[2 * index], all[2 * index + 1]);
  return values;
}

// Both parts have columns of their own: "1.  +2.j".
template <class T>
std::vector<std::string> complex_cells(const std::vector<std::complex<T>>& values) {
  std::vector<T> reals, imaginaries;
  for (const std::complex<T>& value : values) {
    reals.push_back(value.real());
    imaginaries.push_back(value.imag());
  }
  std::vector<std::string> cells = float_cells(reals), others = float_cells(imaginaries, {.has_plus = true});
  for (size_t i = 0; i < cells.size(); ++i) {
    others[i].insert(others[i].find_last_not_of(' ') + 1, "j");
    cells[i] += others[i];
  }
  return cells;
}

// "(1+2j)"; "2j" where there is nothing else.
template <class T>
std::string scalar_complex(std::complex<T> value) {
  auto text = [](T part, NumberStyle style) {
    std::string digits = scalar_float(part, style);
    return digits.ends_with(".0") ? digits.substr(0, digits.size() - 2) : digits;
  };
  bool is_imaginary = value.real() == 0 && !std::signbit(value.real());
  if (is_imaginary) return str_cat(text(value.imag(), {}), "j");
  return str_cat("(", text(value.real(), {}), text(value.imag(), {.has_plus = true}), "j)");
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

// TensorFlow's bfloat16 is no NumPy type: it prints as a C++ stream prints a float, without columns.
std::string bfloat16_text(BFloat16 value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", static_cast<double>(bfloat16_to_float(value.bits)));
  return text;
}

std::vector<float> half_values(const Tensor& tensor, const std::vector<int64_t>& indices) {
  std::vector<float> values;
  for (Half value : picked<Half>(tensor, indices)) values.push_back(half_to_float(value.bits));
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
    case DType::kHalf: return float_cells(half_values(tensor, indices), {.is_half = true});
    case DType::kBFloat16:
      for (BFloat16 value : picked<BFloat16>(tensor, indices)) cells.push_back(bfloat16_text(value));
      return cells;
    case DType::kComplex64: return complex_cells(complex_values<float>(tensor, indices));
    case DType::kComplex128: return complex_cells(complex_values<double>(tensor, indices));
    default: return std::vector<std::string>(indices.size(), "?");  // resource, variant: no checkpoint holds any
  }
}

std::string scalar_text(const Tensor& tensor) {
  if (tensor.dtype() == DType::kFloat) return scalar_float(tensor.item<float>());
  if (tensor.dtype() == DType::kDouble) return scalar_float(tensor.item<double>());
  if (tensor.dtype() == DType::kHalf) return scalar_float(half_values(tensor, {0})[0], {.is_half = true});
  if (tensor.dtype() == DType::kComplex64) return scalar_complex(complex_values<float>(tensor, {0})[0]);
  if (tensor.dtype() == DType::kComplex128) return scalar_complex(complex_values<double>(tensor, {0})[0]);
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
