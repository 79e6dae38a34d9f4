#include "ops/support/summarize.h"

#include <cmath>
#include <cstdio>

#include "core/charconv.h"
#include "ops/support/half.h"

namespace tarn {
namespace {

// Few digits if they read back as the same number, else enough.
template <class T>
std::string number_text(T value, int few, int enough) {
  if (std::isnan(value)) return std::signbit(value) ? "-nan" : "nan";
  char room[kNumberText];
  for (int digits : {few, enough}) {
    char* end = general_text(room, value, digits);
    T back = 0;
    read_number(room, end, back);
    if (back == value || digits == enough) return {room, end};
  }
  return {};
}
std::string number_text(float value) {
  return number_text(value, 6, 9);
}
std::string number_text(double value) {
  return number_text(value, 15, 17);
}

// As in C: \n, \t, \", \\ and octal for what is not printable; `keep_utf8`: but for bytes of UTF-8 beyond ASCII.
std::string escaped(const std::string& text, bool keep_utf8 = false) {
  std::string result;
  for (char c : text) {
    switch (c) {
      case '\n': result += "\\n"; break;
      case '\r': result += "\\r"; break;
      case '\t': result += "\\t"; break;
      case '"': result += "\\\""; break;
      case '\'': result += "\\'"; break;
      case '\\': result += "\\\\"; break;
      default: {
        auto byte = static_cast<unsigned char>(c);
        if ((byte >= 0x20 && byte < 0x7F) || (keep_utf8 && byte >= 0x80)) {
          result += c;
        } else {
          for (int shift : {6, 3, 0}) {
            if (shift == 6) result += '\\';
            result += static_cast<char>('0' + (byte >> shift & 7));
          }
        }
      }
    }
  }
  return result;
}

std::string element_text(const TensorView& x, int64_t i) {
  switch (x.dtype) {
    case DType::kFloat: return number_text(x.as<float>()[i]);
    case DType::kDouble: return number_text(x.as<double>()[i]);
    case DType::kHalf: return number_text(half_to_float(x.as<uint16_t>()[i]));
    case DType::kBFloat16: return number_text(bfloat16_to_float(x.as<uint16_t>()[i]));
    case DType::kBool: return x.as<bool>()[i] ? "1" : "0";
    case DType::kString: return escaped(x.as<std::string>()[i]);
    case DType::kInt8:
    case DType::kQInt8: return str_cat(x.as<int8_t>()[i]);
    case DType::kUInt8:
    case DType::kQUInt8: return str_cat(static_cast<int>(x.as<uint8_t>()[i]));
    case DType::kInt16:
    case DType::kQInt16: return str_cat(x.as<int16_t>()[i]);
    case DType::kUInt16:
    case DType::kQUInt16: return str_cat(x.as<uint16_t>()[i]);
    case DType::kInt32:
    case DType::kQInt32: return str_cat(x.as<int32_t>()[i]);
    case DType::kUInt32: return str_cat(x.as<uint32_t>()[i]);
    case DType::kInt64: return str_cat(x.as<int64_t>()[i]);
    case DType::kUInt64: return str_cat(x.as<uint64_t>()[i]);
    default: return "?";
  }
}

class Printer {
 public:
  Printer(const TensorView& x, int64_t most) : x_(x), most_(most) {}

  // Elements of the innermost dim side by side, the others in brackets; a rank is 254 at most.
  void print(int dim) {
    if (next_ >= most_) return;
    int64_t size = x_.shape->dim(dim);
    bool is_innermost = dim + 1 == x_.shape->rank();
    for (int64_t i = 0; i < size; ++i) {
      if (is_innermost) {
        if (next_ >= most_) {
          if (dim != 0) text += "...";
          return;
        }
        if (i > 0) text += ' ';
        text += element_text(x_, next_++);
        continue;
      }
      bool opened = next_ < most_;
      if (opened) text += '[';
      print(dim + 1);
      if (opened) text += ']';
    }
  }

  std::string text;

 private:
  const TensorView& x_;
  int64_t most_, next_ = 0;
};

class EndsPrinter {
 public:
  EndsPrinter(const TensorView& x, int64_t at_ends) : x_(x), at_ends_(at_ends) {}

  // The part of dim `dim` that begins at element `first`; a rank is 254 at most.
  void print(int dim, int64_t first) {
    if (dim == x_.shape->rank()) {
      bool is_text = x_.dtype == DType::kString;
      text += is_text ? str_cat('"', escaped(x_.as<std::string>()[first], true), '"') : element_text(x_, first);
      return;
    }
    int64_t size = x_.shape->dim(dim), step = 1;
    for (int d = dim + 1; d < x_.shape->rank(); ++d) step *= x_.shape->dim(d);
    text += '[';
    for (int64_t i = 0; i < std::min(at_ends_, size); ++i) {
      if (i > 0) separate(dim);
      print(dim + 1, first + i * step);
    }
    if (size > at_ends_ && size - at_ends_ > at_ends_) {
      separate(dim);
      text += "...";
    }
    for (int64_t i = std::max(at_ends_, size - at_ends_); i < size; ++i) {
      separate(dim);
      print(dim + 1, first + i * step);
    }
    text += ']';
  }

  std::string text;

 private:
  void separate(int dim) {
    auto inner = static_cast<size_t>(x_.shape->rank() - 1 - dim);
    text.append(inner, '\n');
    text.append(inner == 0 ? 1 : static_cast<size_t>(dim) + 1, ' ');
  }

  const TensorView& x_;
  int64_t at_ends_;
};

}  // namespace

std::string show_ends(const TensorView& x, int64_t most) {
  if (most < 0 || most > x.count) most = x.count;
  if (x.shape->rank() == 0 && most == 0) return "...";
  EndsPrinter printer(x, most);
  printer.print(0, 0);
  return std::move(printer.text);
}

std::string summarize_value(const TensorView& x, int64_t most) {
  if (most < 0 || most > x.count) most = x.count;
  Printer printer(x, most);
  if (x.shape->rank() > 0) {
    printer.print(0);
  } else if (most > 0) {
    printer.text = element_text(x, 0);
  }
  if (x.count > most) printer.text += "...";
  return std::move(printer.text);
}

}  // namespace tarn
