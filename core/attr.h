// Attributes of a node: a closed variant (TensorFlow's AttrValue) and a small sorted map of them.
//
//   AttrMap attrs{{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", "SAME"}, {"T", DType::kFloat}};
//   if (const AttrValue* v = attrs.find("padding")) … v->as<std::string>()
//
// Once a node's attrs were resolved against its op (core/op_schema.h), every attr of the signature is present with the
// right type, so infer functions and kernels use attrs.get<T>("name") without checks.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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
  // In this order: the kinds of kind(). `list {}` in a file has no element type until the op's signature gives it one.
  struct EmptyList {};
  struct Placeholder {
    std::string name;  // inside function bodies
  };
  using Variant =
      std::variant<std::monostate, std::string, int64_t, float, bool, DType, Shape, Tensor, FunctionAttr, Placeholder,
                   EmptyList, std::vector<std::string>, std::vector<int64_t>, std::vector<float>, std::vector<bool>,
                   std::vector<DType>, std::vector<Shape>, std::vector<Tensor>, std::vector<FunctionAttr>>;

  AttrValue() = default;
  // Once for all: of a variant of so many types each is much code.
  AttrValue(const AttrValue& other);
  AttrValue(AttrValue&& other) noexcept;
  AttrValue& operator=(const AttrValue& other);
  AttrValue& operator=(AttrValue&& other) noexcept;
  ~AttrValue();
  template <class T>
  requires std::is_constructible_v<Variant, T> &&
      (!std::is_arithmetic_v<T>)&&(!std::is_same_v<T, AttrValue>)AttrValue(T value)
      : value_(std::move(value)) {}                                  // NOLINT: implicit by design
  AttrValue(const char* value) : value_(std::string(value)) {}       // NOLINT
  AttrValue(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  AttrValue(bool value) : value_(value) {}                           // NOLINT
  AttrValue(int value) : value_(int64_t{value}) {}                   // NOLINT
  AttrValue(int64_t value) : value_(value) {}                        // NOLINT
  AttrValue(float value) : value_(value) {}                          // NOLINT
  AttrValue(double value) : value_(static_cast<float>(value)) {}     // NOLINT
  AttrValue(std::initializer_list<int64_t> value) : value_(std::vector<int64_t>(value)) {}  // NOLINT

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(value_);
  }
  template <class T>
  const T& as() const {
    const T* value = std::get_if<T>(&value_);
    assert(value != nullptr && "attr read as another type than its op declares");
    return *value;
  }
  // "string", "int", "float", "bool", "type", "shape", "tensor", "func", "placeholder", "list", "list(string)" …
  std::string_view kind() const;
  bool is_list() const { return value_.index() >= 10; }
  // false, 0, "", an empty list: what a newer writer adds to say "as it always was".
  bool looks_like_a_default() const;
  bool operator==(const AttrValue& other) const;
  // As in Tarn's text form: "SAME", 3, 0.5, true, f32, [1, 2], f32[2]{…}.
  std::string to_string() const;
  const Variant& variant() const { return value_; }

 private:
  Variant value_;
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
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  bool operator==(const AttrMap& other) const { return entries_ == other.entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace tarn
