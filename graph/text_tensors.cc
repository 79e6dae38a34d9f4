// Constants of the text form, read and written (declared in text_values.h).
#include "graph/text_values.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/tensor_fields.h"
#include "core/half.h"

namespace tarn {
namespace {

template <class T>
bool parse_number(std::string_view text, T& value) {
  if (text.starts_with("+")) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// 0x7fc00001: the bits of a number.
template <class T>
bool parse_bits(std::string_view text, T& value) {
  if (!text.starts_with("0x")) return false;
  text.remove_prefix(2);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

template <class Float, class Bits>
bool parse_float(std::string_view text, Float& value) {
  Bits bits = 0;
  if (text.starts_with("0x")) {
    if (!parse_bits(text, bits)) return false;
    value = std::bit_cast<Float>(bits);
    return true;
  }
  if (text == "nan") {  // the quiet NaN, whatever the library makes of the word
    value = std::numeric_limits<Float>::quiet_NaN();
    return true;
  }
  return parse_number(text, value);
}

// A counter through SplitMix64's mixing: element i of random(seed=s) is the same everywhere.
double uniform(uint64_t seed, uint64_t index) {
  uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15u + index * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

template <class T>
void store(void* out, T value) {
  std::memcpy(out, &value, sizeof(T));
}

// The ranges that random() draws from unless told.
void default_range(DType dtype, double& min, double& max) {
  min = dtype_is_floating(dtype) || dtype == DType::kComplex64 || dtype == DType::kComplex128 ? -1 : -8;
  max = -min;
  switch (dtype) {
    case DType::kUInt8:
    case DType::kQUInt8: min = 0, max = 256; break;
    case DType::kInt8:
    case DType::kQInt8: min = -128, max = 128; break;
    case DType::kUInt16:
    case DType::kQUInt16:
    case DType::kUInt32:
    case DType::kUInt64: min = 0, max = 16; break;
    case DType::kBool: min = 0, max = 2; break;
    default: break;
  }
}

// Rounds towards -infinity for integers.
void store_double(DType dtype, void* out, double value) {
  auto whole = static_cast<int64_t>(std::floor(std::clamp(value, -9e18, 9e18)));
  switch (dtype) {
    case DType::kFloat: return store(out, static_cast<float>(value));
    case DType::kDouble: return store(out, value);
    case DType::kHalf: return store(out, float_to_half(static_cast<float>(value)));
    case DType::kBFloat16: return store(out, float_to_bfloat16(static_cast<float>(value)));
    case DType::kBool: return store(out, static_cast<uint8_t>(whole != 0));
    default: break;
  }
  std::memcpy(out, &whole, dtype_size(dtype));  // little-endian: the low bytes
}

bool is_complex(DType dtype) {
  return dtype == DType::kComplex64 || dtype == DType::kComplex128;
}

bool is_unsigned(DType dtype) {
  switch (dtype) {
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
    case DType::kUInt64:
    case DType::kQUInt8:
    case DType::kQUInt16: return true;
    default: return false;
  }
}

// An integer in the range of `dtype`.
bool parse_integer(DType dtype, std::string_view text, void* out) {
  size_t bytes = dtype_size(dtype);
  int shift = static_cast<int>(64 - 8 * bytes);
  if (is_unsigned(dtype)) {
    uint64_t value = 0;
    if (!parse_number(text, value) || value > std::numeric_limits<uint64_t>::max() >> shift) return false;
    std::memcpy(out, &value, bytes);
    return true;
  }
  int64_t value = 0;
  if (!parse_number(text, value)) return false;
  if (value > std::numeric_limits<int64_t>::max() >> shift || value < std::numeric_limits<int64_t>::min() >> shift)
    return false;
  std::memcpy(out, &value, bytes);
  return true;
}

// A float, or its bits where a number would not say which NaN it is.
template <class Bits, class Float>
std::string float_text(Bits bits, Float value) {
  constexpr char kHex[] = "0123456789abcdef";
  if (!std::isnan(value)) return str_cat(value);
  if (bits == std::bit_cast<Bits>(std::numeric_limits<Float>::quiet_NaN())) return "nan";
  std::string text = "0x";
  for (int shift = static_cast<int>(8 * sizeof(Bits)) - 4; shift >= 0; shift -= 4) text += kHex[bits >> shift & 15];
  return text;
}

template <class T>
T load(const void* in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  return value;
}

std::string half_text(uint16_t bits, float value, uint16_t quiet_nan) {
  constexpr char kHex[] = "0123456789abcdef";
  if (!std::isnan(value)) return str_cat(value);
  if (bits == quiet_nan) return "nan";
  return {'0', 'x', kHex[bits >> 12], kHex[bits >> 8 & 15], kHex[bits >> 4 & 15], kHex[bits & 15]};
}

std::string element_text(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == DType::kString) return escaped(tensor.flat<std::string>()[static_cast<size_t>(index)]);
  size_t size = dtype_size(tensor.dtype());
  const char* at = static_cast<const char*>(tensor.data()) + static_cast<size_t>(index) * size;
  auto f32 = [](const char* p) { return float_text(load<uint32_t>(p), load<float>(p)); };
  auto f64 = [](const char* p) { return float_text(load<uint64_t>(p), load<double>(p)); };
  switch (tensor.dtype()) {
    case DType::kFloat: return f32(at);
    case DType::kDouble: return f64(at);
    case DType::kComplex64: return str_cat("(", f32(at), ", ", f32(at + 4), ")");
    case DType::kComplex128: return str_cat("(", f64(at), ", ", f64(at + 8), ")");
    case DType::kHalf: return half_text(load<uint16_t>(at), half_to_float(load<uint16_t>(at)), 0x7e00);
    case DType::kBFloat16: return half_text(load<uint16_t>(at), bfloat16_to_float(load<uint16_t>(at)), 0x7fc0);
    case DType::kBool: return *at != 0 ? "true" : "false";
    case DType::kInt64: return str_cat(load<int64_t>(at));
    case DType::kUInt64: return str_cat(load<uint64_t>(at));
    case DType::kUInt32: return str_cat(load<uint32_t>(at));
    case DType::kInt32:
    case DType::kQInt32: return str_cat(load<int32_t>(at));
    case DType::kInt16:
    case DType::kQInt16: return str_cat(load<int16_t>(at));
    case DType::kUInt16:
    case DType::kQUInt16: return str_cat(load<uint16_t>(at));
    case DType::kInt8:
    case DType::kQInt8: return str_cat(int{load<int8_t>(at)});
    default: return str_cat(int{load<uint8_t>(at)});
  }
}

// Every element has the bits of the first.
bool is_uniform(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) {
    std::span<const std::string> all = tensor.flat<std::string>();
    return std::all_of(all.begin(), all.end(), [&](const std::string& text) { return text == all[0]; });
  }
  const char* data = static_cast<const char*>(tensor.data());
  size_t size = dtype_size(tensor.dtype());
  return tensor.byte_size() > 0 && std::memcmp(data, data + size, tensor.byte_size() - size) == 0;
}

bool is_zero(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) return tensor.flat<std::string>()[0].empty();
  const char* data = static_cast<const char*>(tensor.data());
  return std::all_of(data, data + dtype_size(tensor.dtype()), [](char c) { return c == 0; });
}

}  // namespace

Result<Tensor> ValueReader::allocate(DType dtype, const Shape& shape, const TextToken& at) {
  if (!shape.is_fully_known()) {
    return lexer_.error_at(at, "a constant needs a type with all its dims, not ", dtype_short_name(dtype), shape);
  }
  if (dtype == DType::kResource || dtype == DType::kVariant)
    return lexer_.error_at(at, "there are no constants of ", dtype_name(dtype));
  Result<int64_t> count = shape.element_count();
  Result<int64_t> bytes =
      count.ok() ? checked_multiply(
                       *count, static_cast<int64_t>(dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype)))
                 : count;
  if (!bytes.ok() || *bytes > tensor_bytes_) {
    return lexer_.error_at(at, dtype_short_name(dtype), shape, " needs ",
                           bytes.ok() ? str_cat(*bytes) : "more than 2^63", " bytes; ", tensor_bytes_,
                           " are left for constants");
  }
  tensor_bytes_ -= *bytes;
  return Tensor::allocate(dtype, shape);
}

