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
    // A sharded save of TensorFlow's Saver goes to a folder of its own first, which nobody made yet.
    TARN_RETURN_IF_ERROR(make_dirs(path_dir(prefix)));
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

  Status merge(std::span<const std::string> prefixes, std::string_view destination, bool delete_parts) override {
    struct Part {
      const CheckpointReader* reader;
      const CheckpointEntry* entry;
    };
    std::vector<CheckpointReader> readers;
    for (const std::string& prefix : prefixes) {
      TARN_ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::open(prefix));
      readers.push_back(std::move(reader));
    }
    std::vector<Part> parts;
    for (const CheckpointReader& reader : readers) {
      for (const CheckpointEntry& entry : reader.entries()) parts.push_back({&reader, &entry});
    }
    std::stable_sort(parts.begin(), parts.end(),
                     [](const Part& a, const Part& b) { return a.entry->name < b.entry->name; });
    TARN_ASSIGN_OR_RETURN(CheckpointWriter writer, CheckpointWriter::create(std::string(destination)));
    for (const Part& part : parts) {
      if (part.entry->slices.empty()) {
        TARN_ASSIGN_OR_RETURN(Tensor tensor, part.reader->read(part.entry->name));
        TARN_RETURN_IF_ERROR(writer.add(part.entry->name, tensor));
      }
      for (const TensorSlice& slice : part.entry->slices) {
        TensorSlice::Spec spec{part.entry->shape, slice};
        TARN_ASSIGN_OR_RETURN(Tensor tensor, part.reader->read_slice(part.entry->name, spec));
        TARN_RETURN_IF_ERROR(writer.add_slice(part.entry->name, spec, tensor));
      }
    }
    TARN_RETURN_IF_ERROR(writer.finish());
    if (delete_parts) remove_parts(prefixes, destination);
    return {};
  }

  Result<Tensor> restore(std::string_view prefix, std::string_view name, std::string_view slice) override {
    TARN_ASSIGN_OR_RETURN(CheckpointReader reader, reader_of(std::string(prefix)));
    if (slice.empty()) return reader.read(name);
    TARN_ASSIGN_OR_RETURN(TensorSlice::Spec spec, TensorSlice::parse(slice));
    return reader.read_slice(name, spec);
  }

 private:
  // Whether both name the same files, however the paths are written.
  static bool is_same_checkpoint(const std::string& a, const std::string& b) {
    Result<FileStamp> one = file_stamp(checkpoint_index_path(a)), other = file_stamp(checkpoint_index_path(b));
    return a == b || (one.ok() && other.ok() && one->device == other->device && one->inode == other->inode);
  }

  // The files of `prefixes`, and their folders if nothing else is in them. The checkpoint itself stays. It is complete:
  // what cannot be removed is in nobody's way.
  static void remove_parts(std::span<const std::string> prefixes, std::string_view destination) {
    for (const std::string& prefix : prefixes) {
      if (is_same_checkpoint(prefix, std::string(destination))) continue;
      std::string dir = path_dir(prefix), stem = path_name(prefix) + ".";
      std::vector<std::string> names = list_dir(dir).value_or({});
      size_t left = names.size();
      for (const std::string& name : names) {
        bool is_part = name == stem + "index" || name.starts_with(stem + "data-");
        if (!is_part) continue;
        if (remove_file(path_join(dir, name)).ok()) --left;
      }
      if (left == 0 && dir != path_dir(destination)) (void)remove_dir(dir);
    }
  }

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

Status ExtendedCheckpointStore::check_writes(std::string_view prefix) const {
  if (writes_allowed_) return {};
  return failed_precondition("checkpoint ", quoted(prefix), " is not written: nothing is while a model is loaded");
}

Status ExtendedCheckpointStore::save(std::string_view prefix, std::span<const Entry> entries) {
  TARN_RETURN_IF_ERROR(check_writes(prefix));
  std::vector<NamedTensor> extra;
  {
    std::lock_guard guard(mutex_);
    if (auto found = extra_.find(prefix); found != extra_.end()) extra = found->second;
  }
  std::vector<Entry> all(entries.begin(), entries.end());
  for (const NamedTensor& more : extra) all.push_back({more.name, {}, &more.tensor});
  return store_->save(prefix, all);
}

Status ExtendedCheckpointStore::merge(std::span<const std::string> prefixes, std::string_view destination,
                                      bool delete_parts) {
  TARN_RETURN_IF_ERROR(check_writes(destination));
  {
    std::lock_guard guard(mutex_);
    if (extra_.contains(destination)) {
      return unimplemented("a checkpoint put together of parts cannot be extended: ", quoted(destination));
    }
  }
  return store_->merge(prefixes, destination, delete_parts);
}

}  // namespace tarn
