// Types and attrs of the text form, read and written (declared in text_values.h).
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "graph/text_values.h"

namespace tarn {
namespace {

constexpr int kMostDepth = 64;  // of lists and functions within attrs

template <class T>
bool parse_number(std::string_view text, T& value) {
  if (text.starts_with("+")) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool looks_like_integer(std::string_view text) {
  if (text.starts_with("-") || text.starts_with("+")) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A list whose elements all are T, if they are.
template <class T>
bool gather(const std::vector<AttrValue>& values, AttrValue& out) {
  std::vector<T> elements;
  for (const AttrValue& value : values) {
    if (!value.is<T>()) return false;
    elements.push_back(value.as<T>());
  }
  out = AttrValue(std::move(elements));
  return true;
}

bool is_number(const AttrValue& value) {
  return value.is<int64_t>() || value.is<float>();
}
float number_of(const AttrValue& value) {
  return value.is<float>() ? value.as<float>() : static_cast<float>(value.as<int64_t>());
}

// What the words mean where the op says which kind the attr has: 1 as a float, [1, 2] as a shape.
AttrValue as_kind(AttrValue value, std::string_view kind) {
  if (kind == "float" && value.is<int64_t>()) return number_of(value);
  if (kind == "shape" && value.is<AttrValue::EmptyList>()) return Shape();
  if (kind == "shape" && value.is<std::vector<int64_t>>()) {
    Result<Shape> shape = Shape::make(value.as<std::vector<int64_t>>());
    if (shape.ok()) return *std::move(shape);
  }
  if (kind == "list(float)" && value.is<std::vector<int64_t>>()) {
    std::vector<float> floats;
    for (int64_t element : value.as<std::vector<int64_t>>()) floats.push_back(static_cast<float>(element));
    return floats;
  }
  return value;
}

std::string float_text(float value) {
  constexpr uint32_t kQuietNan = 0x7fc00000;
  auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value) && bits != kQuietNan) {
    char digits[9];
    auto [end, error] = std::to_chars(digits, digits + sizeof(digits), bits, 16);
    return str_cat("bits(0x", std::string_view(digits, error == std::errc() ? end : digits), ")");
  }
  std::string text = str_cat(value);
  // A float shows that it is one: 1.0, inf, nan, 1e-05.
  if (looks_like_integer(text)) text += ".0";
  return text;
}

// As a word where the lexer would read one.
std::string word_or_string(std::string_view text) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  bool is_word = !text.empty() && std::all_of(text.begin(), text.end(), plain);
  return is_word ? std::string(text) : escaped(text);
}

std::string shape_text(const Shape& shape, bool is_declared) {
  return is_declared ? shape.to_string() : "shape" + shape.to_string();
}

std::string function_text(const FunctionAttr& function, const TextWriteOptions& options) {
  std::string out = "@" + word_or_string(function.name);
  if (function.attrs != nullptr && !function.attrs->empty()) out += attrs_text(*function.attrs, nullptr, options);
  return out;
}

struct AttrPrinter {
  bool is_declared_shape;
  const TextWriteOptions& options;

