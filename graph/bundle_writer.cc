#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/crc32c.h"
#include "core/file.h"
#include "graph/bundle_format.h"
#include "graph/checkpoint.h"
#include "graph/table_file.h"
#include "graph/tensor_proto.h"
#include "proto/checkpoint.pb.h"

namespace tarn {
namespace {

std::string header_bytes(int shard_count) {
  pb::BundleHeaderProto header;
  header.set_num_shards(shard_count);
  header.mutable_version()->set_producer(bundle::kVersion);
  return header.SerializeAsString();
}

// The index of the checkpoint that a save is about to replace.
struct OldIndex {
  std::string bytes;
  int shard_count = 0;
  std::map<std::string, std::string> entries;  // without the header
};

// Nothing if there is none, or none that can be read: then there is nothing to keep.
std::optional<OldIndex> read_old_index(const std::string& path) {
  Result<std::string> bytes = read_file(path, bundle::kMaxIndexBytes);
  if (!bytes.ok()) return std::nullopt;
  OldIndex old{*std::move(bytes), 0, {}};
  Status status = visit_table(old.bytes, [&](std::string_view key, std::string_view value) -> Status {
    if (!key.empty()) {
      old.entries.emplace(key, value);
      return {};
    }
    pb::BundleHeaderProto header;
    if (!header.ParseFromArray(value.data(), static_cast<int>(value.size()))) return data_loss("header");
    old.shard_count = header.num_shards();
    return {};
  });
  if (!status.ok() || old.shard_count < 1 || old.shard_count > bundle::kMaxShards) return std::nullopt;
  return old;
}

// The index `bytes` and the data under their spare name become the checkpoint again.
Status undo_set_aside(const std::string& prefix, const std::string& bytes) {
  const std::string data = checkpoint_data_path(prefix, 0, 1), spare = checkpoint_data_path(prefix, 0, 2);
  if (file_exists(data)) TARN_RETURN_IF_ERROR(remove_file(data));
  TARN_RETURN_IF_ERROR(link_file(spare, data));
  TARN_RETURN_IF_ERROR(write_file_atomically(checkpoint_index_path(prefix), bytes));
  return remove_file(spare);
}

}  // namespace

Status sweep_killed_saves(const std::string& dir) {
  TARN_ASSIGN_OR_RETURN(DirLock lock, DirLock::acquire(dir));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> targets, sweep_stale_temps(dir));
  for (const std::string& target : targets) {
    constexpr std::string_view kSuffix = ".index";
    if (!target.ends_with(kSuffix) || file_exists(target)) continue;
    std::string data = checkpoint_data_path(target.substr(0, target.size() - kSuffix.size()), 0, 1);
    if (file_exists(data)) TARN_RETURN_IF_ERROR(remove_file(data));
  }
  return {};
}

struct CheckpointWriter::Rep {
  Rep(std::string to, AtomicFile file)
      : prefix(std::move(to)),
        index_path(checkpoint_index_path(prefix)),
        data_path(checkpoint_data_path(prefix, 0, 1)),
        spare_path(checkpoint_data_path(prefix, 0, 2)),
        data(std::move(file)) {}

  std::string prefix, index_path, data_path, spare_path;
  AtomicFile data;
  std::map<std::string, pb::BundleEntryProto> entries;
  Status status;  // the first error; sticks
  bool finished = false;

  Status check_open(std::string_view name) const;
  Status write(const Tensor& tensor, pb::BundleEntryProto& entry);
  Status check_slices() const;
  Result<bool> set_aside(const OldIndex& old);
  void put_back(const OldIndex& old);
  Status commit();
};

Status CheckpointWriter::Rep::check_open(std::string_view name) const {
  if (finished) return failed_precondition("checkpoint ", quoted(prefix), " is finished already");
  TARN_RETURN_IF_ERROR(bundle::check_name(name));
  // A slice's key is the name, escaped, and numbers.
  if (name.size() > kMaxTableKeyBytes / 4) return invalid_argument("name ", quoted(name), " is too long");
  return status;
}

Status CheckpointWriter::Rep::write(const Tensor& tensor, pb::BundleEntryProto& entry) {
  entry.set_dtype(dtype_to_proto(tensor.dtype()));
  *entry.mutable_shape() = shape_to_proto(tensor.shape());
  entry.set_offset(static_cast<int64_t>(data.size()));
  uint32_t crc = 0;
  if (tensor.dtype() == DType::kString) {
    bundle::EncodedStrings encoded = bundle::encode_strings(tensor);
    status.update(data.append(encoded.head));
    for (const std::string& text : tensor.flat<std::string>()) status.update(data.append(text));
    crc = encoded.crc;
  } else {
    std::string_view bytes(static_cast<const char*>(tensor.data()), tensor.byte_size());
    status.update(data.append(bytes));
    crc = crc32c(bytes);
  }
  entry.set_size(static_cast<int64_t>(data.size()) - entry.offset());
  entry.set_crc32c(crc32c_mask(crc));
  return status;
}