Status ValueReader::float_parts(DType dtype, void* out) {
  TARN_ASSIGN_OR_RETURN(TextToken word, lexer_.expect_word("a number"));
  float f = 0;
  double d = 0;
  uint16_t bits = 0;
  bool good = false;
  switch (dtype) {
    case DType::kFloat:
    case DType::kComplex64:
      good = parse_float<float, uint32_t>(word.text, f);
      store(out, f);
      break;
    case DType::kDouble:
    case DType::kComplex128:
      good = parse_float<double, uint64_t>(word.text, d);
      store(out, d);
      break;
    default:  // half, bfloat16
      good = parse_bits(word.text, bits);
      if (!good && parse_float<float, uint32_t>(word.text, f)) {
        good = true;
        bits = dtype == DType::kHalf ? float_to_half(f) : float_to_bfloat16(f);
      }
      store(out, bits);
  }
  if (good) return {};
  return lexer_.error_at(word, quoted(word.text), " is no ", dtype_name(dtype), " number");
}

Status ValueReader::element(Tensor& tensor, int64_t index) {
  DType dtype = tensor.dtype();
  if (dtype == DType::kString) {
    TextToken token = lexer_.next();
    if (token.kind != TextToken::kString) return lexer_.error_at(token, "expected a string, got ", describe(token));
    Result<std::string> text = unescape(token.text);
    if (!text.ok()) return lexer_.error_at(token, text.status().message());
    tensor.mutable_flat<std::string>()[static_cast<size_t>(index)] = *std::move(text);
    return {};
  }
  size_t size = dtype_size(dtype);
  char* out = static_cast<char*>(tensor.mutable_data()) + static_cast<size_t>(index) * size;
  if (is_complex(dtype)) {
    TARN_RETURN_IF_ERROR(lexer_.expect('(', "a complex number's place"));
    TARN_RETURN_IF_ERROR(float_parts(dtype, out));
    TARN_RETURN_IF_ERROR(lexer_.expect(',', "the real part"));
    TARN_RETURN_IF_ERROR(float_parts(dtype, out + size / 2));
    return lexer_.expect(')', "the imaginary part");
  }
  if (dtype_is_floating(dtype)) return float_parts(dtype, out);
  TARN_ASSIGN_OR_RETURN(TextToken word, lexer_.expect_word(dtype == DType::kBool ? "true or false" : "a number"));
  if (dtype == DType::kBool) {
    if (word.text != "true" && word.text != "false")
      return lexer_.error_at(word, quoted(word.text), " is neither true nor false");
    store(out, static_cast<uint8_t>(word.text == "true"));
    return {};
  }
  if (parse_integer(dtype, word.text, out)) return {};
  return lexer_.error_at(word, quoted(word.text), " is no ", dtype_name(dtype), " number");
}

