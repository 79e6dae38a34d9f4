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
    default: return is_list() && element_count() == 0;
  }
}

size_t AttrValue::element_count() const {
  switch (type_) {
#define TARN_ATTR_COUNT(name, type, text) \
  case Type::name: return as<type>().size();
    TARN_ATTR_LIST_TYPES(TARN_ATTR_COUNT)
#undef TARN_ATTR_COUNT
    default: return 0;
  }
}

AttrValue AttrValue::element(size_t i) const {
  switch (type_) {
#define TARN_ATTR_ELEMENT(name, type, text) \
  case Type::name: return AttrValue(static_cast<type::value_type>(as<type>()[i]));
    TARN_ATTR_LIST_TYPES(TARN_ATTR_ELEMENT)
#undef TARN_ATTR_ELEMENT
    default: return {};
  }
}

bool AttrValue::operator==(const AttrValue& other) const {
  if (is_list() && other.is_list()) {
    const size_t count = element_count();
    if (count != other.element_count() || (count > 0 && type_ != other.type_))
      return false;  // no types without elements
    for (size_t i = 0; i < count; ++i) {
      if (!(element(i) == other.element(i))) return false;
    }
    return true;
  }
  if (type_ != other.type_) return false;
  switch (type_) {
#define TARN_ATTR_SAME(name, type, text) \
  case Type::name: return same(as<type>(), other.as<type>());
    TARN_ATTR_SINGLE_TYPES(TARN_ATTR_SAME)
#undef TARN_ATTR_SAME
    default: return false;
  }
}

std::string AttrValue::to_string() const {
  switch (type_) {
#define TARN_ATTR_TEXT(name, type, text) \
  case Type::name: return text_of(as<type>());
    TARN_ATTR_SINGLE_TYPES(TARN_ATTR_TEXT)
#undef TARN_ATTR_TEXT
    default: break;
  }
  std::string out = "[";
  for (size_t i = 0; i < element_count(); ++i) {
    if (i > 0) out += ", ";
    out += element(i).to_string();
  }
  return out + "]";
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