// Parts may be added in any order; together they must be the tensor.
Status CheckpointWriter::Rep::check_slices() const {
  Problems problems;
  for (const auto& [name, entry] : entries) {
    if (entry.slices().empty()) continue;
    TARN_ASSIGN_OR_RETURN(Shape full, full_shape_from_proto(entry.shape()));
    int64_t covered = 0;
    for (const pb::TensorSliceProto& proto : entry.slices()) {
      TARN_ASSIGN_OR_RETURN(TensorSlice slice, TensorSlice::from_proto(proto));
      TARN_ASSIGN_OR_RETURN(Shape part, slice.shape_of(full));
      covered += part.elements();
    }
    if (covered != full.elements()) {
      problems.add(invalid_argument("tensor ", quoted(name), ": its ", entry.slices_size(), " slices hold ", covered,
                                    " of ", full.elements(), " elements"));
    }
  }
  return problems.to_status(str_cat("checkpoint ", quoted(prefix)));
}

// A checkpoint is two files and a rename replaces one, so a save over an existing prefix would have a moment with the
// new data and the old index. Before it, the old data get a second name and the old index points there: to
// .data-00000-of-00002, as shard 0 of 2. From then on each rename leads from one whole checkpoint to another.
// Returns whether that was done; a file system without hard links keeps the moment.
Result<bool> CheckpointWriter::Rep::set_aside(const OldIndex& old) {
  if (old.shard_count != 1 || !file_exists(data_path)) return false;
  // Left by a save that was killed when all but this was done; the index of one shard does not need it.
  if (file_exists(spare_path)) TARN_RETURN_IF_ERROR(remove_file(spare_path));
  if (Status linked = link_file(data_path, spare_path); !linked.ok()) {
    bool unsupported = linked.code() == Code::kUnimplemented || linked.code() == Code::kPermissionDenied;
    if (unsupported) return false;
    return linked;
  }
  std::map<std::string, std::string> moved = old.entries;
  moved.emplace("", header_bytes(2));
  TARN_ASSIGN_OR_RETURN(std::string bytes, build_table(moved));
  Result<AtomicFile> index = AtomicFile::create(index_path);
  Status written = index.status();
  if (index.ok()) written = index->append(bytes);
  if (written.ok()) written = index->commit();
  if (written.ok()) return true;
  if (index.ok() && index->committed()) {
    put_back(old);
  } else {
    (void)remove_file(spare_path);  // the index is the old one still
  }
  return written;
}

// Undoes set_aside after a failure, as far as that works; at each step the index names data that are there.
void CheckpointWriter::Rep::put_back(const OldIndex& old) {
  (void)undo_set_aside(prefix, old.bytes);
}

Status CheckpointWriter::Rep::commit() {
  TARN_RETURN_IF_ERROR(check_slices());
  std::map<std::string, std::string> table;
  table.emplace("", header_bytes(1));
  for (const auto& [key, entry] : entries) table.emplace(key, entry.SerializeAsString());
  TARN_ASSIGN_OR_RETURN(std::string bytes, build_table(table));
  TARN_ASSIGN_OR_RETURN(AtomicFile index, AtomicFile::create(index_path));
  TARN_RETURN_IF_ERROR(index.append(bytes));
  // Both files are on the disk before either gets its name.
  TARN_RETURN_IF_ERROR(data.sync());
  TARN_RETURN_IF_ERROR(index.sync());

  TARN_ASSIGN_OR_RETURN(DirLock lock, DirLock::acquire(path_dir(prefix)));
  std::optional<OldIndex> old = read_old_index(index_path);
  bool aside = false;
  if (old.has_value()) {
    TARN_ASSIGN_OR_RETURN(aside, set_aside(*old));
  }
  Status done = data.commit();
  if (done.ok()) done = index.commit();
  if (!index.committed()) {
    if (aside) {
      put_back(*old);
    } else if (data.committed() && (!old.has_value() || old->shard_count != 1)) {
      (void)remove_file(data_path);  // belongs to no index
    }
    return done;
  }
  // The new checkpoint is there; whatever of the old one is left is garbage.
  if (aside) (void)remove_file(spare_path);
  for (int shard = 0; old.has_value() && old->shard_count > 1 && shard < old->shard_count; ++shard) {
    std::string path = checkpoint_data_path(prefix, shard, old->shard_count);
    if (file_exists(path)) (void)remove_file(path);
  }
  return done;
}

Status settle_checkpoint(const std::string& prefix) {
  const std::string spare = checkpoint_data_path(prefix, 0, 2);
  if (!file_exists(spare) || file_exists(checkpoint_data_path(prefix, 1, 2))) return {};
  TARN_ASSIGN_OR_RETURN(DirLock lock, DirLock::acquire(path_dir(prefix)));
  const std::optional<OldIndex> index = read_old_index(checkpoint_index_path(prefix));
  if (!index || index->shard_count > 2 || !file_exists(spare)) return {};
  if (index->shard_count == 1) return remove_file(spare);  // the new one is there
  std::map<std::string, std::string> table = index->entries;
  table.emplace("", header_bytes(1));
  TARN_ASSIGN_OR_RETURN(std::string bytes, build_table(table));
  return undo_set_aside(prefix, bytes);
}

