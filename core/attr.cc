#include "core/attr.h"

#include <algorithm>

#include "core/bit_cast.h"

namespace tarn {
namespace {

template <class T>
struct KindName;
#define TARN_KIND(type, text)                       \
  template <>                                       \
  struct KindName<type> {                           \
    static constexpr std::string_view value = text; \
  };
TARN_KIND(std::monostate, "nothing")
TARN_KIND(std::string, "string")
TARN_KIND(int64_t, "int")
TARN_KIND(float, "float")
TARN_KIND(bool, "bool")
TARN_KIND(DType, "type")
TARN_KIND(Shape, "shape")
TARN_KIND(Tensor, "tensor")
TARN_KIND(FunctionAttr, "func")
TARN_KIND(AttrValue::Placeholder, "placeholder")
TARN_KIND(AttrValue::EmptyList, "list")
TARN_KIND(std::vector<std::string>, "list(string)")
TARN_KIND(std::vector<int64_t>, "list(int)")
TARN_KIND(std::vector<float>, "list(float)")
TARN_KIND(std::vector<bool>, "list(bool)")
TARN_KIND(std::vector<DType>, "list(type)")
TARN_KIND(std::vector<Shape>, "list(shape)")
TARN_KIND(std::vector<Tensor>, "list(tensor)")
TARN_KIND(std::vector<FunctionAttr>, "list(func)")
#undef TARN_KIND

std::string text_of(const std::string& v) {
  std::string out = "\"";
  for (char c : v) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      constexpr char kHex[] = "0123456789abcdef";
      out += {'\\', 'x', kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}
std::string text_of(int64_t v) {
  return str_cat(v);
}
std::string text_of(float v) {
  std::string out = str_cat(v);
  // A float always shows it is one: 1 -> 1.0, but inf, nan and 1e-05 stay.
  if (out.find_first_not_of("-0123456789") == std::string::npos) out += ".0";
  return out;
}
std::string text_of(bool v) {
  return v ? "true" : "false";
}
std::string text_of(DType v) {
  return std::string(dtype_short_name(v));
}
std::string text_of(const Shape& v) {
  return v.has_rank() ? v.to_string() : "[...]";
}
std::string text_of(const Tensor& v) {
  return v.to_string();
}
std::string text_of(const FunctionAttr& v) {
  return str_cat("@", v.name);
}
std::string text_of(const AttrValue::Placeholder& v) {
  return str_cat("$", v.name);
}
std::string text_of(const AttrValue::EmptyList&) {
  return "[]";
}
std::string text_of(const std::monostate&) {
  return "nothing";
}
template <class T>
std::string text_of(const std::vector<T>& v) {
  std::string out = "[";
  for (size_t i = 0; i < v.size(); ++i) {
    if (i > 0) out += ", ";
    const T& element = v[i];
    out += text_of(element);
  }
  return out + "]";
}

bool same(const Tensor& a, const Tensor& b) {
  return a.identical_to(b);
}
// Bit by bit: a NaN equals itself, -0 is not 0.
bool same(const float& a, const float& b) {
  return bit_cast<uint32_t>(a) == bit_cast<uint32_t>(b);
}
bool same(const FunctionAttr& a, const FunctionAttr& b) {
  if (a.name != b.name) return false;
  bool a_empty = a.attrs == nullptr || a.attrs->empty();
  bool b_empty = b.attrs == nullptr || b.attrs->empty();
  return a_empty || b_empty ? a_empty == b_empty : *a.attrs == *b.attrs;
}
bool same(const AttrValue::Placeholder& a, const AttrValue::Placeholder& b) {
  return a.name == b.name;
}
bool same(const AttrValue::EmptyList&, const AttrValue::EmptyList&) {
  return true;
}
template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const T& x = a[i];
    const T& y = b[i];
    if (!same(x, y)) return false;
  }
  return true;
}

bool empty_list(const AttrValue::EmptyList&) {
  return true;
}
template <class T>
bool empty_list(const std::vector<T>& v) {
  return v.empty();
}
template <class T>
bool empty_list(const T&) {
  return false;
}

}  // namespace

AttrValue::AttrValue(const AttrValue& other) = default;
AttrValue::AttrValue(AttrValue&& other) noexcept = default;
AttrValue::~AttrValue() = default;

// A variant's own assignment has one more function a type.
AttrValue& AttrValue::operator=(AttrValue&& other) noexcept {
  if (this == &other) return *this;
  std::destroy_at(this);
  return *std::construct_at(this, std::move(other));
}
AttrValue& AttrValue::operator=(const AttrValue& other) {
  return *this = AttrValue(other);
}

std::string_view AttrValue::kind() const {
  return std::visit([](const auto& v) { return KindName<std::decay_t<decltype(v)>>::value; }, value_);
}

bool AttrValue::looks_like_a_default() const {
  if (const bool* v = std::get_if<bool>(&value_)) return !*v;
  if (const int64_t* v = std::get_if<int64_t>(&value_)) return *v == 0;
  if (const float* v = std::get_if<float>(&value_)) return *v == 0.0f;
  if (const std::string* v = std::get_if<std::string>(&value_)) return v->empty();
  return std::visit([](const auto& v) { return empty_list(v); }, value_);
}

bool AttrValue::operator==(const AttrValue& other) const {
  auto list_is_empty = [](const auto& v) { return empty_list(v); };
  if (std::visit(list_is_empty, value_) && std::visit(list_is_empty, other.value_)) return true;
  if (value_.index() != other.value_.index()) return false;
  return std::visit([&](const auto& v) { return same(v, *std::get_if<std::decay_t<decltype(v)>>(&other.value_)); },
                    value_);
}

std::string AttrValue::to_string() const {
  return std::visit([](const auto& v) { return text_of(v); }, value_);
}

AttrMap::AttrMap(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) set(entry.first, entry.second);
}

const AttrValue* AttrMap::find(std::string_view name) const {
  auto it = std::lower_bound(entries_.begin(), entries_.end(), name,
                             [](const Entry& entry, std::string_view key) { return entry.first < key; });
  return it != entries_.end() && it->first == name ? &it->second : nullptr;
}

void AttrMap::set(std::string_view name, AttrValue value) {
  auto it = std::lower_bound(entries_.begin(), entries_.end(), name,
                             [](const Entry& entry, std::string_view key) { return entry.first < key; });
  if (it != entries_.end() && it->first == name) {
    it->second = std::move(value);
  } else {
    entries_.emplace(it, std::string(name), std::move(value));
  }
}

bool AttrMap::erase(std::string_view name) {
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.first == name; });
  if (it == entries_.end()) return false;
  entries_.erase(it);
  return true;
}

}  // namespace tarn