// Behind '{'.
Status ValueReader::elements(Tensor& tensor) {
  int64_t count = 0;
  for (; !lexer_.peek().is_mark('}'); ++count) {
    if (count > 0) TARN_RETURN_IF_ERROR(lexer_.expect(',', "an element"));
    if (count == tensor.element_count()) break;
    if (lexer_.peek().is_mark('.') || lexer_.peek().is_word("..."))
      return lexer_.error_at(lexer_.peek(), "this constant was cut when it was written; its elements are not here");
    TARN_RETURN_IF_ERROR(element(tensor, count));
  }
  if (count == tensor.element_count() && lexer_.take('}')) return {};
  return lexer_.error_at(lexer_.peek(), dtype_short_name(tensor.dtype()), tensor.shape(), " takes ",
                         tensor.element_count(), tensor.element_count() == 1 ? " element" : " elements", ", got ",
                         lexer_.peek().is_mark('}') ? str_cat(count) : "more");
}

// Behind "fill".
Status ValueReader::fill(Tensor& tensor) {
  TARN_RETURN_IF_ERROR(lexer_.expect('(', "fill"));
  if (tensor.element_count() == 0) return lexer_.error_at(lexer_.peek(), "fill() of no elements; write {}");
  TARN_RETURN_IF_ERROR(element(tensor, 0));
  if (tensor.dtype() == DType::kString) {
    std::span<std::string> all = tensor.mutable_flat<std::string>();
    std::fill(all.begin() + 1, all.end(), all[0]);
  } else {
    size_t size = dtype_size(tensor.dtype());
    char* data = static_cast<char*>(tensor.mutable_data());
    for (int64_t i = 1; i < tensor.element_count(); ++i) std::memcpy(data + static_cast<size_t>(i) * size, data, size);
  }
  return lexer_.expect(')', "the value");
}

// Behind "random".
Status ValueReader::random(Tensor& tensor) {
  TextToken start = lexer_.peek();
  DType dtype = tensor.dtype();
  if (dtype == DType::kString) return lexer_.error_at(start, "random() makes numbers, no strings");
  int64_t seed = 0;
  double min = 0, max = 0;
  default_range(dtype, min, max);
  TARN_RETURN_IF_ERROR(lexer_.expect('(', "random"));
  for (bool first = true; !lexer_.take(')'); first = false) {
    if (!first) TARN_RETURN_IF_ERROR(lexer_.expect(',', "a value"));
    TARN_ASSIGN_OR_RETURN(TextToken name, lexer_.expect_word("seed, min or max"));
    TARN_RETURN_IF_ERROR(lexer_.expect('=', name.text));
    if (name.text == "seed") {
      TARN_ASSIGN_OR_RETURN(seed, integer("a seed"));
    } else if (name.text == "min" || name.text == "max") {
      TARN_RETURN_IF_ERROR(float_parts(DType::kDouble, name.text == "min" ? &min : &max));
    } else {
      return lexer_.error_at(name, "random() takes seed, min and max, not ", quoted(name.text));
    }
  }
  if (!(min < max) || !std::isfinite(max - min)) return lexer_.error_at(start, "random() needs min < max");
  size_t parts = is_complex(dtype) ? 2 : 1;
  DType part = dtype == DType::kComplex64 ? DType::kFloat : dtype == DType::kComplex128 ? DType::kDouble : dtype;
  auto count = static_cast<size_t>(tensor.element_count()) * parts;
  char* data = static_cast<char*>(tensor.mutable_data());
  for (size_t i = 0; i < count; ++i) {
    double value = min + uniform(static_cast<uint64_t>(seed), i) * (max - min);
    store_double(part, data + i * dtype_size(part), value);
  }
  return {};
}