  std::string operator()(const AttrValue::Nothing&) const { return "nothing"; }
  std::string operator()(const std::string& value) const { return escaped(value); }
  std::string operator()(int64_t value) const { return str_cat(value); }
  std::string operator()(float value) const { return float_text(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(DType value) const { return std::string(dtype_short_name(value)); }
  std::string operator()(const Shape& value) const { return shape_text(value, is_declared_shape); }
  std::string operator()(const Tensor& value) const { return tensor_to_text(value, options); }
  std::string operator()(const FunctionAttr& value) const { return function_text(value, options); }
  std::string operator()(const AttrValue::Placeholder& value) const { return "$" + word_or_string(value.name); }
  std::string operator()(const AttrValue::EmptyList&) const { return "[]"; }
  template <class T>
  std::string operator()(const std::vector<T>& values) const {
    std::string out = "[";
    for (size_t i = 0; i < values.size(); ++i) {
      const T& value = values[i];
      str_append(out, i > 0 ? ", " : "", AttrPrinter{false, options}(value));
    }
    return out + "]";
  }
};

}  // namespace

Result<DType> ValueReader::dtype() {
  TARN_ASSIGN_OR_RETURN(TextToken word, lexer_.expect_word("a type such as f32"));
  std::optional<DType> dtype = dtype_from_name(word.text);
  if (!dtype) return lexer_.error_at(word, quoted(word.text), " is no type (f32, i32, str, bool … are)");
  return *dtype;
}

Result<int64_t> ValueReader::integer(std::string_view what) {
  TARN_ASSIGN_OR_RETURN(TextToken word, lexer_.expect_word(what));
  int64_t value = 0;
  if (!parse_number(word.text, value)) return lexer_.error_at(word, "expected ", what, ", got ", describe(word));
  return value;
}

Result<Shape> ValueReader::shape_behind_bracket() {
  TextToken start = lexer_.peek();
  std::vector<int64_t> dims;
  while (!lexer_.take(']')) {
    if (!dims.empty()) TARN_RETURN_IF_ERROR(lexer_.expect(',', "a dim"));
    if (lexer_.take('?')) {
      dims.push_back(kUnknownDim);
    } else {
      TextToken at = lexer_.peek();
      TARN_ASSIGN_OR_RETURN(int64_t dim, integer("a dim (a number or '?')"));
      if (dim < 0) return lexer_.error_at(at, "dim ", dim, " is below 0; an unknown one is '?'");
      dims.push_back(dim);
    }
  }
  Result<Shape> shape = Shape::make(dims);
  if (!shape.ok()) return lexer_.error_at(start, shape.status().message());
  return shape;
}

Result<Fact> ValueReader::type() {
  Fact fact;
  if (lexer_.take('?')) return fact;
  if (lexer_.peek().is_word("handle")) {
    lexer_.next();
    TARN_RETURN_IF_ERROR(lexer_.expect('(', "handle"));
    Fact behind;
    behind.dtype = DType::kInvalid;
    TARN_ASSIGN_OR_RETURN(behind.dtype, dtype());
    if (lexer_.take('[')) {
      TARN_ASSIGN_OR_RETURN(behind.shape, shape_behind_bracket());
    } else {
      lexer_.take('?');
    }
    TARN_RETURN_IF_ERROR(lexer_.expect(')', "the type of a handle"));
    return Fact{.dtype = DType::kResource, .shape = Shape(), .behind = std::make_shared<Fact>(behind)};
  }
  bool is_ref = lexer_.peek().is_word("ref");
  if (is_ref) {
    lexer_.next();
    TARN_RETURN_IF_ERROR(lexer_.expect('(', "ref"));
  }
  fact.is_ref = is_ref;
  TARN_ASSIGN_OR_RETURN(fact.dtype, dtype());
  if (lexer_.take('[')) {
    TARN_ASSIGN_OR_RETURN(fact.shape, shape_behind_bracket());
  } else {
    lexer_.take('?');
  }
  if (is_ref) TARN_RETURN_IF_ERROR(lexer_.expect(')', "the type of a ref"));
  return fact;
}

Result<AttrValue> ValueReader::word_value(const TextToken& word) {
  std::string_view text = word.text;
  if (text == "true") return AttrValue(true);
  if (text == "false") return AttrValue(false);
  if (text == "nothing") return AttrValue();
  if (text == "invalid") return AttrValue(DType::kInvalid);
  if (text == "bits") {
    TARN_RETURN_IF_ERROR(lexer_.expect('(', text));
    TARN_ASSIGN_OR_RETURN(TextToken digits, lexer_.expect_word("hex digits"));
    uint32_t bits = 0;
    std::string_view hex = digits.text;
    if (hex.starts_with("0x")) hex.remove_prefix(2);
    auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16);
    if (error != std::errc() || end != hex.data() + hex.size())
      return lexer_.error_at(digits, "expected the 32 bits of a float, got ", describe(digits));
    TARN_RETURN_IF_ERROR(lexer_.expect(')', "the bits"));
    return AttrValue(std::bit_cast<float>(bits));
  }
  if (text == "shape") {
    if (lexer_.take('?')) return AttrValue(Shape::unknown());
    TARN_RETURN_IF_ERROR(lexer_.expect('[', text));
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_behind_bracket());
    return AttrValue(std::move(shape));
  }
  if (looks_like_integer(text)) {
    int64_t value = 0;
    if (parse_number(text, value)) return AttrValue(value);
    return lexer_.error_at(word, quoted(text), " does not fit into 64 bits");
  }
  float number = 0;
  if (text == "nan") return AttrValue(std::bit_cast<float>(0x7fc00000u));
  if (parse_number(text, number)) return AttrValue(number);
  if (std::optional<DType> dtype = dtype_from_name(text)) {
    if (!lexer_.take('[')) return AttrValue(*dtype);
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_behind_bracket());
    TARN_ASSIGN_OR_RETURN(Tensor tensor, tensor_body(*dtype, shape, false));
    return AttrValue(std::move(tensor));
  }
  return lexer_.error_at(word, quoted(text), " is no value; a string needs quotes");
}

