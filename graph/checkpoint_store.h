// What SaveV2 and RestoreV2 of a session talk to: checkpoint files.
//
//   session.set_checkpoint_store(make_checkpoint_store());
//
// Thread-safe. The checkpoint last restored from stays open, so that restoring many variables reads its index once; it
// is opened anew when its files were replaced.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/services.h"
#include "graph/checkpoint.h"

namespace tarn {

std::unique_ptr<CheckpointStore> make_checkpoint_store();

// A store that writes more into a checkpoint than the graph's SaveV2 asks for. Thread-safe.
class ExtendedCheckpointStore : public CheckpointStore {
 public:
  explicit ExtendedCheckpointStore(std::unique_ptr<CheckpointStore> store) : store_(std::move(store)) {}
  // From now on a save to `prefix` writes `extra` too; none: no more.
  void extend(const std::string& prefix, std::vector<NamedTensor> extra);
  Status save(std::string_view prefix, std::span<const Entry> entries) override;
  Result<Tensor> restore(std::string_view prefix, std::string_view name, std::string_view slice) override {
    return store_->restore(prefix, name, slice);
  }
  // While not, save() and merge() are refused.
  void allow_writes(bool allowed) { writes_allowed_ = allowed; }
  // What extends `destination` is in none of the parts, so it would be lost: refused.
  Status merge(std::span<const std::string> prefixes, std::string_view destination, bool delete_parts) override;

 private:
  Status check_writes(std::string_view prefix) const;

  std::unique_ptr<CheckpointStore> store_;
  std::atomic<bool> writes_allowed_ = true;
  std::mutex mutex_;
  std::map<std::string, std::vector<NamedTensor>, std::less<>> extra_;  // by prefix
};

}  // namespace tarn
