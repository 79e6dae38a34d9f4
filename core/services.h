// What a kernel may need beyond tensors. A session installs these; the engine has no checkpoints, so an op that needs
// them (SaveV2 …) is refused at load, by node name.
#pragma once

#include <span>
#include <string_view>

#include "core/resource.h"
#include "core/tensor.h"

namespace tarn {

enum class ServiceId { kResources, kCheckpoints, kRandomSeeds, kCount };
std::string_view service_name(ServiceId id);

// Reads and writes checkpoint files for SaveV2 and RestoreV2.
class CheckpointStore {
 public:
  static constexpr ServiceId kId = ServiceId::kCheckpoints;
  virtual ~CheckpointStore() = default;
  struct Entry {
    std::string_view name;
    std::string_view slice;  // TensorFlow's shape_and_slice; empty: the whole tensor
    const Tensor* tensor;
  };
  virtual Status save(std::string_view prefix, std::span<const Entry> entries) = 0;
  virtual Result<Tensor> restore(std::string_view prefix, std::string_view name, std::string_view slice) = 0;
};

// Seeds for random ops whose seed and seed2 are both 0: fresh each session, or fixed for a reproducible one.
class RandomSeeds {
 public:
  static constexpr ServiceId kId = ServiceId::kRandomSeeds;
  virtual ~RandomSeeds() = default;
  virtual uint64_t next_seed() = 0;
};

// Thread-compatible. Holds pointers that somebody else keeps alive.
class Services {
 public:
  template <class T>
  T* get() const {
    return static_cast<T*>(slots_[static_cast<int>(T::kId)]);
  }
  template <class T>
  void set(T* service) {
    slots_[static_cast<int>(T::kId)] = service;
  }
  bool has(ServiceId id) const { return slots_[static_cast<int>(id)] != nullptr; }
  ResourceMap* resources() const { return static_cast<ResourceMap*>(slots_[static_cast<int>(ServiceId::kResources)]); }
  void set_resources(ResourceMap* resources) { slots_[static_cast<int>(ServiceId::kResources)] = resources; }

 private:
  void* slots_[static_cast<int>(ServiceId::kCount)] = {};
};

inline std::string_view service_name(ServiceId id) {
  switch (id) {
    case ServiceId::kResources: return "variables and other state";
    case ServiceId::kCheckpoints: return "checkpoint files";
    case ServiceId::kRandomSeeds: return "random seeds";
    case ServiceId::kCount: break;
  }
  return "unknown";
}

}  // namespace tarn