Result<FunctionAttr> ValueReader::function() {
  TextToken name = lexer_.next();
  if (name.kind != TextToken::kWord && name.kind != TextToken::kString)
    return lexer_.error_at(name, "expected a function's name after '@', got ", describe(name));
  FunctionAttr function{std::string(name.text), nullptr};
  if (name.kind == TextToken::kString) {
    TARN_ASSIGN_OR_RETURN(function.name, unescape(name.text));
  }
  if (lexer_.take('{')) {
    TARN_ASSIGN_OR_RETURN(AttrMap attrs, this->attrs(nullptr));
    if (!attrs.empty()) function.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  }
  return function;
}

// Behind '['.
Result<AttrValue> ValueReader::list(std::string_view kind) {
  TextToken start = lexer_.peek();
  std::vector<AttrValue> values;
  std::vector<int64_t> dims;
  bool has_unknown_dim = false;
  while (!lexer_.take(']')) {
    if (!values.empty() || !dims.empty()) TARN_RETURN_IF_ERROR(lexer_.expect(',', "an element"));
    if (kind != "list(shape)" && lexer_.take('?')) {  // [?,784]: only a shape has those
      has_unknown_dim = true;
      dims.push_back(kUnknownDim);
      continue;
    }
    TextToken at = lexer_.peek();
    TARN_ASSIGN_OR_RETURN(AttrValue value, attr(kind == "list(shape)" ? "shape" : ""));
    if (value.is<int64_t>()) dims.push_back(value.as<int64_t>());
    if (value.is_list()) {
      value = as_kind(std::move(value), "shape");
      if (!value.is<Shape>()) return lexer_.error_at(at, "a list within a list can only be a shape");
    }
    values.push_back(std::move(value));
  }
  if (has_unknown_dim) {
    Result<Shape> shape = Shape::make(dims);
    size_t unknown = static_cast<size_t>(std::count(dims.begin(), dims.end(), kUnknownDim));
    if (!shape.ok() || values.size() + unknown != dims.size())
      return lexer_.error_at(start, "a list with '?' is a shape and has only dims");
    return AttrValue(*std::move(shape));
  }
  if (values.empty()) return AttrValue(AttrValue::EmptyList());
  AttrValue out;
  if (gather<int64_t>(values, out) || gather<std::string>(values, out) || gather<float>(values, out) ||
      gather<DType>(values, out) || gather<bool>(values, out) || gather<Shape>(values, out) ||
      gather<Tensor>(values, out) || gather<FunctionAttr>(values, out)) {
    return out;
  }
  if (std::all_of(values.begin(), values.end(), is_number)) {
    std::vector<float> floats;
    for (const AttrValue& value : values) floats.push_back(number_of(value));
    return AttrValue(std::move(floats));
  }
  return lexer_.error_at(start, "the elements of a list must be of one kind");
}

Result<AttrValue> ValueReader::attr(std::string_view kind) {
  TextToken token = lexer_.next();
  if (token.kind == TextToken::kString) {
    Result<std::string> text = unescape(token.text);
    if (!text.ok()) return lexer_.error_at(token, text.status().message());
    return AttrValue(*std::move(text));
  }
  if (token.kind == TextToken::kWord) {
    TARN_ASSIGN_OR_RETURN(AttrValue value, word_value(token));
    return as_kind(std::move(value), kind);
  }
  if (token.is_mark('?')) return AttrValue(Shape::unknown());
  if (depth_ >= kMostDepth) return lexer_.error_at(token, "values are nested more than ", kMostDepth, " deep");
  ++depth_;
  Result<AttrValue> value = AttrValue();
  if (token.is_mark('[')) {
    value = list(kind);
  } else if (token.is_mark('@')) {
    Result<FunctionAttr> function = this->function();
    value = function.ok() ? Result<AttrValue>(AttrValue(*std::move(function))) : function.status();
  } else if (token.is_mark('$')) {
    TextToken name = lexer_.next();
    Result<std::string> text = name.kind == TextToken::kString ? unescape(name.text) : std::string(name.text);
    if (name.kind != TextToken::kWord && name.kind != TextToken::kString) {
      value = lexer_.error_at(name, "expected a name after '$', got ", describe(name));
    } else if (!text.ok()) {
      value = lexer_.error_at(name, text.status().message());
    } else {
      value = AttrValue(AttrValue::Placeholder{*std::move(text)});
    }
  } else {
    value = lexer_.error_at(token, "expected a value, got ", describe(token));
  }
  --depth_;
  if (!value.ok()) return value;
  return as_kind(*std::move(value), kind);
}

