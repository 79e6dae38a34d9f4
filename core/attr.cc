#include "core/attr.h"

#include <algorithm>

#include "core/bit_cast.h"
#include "core/search.h"

namespace tarn {
namespace {

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
std::string text_of(const AttrValue::Nothing&) {
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
bool same(const AttrValue::Nothing&, const AttrValue::Nothing&) {
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

AttrValue::AttrValue(const AttrValue& other) : type_(other.type_), int_(other.int_) {
  if (is_held()) held_->users.fetch_add(1, std::memory_order_relaxed);
}
AttrValue::AttrValue(AttrValue&& other) noexcept : type_(other.type_), int_(other.int_) {
  other.type_ = Type::kNothing;
}
AttrValue::~AttrValue() {
  if (is_held() && held_->users.fetch_sub(1, std::memory_order_acq_rel) == 1) held_->destroy(held_);
}
AttrValue& AttrValue::operator=(AttrValue other) noexcept {
  std::swap(type_, other.type_);
  std::swap(int_, other.int_);
  return *this;
}

std::string_view AttrValue::kind_of(Type type) {
#define TARN_ATTR_KIND(name, type, text) text,
  static constexpr std::string_view kKinds[] = {TARN_ATTR_TYPES(TARN_ATTR_KIND)};
#undef TARN_ATTR_KIND
  return kKinds[static_cast<size_t>(type)];
}

template <class T>
AttrValue AttrValue::collect(std::span<const AttrValue> elements) {
  using List = std::vector<T>;
  auto* holder = new Holder<List>{{1, destroy<List>}, List(elements.size())};
  for (size_t i = 0; i < elements.size(); ++i) holder->value[i] = elements[i].as<T>();
  AttrValue list;
  list.type_ = type_of<List>();
  list.held_ = holder;
  return list;
}

AttrValue AttrValue::list_of(Type list, std::span<const AttrValue> elements) {
  switch (list) {
    case Type::kStrings: return collect<std::string>(elements);
    case Type::kInts: return collect<int64_t>(elements);
    case Type::kFloats: return collect<float>(elements);
    case Type::kBools: return collect<bool>(elements);
    case Type::kTypes: return collect<DType>(elements);
    case Type::kShapes: return collect<Shape>(elements);
    case Type::kTensors: return collect<Tensor>(elements);
    case Type::kFunctions: return collect<FunctionAttr>(elements);
    default: return EmptyList();
  }
}

bool AttrValue::looks_like_a_default() const {
  switch (type_) {
    case Type::kBool: return !bool_;
    case Type::kInt: return int_ == 0;
    case Type::kFloat: return float_ == 0.0f;
    case Type::kString: return as<std::string>().empty();
    default: return visit([](const auto& v) { return empty_list(v); });
  }
}

bool AttrValue::operator==(const AttrValue& other) const {
  auto list_is_empty = [](const auto& v) { return empty_list(v); };
  if (visit(list_is_empty) && other.visit(list_is_empty)) return true;
  if (type_ != other.type_) return false;
  return visit([&](const auto& v) { return same(v, other.as<std::decay_t<decltype(v)>>()); });
}

std::string AttrValue::to_string() const {
  return visit([](const auto& v) { return text_of(v); });
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
  auto it = first_where(entries_, [&](const Entry& entry) { return entry.first == name; });
  if (it == entries_.end()) return false;
  entries_.erase(it);
  return true;
}

}  // namespace tarn
