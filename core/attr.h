// Attributes of a node: one of a closed set of types (TensorFlow's AttrValue) and a small sorted map of them.
//
//   AttrMap attrs{{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", "SAME"}, {"T", DType::kFloat}};
//   if (const AttrValue* v = attrs.find("padding")) … v->as<std::string>()
//
// Once a node's attrs were resolved against its op (core/op_schema.h), every attr of the signature is present with the
// right type, so infer functions and kernels use attrs.get<T>("name") without checks.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace tarn {

class AttrMap;

// A function by name with its own attrs (TensorFlow's NameAttrList).
struct FunctionAttr {
  std::string name;
  std::shared_ptr<const AttrMap> attrs;  // may be null: none
};

class AttrValue {
 public:
  // `list {}` in a file has no element type until the op's signature gives it one.
  struct EmptyList {};
  struct Placeholder {
    std::string name;  // inside function bodies
  };
  struct Nothing {};

// The types, in the order of Type, with the words of kind().
#define TARN_ATTR_SINGLE_TYPES(X)             \
  X(kNothing, Nothing, "nothing")             \
  X(kString, std::string, "string")           \
  X(kInt, int64_t, "int")                     \
  X(kFloat, float, "float")                   \
  X(kBool, bool, "bool")                      \
  X(kType, DType, "type")                     \
  X(kShape, Shape, "shape")                   \
  X(kTensor, Tensor, "tensor")                \
  X(kFunction, FunctionAttr, "func")          \
  X(kPlaceholder, Placeholder, "placeholder") \
  X(kEmptyList, EmptyList, "list")
#define TARN_ATTR_LIST_TYPES(X)                         \
  X(kStrings, std::vector<std::string>, "list(string)") \
  X(kInts, std::vector<int64_t>, "list(int)")           \
  X(kFloats, std::vector<float>, "list(float)")         \
  X(kBools, std::vector<bool>, "list(bool)")            \
  X(kTypes, std::vector<DType>, "list(type)")           \
  X(kShapes, std::vector<Shape>, "list(shape)")         \
  X(kTensors, std::vector<Tensor>, "list(tensor)")      \
  X(kFunctions, std::vector<FunctionAttr>, "list(func)")
#define TARN_ATTR_TYPES(X)  \
  TARN_ATTR_SINGLE_TYPES(X) \
  TARN_ATTR_LIST_TYPES(X)

#define TARN_ATTR_ENUMERATOR(name, type, text) name,
  enum class Type : uint8_t { TARN_ATTR_TYPES(TARN_ATTR_ENUMERATOR) kCount };
#undef TARN_ATTR_ENUMERATOR
  // Type::kCount if an attr cannot hold a T.
  template <class T>
  static constexpr Type type_of() {
#define TARN_ATTR_TYPE_OF(name, type, text) \
  if constexpr (std::is_same_v<T, type>) return Type::name;
    TARN_ATTR_TYPES(TARN_ATTR_TYPE_OF)
#undef TARN_ATTR_TYPE_OF
    return Type::kCount;
  }

  AttrValue() = default;
  AttrValue(const AttrValue& other);
  AttrValue(AttrValue&& other) noexcept;
  AttrValue& operator=(AttrValue other) noexcept;
  ~AttrValue();
  template <class T>
  requires(type_of<T>() != Type::kCount && !std::is_arithmetic_v<T>) AttrValue(T value)  // NOLINT: implicit by design
      : type_(type_of<T>()) {
    if constexpr (std::is_same_v<T, DType>) {
      dtype_ = value;
    } else if constexpr (!std::is_empty_v<T>) {
      held_ = new Holder<T>{{1, destroy<T>}, std::move(value)};
    }
  }
  // NOLINTBEGIN: implicit by design
  AttrValue(const char* value) : AttrValue(std::string(value)) {}
  AttrValue(std::string_view value) : AttrValue(std::string(value)) {}
  AttrValue(bool value) : type_(Type::kBool) {
    bool_ = value;
  }
  AttrValue(int value) : AttrValue(int64_t{value}) {}
  AttrValue(int64_t value) : type_(Type::kInt), int_(value) {}
  AttrValue(float value) : type_(Type::kFloat) {
    float_ = value;
  }
  AttrValue(double value) : AttrValue(static_cast<float>(value)) {}
  AttrValue(std::initializer_list<int64_t> value) : AttrValue(std::vector<int64_t>(value)) {}
  // NOLINTEND