Result<AttrMap> ValueReader::attrs(const OpSchema* schema) {
  AttrMap attrs;
  while (!lexer_.take('}')) {
    if (!attrs.empty()) TARN_RETURN_IF_ERROR(lexer_.expect(',', "an attr"));
    TextToken token = lexer_.next();
    if (token.kind != TextToken::kWord && token.kind != TextToken::kString)
      return lexer_.error_at(token, "expected an attr's name or '}', got ", describe(token));
    std::string name(token.text);
    if (token.kind == TextToken::kString) {
      Result<std::string> text = unescape(token.text);
      if (!text.ok()) return lexer_.error_at(token, text.status().message());
      name = *std::move(text);
    }
    TARN_RETURN_IF_ERROR(lexer_.expect('=', "an attr's name"));
    const AttrSpec* spec = schema != nullptr ? schema->find_attr(name) : nullptr;
    TARN_ASSIGN_OR_RETURN(AttrValue value, attr(spec != nullptr ? std::string_view(spec->kind) : ""));
    if (attrs.contains(name)) return lexer_.error_at(token, "attr ", quoted(name), " is given twice");
    attrs.set(name, std::move(value));
  }
  return attrs;
}

std::string type_text(const Fact& fact) {
  return fact.dtype == DType::kInvalid ? "?" : fact.to_string();
}

std::string attr_text(const AttrValue& value, std::string_view kind, const TextWriteOptions& options) {
  return value.visit(AttrPrinter{kind == "shape", options});
}

std::string attrs_text(const AttrMap& attrs, const OpSchema* schema, const TextWriteOptions& options) {
  std::string out = "{";
  for (const auto& [name, value] : attrs) {
    const AttrSpec* spec = schema != nullptr ? schema->find_attr(name) : nullptr;
    if (out.size() > 1) out += ", ";
    str_append(out, word_or_string(name), "=",
               attr_text(value, spec != nullptr ? std::string_view(spec->kind) : "", options));
  }
  return out + "}";
}

void infer_attrs_from_types(const OpSchema& schema, const std::vector<Fact>& outputs, AttrMap& attrs) {
  size_t next = 0;
  for (const ArgSpec& arg : schema.outputs()) {
    if (!arg.number_attr.empty()) break;  // which outputs are whose is not known
    if (!arg.type_list_attr.empty()) {
      std::vector<DType> types;
      for (size_t i = next; i < outputs.size(); ++i) types.push_back(outputs[i].dtype);
      bool is_last = &arg == &schema.outputs().back();
      bool all_known = std::find(types.begin(), types.end(), DType::kInvalid) == types.end();
      if (is_last && all_known && !attrs.contains(arg.type_list_attr)) attrs.set(arg.type_list_attr, types);
      break;
    }
    if (next >= outputs.size()) break;
    const Fact& fact = outputs[next++];
    if (!arg.type_attr.empty() && !attrs.contains(arg.type_attr) && fact.dtype != DType::kInvalid)
      attrs.set(arg.type_attr, fact.dtype);
  }
  // A source's shape attr says what its output's type says: Placeholder, VariableV2.
  const AttrSpec* shape = schema.find_attr("shape");
  bool is_source = schema.inputs().empty() && !outputs.empty() && !schema.outputs().empty() &&
                   !schema.outputs()[0].type_attr.empty();
  if (is_source && shape != nullptr && shape->kind == "shape" && !attrs.contains("shape"))
    attrs.set("shape", outputs[0].shape);
}

}  // namespace tarn