Result<CheckpointWriter> CheckpointWriter::create(const std::string& prefix) {
  if (prefix.empty() || prefix.ends_with('/') || dir_exists(prefix)) {
    return invalid_argument(
        "cannot save a checkpoint as ", quoted(prefix),
        prefix.empty() ? ": the path is empty" : ": that is a directory; give a name in it, such as ",
        prefix.empty() ? "" : tarn::quoted(path_join(prefix, "model.ckpt")));
  }
  std::string context = str_cat("saving checkpoint ", quoted(prefix));
  if (Status swept = sweep_killed_saves(path_dir(prefix)); !swept.ok()) return swept.with_context(context);
  Result<AtomicFile> data = AtomicFile::create(checkpoint_data_path(prefix, 0, 1));
  if (!data.ok()) return data.status().with_context(context);
  return CheckpointWriter(std::make_unique<Rep>(prefix, *std::move(data)));
}

CheckpointWriter::CheckpointWriter(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
CheckpointWriter::CheckpointWriter(CheckpointWriter&&) noexcept = default;
CheckpointWriter& CheckpointWriter::operator=(CheckpointWriter&&) noexcept = default;
CheckpointWriter::~CheckpointWriter() = default;

Status CheckpointWriter::add(std::string_view name, const Tensor& tensor) {
  TARN_RETURN_IF_ERROR(rep_->check_open(name));
  if (!tensor.is_valid()) return invalid_argument("tensor ", quoted(name), " has no value");
  auto [place, added] = rep_->entries.try_emplace(std::string(name));
  if (!added) return already_exists("tensor ", quoted(name), " is in checkpoint ", quoted(rep_->prefix), " already");
  return rep_->write(tensor, place->second);
}

Status CheckpointWriter::add_slice(std::string_view name, const TensorSlice::Spec& spec, const Tensor& part) {
  TARN_RETURN_IF_ERROR(rep_->check_open(name));
  Result<Shape> expected = spec.slice.shape_of(spec.full_shape);
  if (!expected.ok()) return expected.status().with_context(str_cat("tensor ", quoted(name)));
  if (!part.is_valid() || !(part.shape() == *expected)) {
    return invalid_argument("tensor ", quoted(name), ": slice '", spec.slice.to_string(), "' of shape ",
                            spec.full_shape, " has shape ", *expected, " but the value has ", part.shape());
  }
  if (spec.slice.is_full()) return add(name, part);

  auto [place, first] = rep_->entries.try_emplace(std::string(name));
  pb::BundleEntryProto& whole = place->second;
  if (first) {
    whole.set_dtype(dtype_to_proto(part.dtype()));
    *whole.mutable_shape() = shape_to_proto(spec.full_shape);
  } else if (whole.slices().empty()) {
    return already_exists("tensor ", quoted(name), " is in checkpoint ", quoted(rep_->prefix), " already, as a whole");
  }
  Result<Shape> full = full_shape_from_proto(whole.shape());
  if (!full.ok()) return full.status();
  if (whole.dtype() != dtype_to_proto(part.dtype()) || !(*full == spec.full_shape)) {
    return invalid_argument("tensor ", quoted(name), ": slice '", spec.slice.to_string(), "' is of ",
                            dtype_short_name(part.dtype()), spec.full_shape, " but earlier ones were of ",
                            dtype_short_name(static_cast<DType>(whole.dtype())), *full);
  }
  for (const pb::TensorSliceProto& proto : whole.slices()) {
    Result<TensorSlice> other = TensorSlice::from_proto(proto);
    if (!other.ok()) return other.status();
    if (spec.slice.overlaps(*other, *full)) {
      return invalid_argument("tensor ", quoted(name), ": slices '", other->to_string(), "' and '",
                              spec.slice.to_string(), "' overlap");
    }
  }
  auto [slice_place, added] = rep_->entries.try_emplace(spec.slice.key(name));
  if (!added)
    return already_exists("tensor ", quoted(name), ": slice '", spec.slice.to_string(), "' was added already");
  *whole.add_slices() = spec.slice.to_proto();
  return rep_->write(part, slice_place->second);
}

Status CheckpointWriter::finish() {
  if (rep_->finished) return failed_precondition("checkpoint ", quoted(rep_->prefix), " is finished already");
  TARN_RETURN_IF_ERROR(rep_->status);
  rep_->finished = true;
  Status status = rep_->commit();
  rep_->data.discard();
  return status.with_context(str_cat("saving checkpoint ", quoted(rep_->prefix)));
}

Status write_checkpoint(const std::string& prefix, std::vector<NamedTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) { return a.name < b.name; });
  TARN_ASSIGN_OR_RETURN(CheckpointWriter writer, CheckpointWriter::create(prefix));
  for (const NamedTensor& entry : tensors) TARN_RETURN_IF_ERROR(writer.add(entry.name, entry.tensor));
  return writer.finish();
}

}  // namespace tarn