  // The list of that type of such elements; of a type that is no list, an EmptyList.
  static AttrValue list_of(Type list, std::span<const AttrValue> elements);

  template <class T>
  bool is() const {
    return type_ == type_of<T>();
  }
  template <class T>
  const T& as() const {
    assert(is<T>() && "attr read as another type than its op declares");
    if constexpr (std::is_same_v<T, int64_t>) return int_;
    if constexpr (std::is_same_v<T, float>) return float_;
    if constexpr (std::is_same_v<T, bool>) return bool_;
    if constexpr (std::is_same_v<T, DType>) return dtype_;
    if constexpr (std::is_empty_v<T>) {
      static constexpr T kEmpty{};
      return kEmpty;
    } else if constexpr (!std::is_arithmetic_v<T> && !std::is_same_v<T, DType>) {
      return static_cast<const Holder<T>*>(held_)->value;
    }
  }
  Type type() const {
    return type_;
  }
  // "string", "int", "float", "bool", "type", "shape", "tensor", "func", "placeholder", "list", "list(string)" …
  static std::string_view kind_of(Type type);
  std::string_view kind() const {
    return kind_of(type_);
  }
  bool is_list() const {
    return type_ >= Type::kEmptyList;
  }
  // Of a list; anything else has none.
  size_t element_count() const;
  AttrValue element(size_t i) const;
  // false, 0, "", an empty list: what a newer writer adds to say "as it always was".
  bool looks_like_a_default() const;
  bool operator==(const AttrValue& other) const;
  // As in Tarn's text form: "SAME", 3, 0.5, true, f32, [1, 2], f32[2]{…}.
  std::string to_string() const;
  // Calls `visitor` with the value as what it is.
  template <class Visitor>
  decltype(auto) visit(const Visitor& visitor) const {
    switch (type_) {
#define TARN_ATTR_VISIT(name, type, text) \
  case Type::name: return visitor(as<type>());
      TARN_ATTR_TYPES(TARN_ATTR_VISIT)
#undef TARN_ATTR_VISIT
      case Type::kCount: break;
    }
    return visitor(as<Nothing>());
  }

 private:
  // What is larger than a number is on the heap, shared by copies and never changed: one function copies all types, and
  // a copy is little work.
  struct Held {
    mutable std::atomic<int> users;
    void (*destroy)(const Held* held);
  };
  template <class T>
  struct Holder : Held {
    T value;
  };
  template <class T>
  static void destroy(const Held* held) {
    delete static_cast<const Holder<T>*>(held);
  }
  template <class T>
  static AttrValue collect(std::span<const AttrValue> elements);
  bool is_held() const {
    return type_ == Type::kString || (type_ >= Type::kShape && type_ != Type::kEmptyList);
  }

  Type type_ = Type::kNothing;
  union {
    int64_t int_ = 0;
    float float_;
    bool bool_;
    DType dtype_;
    const Held* held_;
  };
};

// Sorted by name, so that equal maps print and serialize alike.
class AttrMap {
 public:
  using Entry = std::pair<std::string, AttrValue>;
  AttrMap() = default;
  AttrMap(std::initializer_list<Entry> entries);

  const AttrValue* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  void set(std::string_view name, AttrValue value);
  bool erase(std::string_view name);
  // For attrs that resolving guaranteed.
  template <class T>
  const T& get(std::string_view name) const {
    const AttrValue* value = find(name);
    assert(value != nullptr && "attr not in the op's signature");
    return value->as<T>();
  }
  template <class T>
  T get_or(std::string_view name, T other) const {
    const AttrValue* value = find(name);
    return value != nullptr && value->is<T>() ? value->as<T>() : std::move(other);
  }
  // Of a literal the length is known; a build for size would call strlen.
  template <size_t N>
  [[gnu::always_inline]] const AttrValue* find(const char (&name)[N]) const {
    return find(std::string_view(name, N - 1));
  }
  template <class T, size_t N>
  [[gnu::always_inline]] const T& get(const char (&name)[N]) const {
    return get<T>(std::string_view(name, N - 1));
  }
  template <class T, size_t N>
  [[gnu::always_inline]] T get_or(const char (&name)[N], T other) const {
    return get_or<T>(std::string_view(name, N - 1), std::move(other));
  }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  bool operator==(const AttrMap& other) const { return entries_ == other.entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace tarn
