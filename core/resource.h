// Named state that outlives a run: variables, random counters, tables. Owned by a Session or a Context.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/attr.h"
#include "core/tensor.h"

namespace tarn {

class Resource {
 public:
  virtual ~Resource() = default;
  // Which class it is (there is no RTTI here): the address of a constant of that class.
  virtual const char* kind() const = 0;
};

// A variable's storage. Runs that write it and runs that read it are kept apart by the session, which holds a lock of
// its own for the length of a run; so nothing here locks.
class Variable : public Resource {
 public:
  static constexpr char kKind[] = "variable";
  explicit Variable(std::string name) : name_(std::move(name)) {}
  const char* kind() const override { return kKind; }

  const std::string& name() const { return name_; }
  bool is_initialized() const { return value_.is_valid(); }
  const Tensor& value() const { return value_; }
  // For kernels that update in place; copies first if a caller still holds the old value.
  Tensor& mutable_value() { return value_; }
  void set_value(Tensor value) { value_ = std::move(value); }

 private:
  std::string name_;
  Tensor value_;
};

// Under which name the variable of a node is kept: `shared_name`, or the node's own; `container` is a prefix. Two nodes
// with one name are one variable.
std::string variable_name(const AttrMap& attrs, std::string_view node_name);

// Thread-safe.
class ResourceMap {
 public:
  // The resource called `name` within `kind`, made by `make` on first use. Pointers stay good until clear() or the end.
  template <class T, class Make>
  T* find_or_create(std::string_view name, const Make& make) {
    return static_cast<T*>(find_or_create_impl(T::kKind, name, [&]() -> std::unique_ptr<Resource> { return make(); }));
  }
  template <class T>
  T* find(std::string_view name) const {
    return static_cast<T*>(find_impl(T::kKind, name));
  }
  // Names of one kind, sorted.
  std::vector<std::string> names(std::string_view kind) const;
  void clear();

 private:
  Resource* find_or_create_impl(const char* kind, std::string_view name,
                                const std::function<std::unique_ptr<Resource>()>& make);
  Resource* find_impl(const char* kind, std::string_view name) const;

  mutable std::mutex mutex_;
  // By kind, then by name.
  std::map<std::string, std::map<std::string, std::unique_ptr<Resource>, std::less<>>, std::less<>> resources_;
};

}  // namespace tarn
