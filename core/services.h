// What a kernel may need beyond tensors. A session installs these; the engine has no checkpoints, so an op that needs
// them (SaveV2 …) is refused at load, by node name. Pictures and files are what somebody gave a session or an engine.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/resource.h"
#include "core/tensor.h"

namespace tarn {

enum class ServiceId { kResources, kCheckpoints, kRandomSeeds, kImages, kFiles, kRegex, kCount };
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
  // Makes one checkpoint `destination` of several, and removes those if `delete_parts`.
  virtual Status merge(std::span<const std::string> prefixes, std::string_view destination, bool delete_parts);
};

// Seeds for random ops whose seed and seed2 are both 0: fresh each session, or fixed for a reproducible one.
class RandomSeeds {
 public:
  static constexpr ServiceId kId = ServiceId::kRandomSeeds;
  virtual ~RandomSeeds() = default;
  virtual uint64_t next_seed() = 0;
};

// Files that a graph names itself (ReadFile, InitializeTableFromTextFileV2). Nobody offers them unless asked to: a
// graph from elsewhere has no business with the files of this machine.
class FileReader {
 public:
  static constexpr ServiceId kId = ServiceId::kFiles;
  virtual ~FileReader() = default;
  virtual Result<std::string> read(const std::string& path) = 0;
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

inline Status CheckpointStore::merge(std::span<const std::string>, std::string_view, bool) {
  return unimplemented("this checkpoint store cannot merge checkpoints");
}

inline std::string_view service_name(ServiceId id) {
  switch (id) {
    case ServiceId::kResources: return "variables and other state";
    case ServiceId::kCheckpoints: return "checkpoint files";
    case ServiceId::kRandomSeeds: return "random seeds";
    case ServiceId::kImages: return "pictures read and written";
    case ServiceId::kFiles: return "files of this machine";
    case ServiceId::kRegex: return "regular expressions";
    case ServiceId::kCount: break;
  }
  return "unknown";
}

}  // namespace tarn
