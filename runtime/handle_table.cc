#include "runtime/handle_table.h"

#include <algorithm>

namespace tarn {
namespace {

// The lowest bits are the kind, so that no handle is the address of anything that malloc gave, and a handle of another
// kind is known as such after it was freed too.
constexpr uintptr_t kKinds = 4;

}  // namespace

size_t HandleTable::place_of(uintptr_t handle) const {
  auto found = std::partition_point(objects_.begin(), objects_.end(), [&](const auto& o) { return o.first < handle; });
  return static_cast<size_t>(found - objects_.begin());
}

uintptr_t HandleTable::add(std::shared_ptr<Handled> object) {
  auto kind = static_cast<uintptr_t>(object->kind());
  std::lock_guard lock(mutex_);
  uintptr_t handle = 0;
  size_t place = 0;
  do {
    handle = ++given_out_ * kKinds + kind;  // wraps after 2^30 handles where addresses have 32 bits
    place = place_of(handle);
  } while (handle < kKinds || has(handle, place));
  objects_.emplace(objects_.begin() + static_cast<std::ptrdiff_t>(place), handle, std::move(object));
  return handle;
}

std::shared_ptr<Handled> HandleTable::find(uintptr_t handle, Handled::Kind kind) const {
  std::lock_guard lock(mutex_);
  size_t place = place_of(handle);
  return has(handle, place) && objects_[place].second->kind() == kind ? objects_[place].second : nullptr;
}

bool HandleTable::remove(uintptr_t handle, Handled::Kind kind) {
  std::shared_ptr<Handled> object;  // destroyed after the lock
  std::lock_guard lock(mutex_);
  size_t place = place_of(handle);
  if (!has(handle, place) || objects_[place].second->kind() != kind) return false;
  object = std::move(objects_[place].second);
  objects_.erase(objects_.begin() + static_cast<std::ptrdiff_t>(place));
  return true;
}

bool HandleTable::is_of_other_kind(uintptr_t handle, Handled::Kind kind) {
  uintptr_t other = handle % kKinds;
  return other != static_cast<uintptr_t>(kind) && (other == static_cast<uintptr_t>(Handled::Kind::kModel) ||
                                                   other == static_cast<uintptr_t>(Handled::Kind::kEngine));
}

HandleTable& handles() {
  // Never destroyed: threads may still free engines while the process ends.
  static HandleTable* const table = new HandleTable;
  return *table;
}

}  // namespace tarn