// Behind "base64" or "hex".
Result<Tensor> ValueReader::raw(DType dtype, const Shape& shape, bool is_hex) {
  TextToken token = lexer_.next();
  if (token.kind != TextToken::kString)
    return lexer_.error_at(token, "expected a string after ", is_hex ? "hex" : "base64", ", got ", describe(token));
  if (dtype == DType::kString) return lexer_.error_at(token, "strings are listed: {\"a\", \"b\"}");
  Result<std::string> bytes = is_hex ? hex_decode(token.text) : base64_decode(token.text);
  if (!bytes.ok()) return lexer_.error_at(token, bytes.status().message());
  TARN_ASSIGN_OR_RETURN(Tensor tensor, allocate(dtype, shape, token));
  if (bytes->size() != tensor.byte_size()) {
    return lexer_.error_at(token, dtype_short_name(dtype), shape, " takes ", tensor.byte_size(), " bytes, got ",
                           bytes->size());
  }
  if (!bytes->empty()) std::memcpy(tensor.mutable_data(), bytes->data(), bytes->size());
  if (Status bools = check_bools(tensor); !bools.ok()) return lexer_.error_at(token, bools.message());
  return tensor;
}

Result<Tensor> ValueReader::tensor_body(DType dtype, const Shape& shape, bool scalar_allowed) {
  TextToken start = lexer_.peek();
  if (lexer_.take_word("base64")) return raw(dtype, shape, false);
  if (lexer_.take_word("hex")) return raw(dtype, shape, true);
  if (lexer_.take_word("zeros")) {
    TARN_RETURN_IF_ERROR(allocate(dtype, shape, start).status());
    return Tensor::zeros(dtype, shape);
  }
  TARN_ASSIGN_OR_RETURN(Tensor tensor, allocate(dtype, shape, start));
  if (lexer_.take_word("fill")) {
    TARN_RETURN_IF_ERROR(fill(tensor));
  } else if (lexer_.take_word("random")) {
    TARN_RETURN_IF_ERROR(random(tensor));
  } else if (lexer_.take('{')) {
    TARN_RETURN_IF_ERROR(elements(tensor));
  } else if (scalar_allowed && tensor.element_count() == 1) {
    TARN_RETURN_IF_ERROR(element(tensor, 0));
  } else {
    return lexer_.error_at(start, "expected a constant ({…}, zeros, fill(), random(), base64\"…\"), got ",
                           describe(start));
  }
  return tensor;
}

std::string tensor_body_text(const Tensor& tensor, const TextWriteOptions& options) {
  constexpr int64_t kMostEqualListed = 4;
  if (options.literal) {
    if (std::string text = options.literal(tensor); !text.empty()) return text;
  }
  int64_t count = tensor.element_count();
  if (count > kMostEqualListed && is_uniform(tensor)) {
    return is_zero(tensor) ? "zeros" : str_cat("fill(", element_text(tensor, 0), ")");
  }
  if (count > options.max_list_elements && options.elide_constants) return "{...}";
  if (count > options.max_list_elements && tensor.dtype() != DType::kString) {
    std::string_view bytes(static_cast<const char*>(tensor.data()), tensor.byte_size());
    return str_cat("base64\"", base64_encode(bytes), "\"");
  }
  std::string out = "{";
  for (int64_t i = 0; i < count; ++i) str_append(out, i > 0 ? ", " : "", element_text(tensor, i));
  return out + "}";
}

std::string tensor_to_text(const Tensor& tensor, const TextWriteOptions& options) {
  return type_text(Fact{tensor.dtype(), tensor.shape(), {}, false}) + tensor_body_text(tensor, options);
}

Result<Tensor> tensor_from_text(std::string_view text, int64_t max_bytes) {
  TextLexer lexer(text, "constant", 1);
  TARN_ASSIGN_OR_RETURN(Tensor tensor, ValueReader(lexer, max_bytes).tensor());
  if (lexer.peek().kind == TextToken::kEnd) return tensor;
  return lexer.error_at(lexer.peek(), "expected the end, got ", describe(lexer.peek()));
}

Result<Tensor> ValueReader::tensor() {
  TARN_ASSIGN_OR_RETURN(Fact type, this->type());
  return tensor_body(type.dtype, type.shape, false);
}

}  // namespace tarn
