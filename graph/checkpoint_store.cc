#include "graph/checkpoint_store.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/file.h"
#include "graph/checkpoint.h"

namespace tarn {
namespace {

class FileStore : public CheckpointStore {
 public:
  Status save(std::string_view prefix, std::span<const Entry> entries) override {
    std::vector<const Entry*> sorted;
    for (const Entry& entry : entries) sorted.push_back(&entry);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Entry* a, const Entry* b) { return a->name < b->name; });
    TARN_ASSIGN_OR_RETURN(CheckpointWriter writer, CheckpointWriter::create(std::string(prefix)));
    for (const Entry* entry : sorted) {
      if (entry->slice.empty()) {
        TARN_RETURN_IF_ERROR(writer.add(entry->name, *entry->tensor));
      } else {
        TARN_ASSIGN_OR_RETURN(TensorSlice::Spec spec, TensorSlice::parse(entry->slice));
        TARN_RETURN_IF_ERROR(writer.add_slice(entry->name, spec, *entry->tensor));
      }
    }
    return writer.finish();
  }

  Result<Tensor> restore(std::string_view prefix, std::string_view name, std::string_view slice) override {
    TARN_ASSIGN_OR_RETURN(CheckpointReader reader, reader_of(std::string(prefix)));
    if (slice.empty()) return reader.read(name);
    TARN_ASSIGN_OR_RETURN(TensorSlice::Spec spec, TensorSlice::parse(slice));
    return reader.read_slice(name, spec);
  }

 private:
  Result<CheckpointReader> reader_of(const std::string& prefix) {
    std::lock_guard guard(lock_);
    // Taken before the files are read: if they are replaced in between, the stamp is old and they are read again.
    Result<FileStamp> stamp = file_stamp(checkpoint_index_path(prefix));
    if (last_.has_value() && last_->prefix() == prefix && stamp.ok() && *stamp == stamp_) return *last_;
    last_.reset();
    TARN_ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::open(prefix));
    if (stamp.ok()) {
      stamp_ = *stamp;
      last_ = reader;
    }
    return reader;
  }

  std::mutex lock_;
  std::optional<CheckpointReader> last_;
  FileStamp stamp_;
};

}  // namespace

std::unique_ptr<CheckpointStore> make_checkpoint_store() {
  return std::make_unique<FileStore>();
}

void ExtendedCheckpointStore::extend(const std::string& prefix, std::vector<NamedTensor> extra) {
  std::lock_guard guard(mutex_);
  if (extra.empty()) {
    extra_.erase(prefix);
  } else {
    extra_[prefix] = std::move(extra);
  }
}

Status ExtendedCheckpointStore::save(std::string_view prefix, std::span<const Entry> entries) {
  std::vector<NamedTensor> extra;
  {
    std::lock_guard guard(mutex_);
    if (auto found = extra_.find(prefix); found != extra_.end()) extra = found->second;
  }
  std::vector<Entry> all(entries.begin(), entries.end());
  for (const NamedTensor& more : extra) all.push_back({more.name, {}, &more.tensor});
  return store_->save(prefix, all);
}

}  // namespace tarn
