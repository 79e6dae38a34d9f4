// HandleTable: which handles of the C API are alive. A handle is a number, not an address: what was freed, is NULL or
// was never a handle is found to be none, whatever has become of its memory; and an object lives for as long as
// somebody who found it works with it.
//
//   uintptr_t handle = handles().add(std::make_shared<ModelState>(…));
//   std::shared_ptr<ModelState> model = handles().find<ModelState>(handle);   // null: none, or no model
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tarn {

class Handled {
 public:
  enum class Kind : uint8_t { kModel = 1, kEngine = 2 };

  explicit Handled(Kind kind) : kind_(kind) {}
  virtual ~Handled() = default;
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

class HandleTable {
 public:
  uintptr_t add(std::shared_ptr<Handled> object);
  // T::kKind says what it must be.
  template <class T>
  std::shared_ptr<T> find(uintptr_t handle) const {
    return std::static_pointer_cast<T>(find(handle, T::kKind));
  }
  // From now on it is no handle. False: it was none.
  bool remove(uintptr_t handle, Handled::Kind kind);
  // Whether `handle` was given out, and was of another kind.
  static bool is_of_other_kind(uintptr_t handle, Handled::Kind kind);

 private:
  std::shared_ptr<Handled> find(uintptr_t handle, Handled::Kind kind) const;
  // Where the handle is among objects_, or would be.
  size_t place_of(uintptr_t handle) const;
  bool has(uintptr_t handle, size_t place) const { return place < objects_.size() && objects_[place].first == handle; }

  mutable std::mutex mutex_;
  uintptr_t given_out_ = 0;
  std::vector<std::pair<uintptr_t, std::shared_ptr<Handled>>> objects_;  // sorted by handle
};

// The process's.
HandleTable& handles();

}  // namespace tarn
