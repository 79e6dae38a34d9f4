#include <algorithm>
#include <map>

#include "core/crc32c.h"
#include "core/file.h"
#include "graph/bundle_format.h"
#include "graph/checkpoint.h"
#include "graph/file_kind.h"
#include "graph/table_file.h"
#include "graph/tensor_proto.h"
#include "proto/checkpoint.pb.h"

namespace tarn {
namespace {

// One run of bytes in a data file: a whole tensor, or a slice of one.
struct Stored {
  std::string label;  // "tensor 'w'", "slice '0,5:-' of tensor 'w'"
  DType dtype = DType::kInvalid;
  Shape shape;
  int shard = 0;
  uint64_t offset = 0, size = 0;
  uint32_t crc = 0;  // masked
};

Status check_header(std::string_view bytes, int& shard_count) {
  pb::BundleHeaderProto header;
  if (!header.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return data_loss("its header is malformed");
  if (header.num_shards() < 1 || header.num_shards() > bundle::kMaxShards) {
    return data_loss("its header claims ", header.num_shards(), " data files; 1 to ", bundle::kMaxShards,
                     " are possible");
  }
  if (header.endianness() == pb::BundleHeaderProto::BIG) {
    return unimplemented("it is big-endian, which is not supported");
  }
  if (header.endianness() != pb::BundleHeaderProto::LITTLE) {
    return data_loss("its header claims endianness ", static_cast<int>(header.endianness()), "; 0 (little) is known");
  }
  const pb::VersionDef& version = header.version();
  const auto& bad = version.bad_consumers();
  if (version.producer() < 0) return data_loss("its format version is ", version.producer());
  if (version.min_consumer() > bundle::kVersion || std::find(bad.begin(), bad.end(), bundle::kVersion) != bad.end()) {
    return unimplemented("it needs a reader of format version ", version.min_consumer(), "; this one has version ",
                         bundle::kVersion);
  }
  shard_count = header.num_shards();
  return {};
}

// Judges what an entry says of its bytes; the data files come later.
Result<Stored> check_stored(std::string label, const pb::BundleEntryProto& entry, DType dtype, const Shape& shape,
                            int shard_count) {
  Stored stored{std::move(label), dtype, shape};
  if (entry.shard_id() < 0 || entry.shard_id() >= shard_count) {
    return data_loss("it is said to be in data file ", entry.shard_id(), " of ", shard_count);
  }
  if (entry.offset() < 0 || entry.size() < 0) {
    return data_loss("its offset is ", entry.offset(), " and its size ", entry.size(), "; both must be >= 0");
  }
  int64_t count = shape.elements();
  if (dtype == DType::kString) {
    // A length of at least one byte each, and the checksum of the lengths.
    if (entry.size() < 4 || entry.size() - 4 < count) {
      return data_loss("its size is ", entry.size(), ", too small for ", count, " strings");
    }
  } else {
    Result<int64_t> expected = checked_multiply(count, static_cast<int64_t>(dtype_size(dtype)));
    if (!expected.ok() || *expected != entry.size()) {
      return data_loss("its size is ", entry.size(), " bytes but ", dtype_short_name(dtype), shape, " has ",
                       expected.ok() ? str_cat(*expected) : "more than 2^63");
    }
  }
  stored.shard = entry.shard_id();
  stored.offset = static_cast<uint64_t>(entry.offset());
  stored.size = static_cast<uint64_t>(entry.size());
  stored.crc = entry.crc32c();
  return stored;
}

// The beginning and the end, which tell what it is: it may be gigabytes.
Result<std::string> ends_of_file(const std::string& path) {
  constexpr uint64_t kBegin = 4096, kEnd = 48;
  TARN_ASSIGN_OR_RETURN(RandomAccessFile file, RandomAccessFile::open(path));
  uint64_t begin = std::min(file.size(), kBegin), end = std::min(file.size() - begin, kEnd);
  std::string bytes(begin + end, '\0');
  TARN_RETURN_IF_ERROR(file.read_at(0, std::span<char>(bytes).first(begin)));
  TARN_RETURN_IF_ERROR(file.read_at(file.size() - end, std::span<char>(bytes).subspan(begin)));
  return bytes;
}

// Of a file given in place of a checkpoint's prefix.
Status explain_file(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, ends_of_file(path));
  Sniffed sniffed = sniff(bytes);
  std::string_view what = sniffed.name;
  switch (sniffed.kind) {
    case FileKind::kEmpty: what = "an empty file"; break;
    case FileKind::kBinaryProto: what = "a binary file (a GraphDef?)"; break;
    case FileKind::kGraphPbtxt: what = "a GraphDef as text"; break;
    case FileKind::kMetaGraphPbtxt: what = "a MetaGraphDef as text"; break;
    case FileKind::kSavedModelPbtxt: what = "a SavedModel as text"; break;
    case FileKind::kTarnText: what = "a text file"; break;
    case FileKind::kCheckpointTable:
      return unimplemented("checkpoint ", quoted(path), " is a file of its own: V1 checkpoints are not supported");
    case FileKind::kForeign: break;
  }
  return invalid_argument(quoted(path), " is no checkpoint but ", what, sniffed.hint.empty() ? "" : "; ", sniffed.hint);
}

}  // namespace

struct CheckpointReader::Rep {
  std::string prefix;
  int shard_count = 0;
  std::vector<CheckpointEntry> entries;
  std::vector<std::vector<Stored>> stored;  // by entry: the tensor, or its slices
  std::map<int, RandomAccessFile> shards;   // those in use
  uint64_t unused_bytes = 0;

  Status explain_missing(const Status& status) const;
  Status read_index();
  Status add_entry(std::string_view name, const pb::BundleEntryProto& proto,
                   std::map<std::string, pb::BundleEntryProto>& slices);
  Status open_shards();
  Result<Tensor> read_stored(const Stored& stored) const;
  Result<Tensor> read_entry(size_t i) const;

  std::string data_path(int shard) const { return checkpoint_data_path(prefix, shard, shard_count); }
};

// What the user may have meant, if there is no such checkpoint.
Status CheckpointReader::Rep::explain_missing(const Status& status) const {
  if (status.code() != Code::kNotFound) return status;
  if (file_exists(prefix)) return explain_file(prefix);
  Result<std::vector<std::string>> names = list_dir(path_dir(prefix));
  std::vector<std::string> prefixes;
  constexpr std::string_view kSuffix = ".index";
  for (const std::string& name : names.value_or({})) {
    if (name.ends_with(kSuffix)) prefixes.push_back(name.substr(0, name.size() - kSuffix.size()));
  }
  return Status(status.code(), str_cat(status.message(), did_you_mean(path_name(prefix), prefixes)));
}

Status CheckpointReader::Rep::read_index() {
  std::string path = checkpoint_index_path(prefix);
  Result<std::string> read = read_file(path, bundle::kMaxIndexBytes);
  if (!read.ok()) return explain_missing(read.status());
  const std::string bytes = *std::move(read);

  bool first = true;
  // Keys share their beginnings in the file; in memory they do not.
  uint64_t memory_left = (uint64_t{48} << 20) + 2 * bytes.size();
  std::map<std::string, pb::BundleEntryProto> wholes, slices;
  Status status = visit_table(bytes, [&](std::string_view key, std::string_view value) -> Status {
    if (std::exchange(first, false)) {
      if (!key.empty()) return data_loss("it has no header; its first key is ", quoted(key));
      return check_header(value, shard_count);
    }
    uint64_t need = key.size() + value.size();
    if (need > memory_left) return resource_exhausted("its keys take too much memory");
    memory_left -= need;
    pb::BundleEntryProto entry;
    if (value.empty() || !entry.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      return data_loss("the entry of ", quoted(key), value.empty() ? " is empty" : " is malformed");
    }
    (key[0] == '\0' ? slices : wholes).emplace(key, std::move(entry));
    return {};
  });
  std::string heading = str_cat("checkpoint index ", quoted(path));
  if (status.ok() && first) status = data_loss("it has no entries, not even a header");
  if (!status.ok()) return status.with_context(heading);

  Problems problems;
  for (const auto& [name, entry] : wholes) problems.add(add_entry(name, entry, slices));
  // What add_entry took is gone from `slices`.
  for (const auto& [key, entry] : slices) problems.add(data_loss("slice ", quoted(key), " belongs to no tensor"));
  return problems.to_status(heading);
}

Status CheckpointReader::Rep::add_entry(std::string_view name, const pb::BundleEntryProto& proto,
                                        std::map<std::string, pb::BundleEntryProto>& slices) {
  std::string label = str_cat("tensor ", quoted(name));
  auto context = [&](const Status& status) { return status.with_context(label); };
  TARN_RETURN_IF_ERROR(bundle::check_name(name));
  Result<DType> dtype = dtype_from_proto(proto.dtype());
  if (!dtype.ok()) return context(dtype.status());
  if (*dtype == DType::kResource || *dtype == DType::kVariant) {
    return context(unimplemented(dtype_name(*dtype), " tensors are not supported"));
  }
  Result<Shape> shape = full_shape_from_proto(proto.shape());
  if (!shape.ok()) return context(shape.status());

  CheckpointEntry entry{std::string(name), *dtype, *shape, {}};
  std::vector<Stored> parts;
  if (proto.slices().empty()) {
    Result<Stored> whole = check_stored(label, proto, *dtype, *shape, shard_count);
    if (!whole.ok()) return context(whole.status());
    parts.push_back(*std::move(whole));
  } else if (proto.slices_size() > bundle::kMaxSlices) {
    return context(
        resource_exhausted("it has ", proto.slices_size(), " slices, above the limit of ", bundle::kMaxSlices));
  }

  int64_t covered = 0;
  for (const pb::TensorSliceProto& slice_proto : proto.slices()) {
    Result<TensorSlice> slice = TensorSlice::from_proto(slice_proto);
    if (!slice.ok()) return context(slice.status());
    Result<Shape> part_shape = slice->shape_of(*shape);
    if (!part_shape.ok()) return context(part_shape.status());
    std::string part_label = str_cat("slice '", slice->to_string(), "' of ", label);
    auto found = slices.find(slice->key(name));
    if (found == slices.end()) return data_loss(part_label, " is missing or listed twice");
    const pb::BundleEntryProto part = std::move(found->second);
    slices.erase(found);
    Result<Shape> stored_shape = full_shape_from_proto(part.shape());
    if (!stored_shape.ok()) return stored_shape.status().with_context(part_label);
    if (part.dtype() != proto.dtype() || !(*stored_shape == *part_shape)) {
      return data_loss(part_label, " is stored as dtype ", static_cast<int>(part.dtype()), ' ', *stored_shape,
                       " but should be dtype ", static_cast<int>(proto.dtype()), ' ', *part_shape);
    }
    Result<Stored> stored = check_stored(part_label, part, *dtype, *part_shape, shard_count);
    if (!stored.ok()) return stored.status().with_context(part_label);
    for (const TensorSlice& other : entry.slices) {
      if (slice->overlaps(other, *shape)) {
        return data_loss(label, ": slices '", other.to_string(), "' and '", slice->to_string(), "' overlap");
      }
    }
    covered += part_shape->elements();
    entry.slices.push_back(*std::move(slice));
    parts.push_back(*std::move(stored));
  }
  if (!entry.slices.empty() && covered != shape->elements()) {
    return data_loss(label, ": its ", entry.slices.size(), " slices hold ", covered, " of ", shape->elements(),
                     " elements");
  }
  entries.push_back(std::move(entry));
  stored.push_back(std::move(parts));
  return {};
}

Status CheckpointReader::Rep::open_shards() {
  std::map<int, std::vector<const Stored*>> by_shard;
  for (const std::vector<Stored>& parts : stored) {
    for (const Stored& part : parts) by_shard[part.shard].push_back(&part);
  }
  Problems problems;
  for (auto& [shard, parts] : by_shard) {
    Result<RandomAccessFile> file = RandomAccessFile::open(data_path(shard));
    if (!file.ok()) {
      constexpr size_t kMost = 5;
      std::string names;
      for (size_t i = 0; i < std::min(parts.size(), kMost); ++i) str_append(names, i == 0 ? "" : ", ", parts[i]->label);
      if (parts.size() > kMost) str_append(names, " and ", parts.size() - kMost, " more");
      problems.add(Status(file.status().code(), str_cat(file.status().message(), "; it holds ", names)));
      continue;
    }
    // Every byte belongs to one tensor at most: otherwise a small file could stand for any number of large tensors.
    std::sort(parts.begin(), parts.end(), [](const Stored* a, const Stored* b) {
      return std::pair(a->offset, a->size) < std::pair(b->offset, b->size);
    });
    uint64_t used = 0;
    const Stored* previous = nullptr;
    for (const Stored* part : parts) {
      if (part->size > file->size() || part->offset > file->size() - part->size) {
        problems.add(data_loss(part->label, " is said to have ", part->size, " bytes at offset ", part->offset, " of ",
                               quoted(file->path()), ", which has ", file->size()));
        continue;
      }
      if (part->size == 0) continue;
      if (previous != nullptr && part->offset < previous->offset + previous->size) {
        problems.add(data_loss(part->label, " at offset ", part->offset, " of ", quoted(file->path()), " overlaps ",
                               previous->label, ", ", previous->size, " bytes at offset ", previous->offset));
        continue;
      }
      previous = part;
      used += part->size;
    }
    unused_bytes += file->size() - std::min(used, file->size());
    shards.emplace(shard, *std::move(file));
  }
  return problems.to_status(str_cat("checkpoint ", quoted(prefix)));
}

Result<Tensor> CheckpointReader::Rep::read_stored(const Stored& stored) const {
  const RandomAccessFile& file = shards.at(stored.shard);
  auto context = [&](const Status& status) {
    return status.with_context(str_cat("checkpoint ", quoted(prefix), ": ", stored.label, " in ", quoted(file.path()),
                                       " at offset ", stored.offset, " (", stored.size, " bytes)"));
  };
  Result<Tensor> tensor = Tensor::allocate(stored.dtype, stored.shape);
  if (!tensor.ok()) return context(tensor.status());
  uint32_t computed = 0;
  auto size = static_cast<size_t>(stored.size);
  if (stored.dtype == DType::kString) {
    Result<Tensor> bytes = Tensor::allocate(DType::kUInt8, Shape{static_cast<int64_t>(size)});
    if (!bytes.ok()) return context(bytes.status());
    std::span<char> raw(static_cast<char*>(bytes->mutable_data()), size);
    if (Status status = file.read_at(stored.offset, raw); !status.ok()) return context(status);
    if (Status status = bundle::decode_strings({raw.data(), size}, *tensor, computed); !status.ok()) {
      return context(status);
    }
  } else {
    std::span<char> raw(static_cast<char*>(tensor->mutable_data()), size);
    if (Status status = file.read_at(stored.offset, raw); !status.ok()) return context(status);
    computed = crc32c({raw.data(), size});
  }
  if (crc32c_mask(computed) != stored.crc) {
    return context(data_loss("the data are damaged: checksum ", bundle::hex32(stored.crc), " is stored, ",
                             bundle::hex32(crc32c_mask(computed)), " computed"));
  }
  if (Status status = check_bools(*tensor); !status.ok()) return context(status);
  return tensor;
}

Result<Tensor> CheckpointReader::Rep::read_entry(size_t i) const {
  const CheckpointEntry& entry = entries[i];
  if (entry.slices.empty()) return read_stored(stored[i][0]);
  TARN_ASSIGN_OR_RETURN(Tensor whole, Tensor::allocate(entry.dtype, entry.shape));
  for (size_t k = 0; k < entry.slices.size(); ++k) {
    TARN_ASSIGN_OR_RETURN(Tensor part, read_stored(stored[i][k]));
    copy_into_slice(part, entry.slices[k], whole);
  }
  return whole;
}

Result<CheckpointReader> CheckpointReader::open(const std::string& prefix) {
  auto rep = std::make_shared<Rep>();
  rep->prefix = prefix;
  TARN_RETURN_IF_ERROR(rep->read_index());
  TARN_RETURN_IF_ERROR(rep->open_shards());
  return CheckpointReader(std::move(rep));
}

const std::string& CheckpointReader::prefix() const {
  return rep_->prefix;
}
const std::vector<CheckpointEntry>& CheckpointReader::entries() const {
  return rep_->entries;
}
uint64_t CheckpointReader::unused_data_bytes() const {
  return rep_->unused_bytes;
}

const CheckpointEntry* CheckpointReader::find(std::string_view name) const {
  const auto& entries = rep_->entries;
  auto found =
      std::lower_bound(entries.begin(), entries.end(), name,
                       [](const CheckpointEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries.end() && found->name == name ? &*found : nullptr;
}

Result<Tensor> CheckpointReader::read(std::string_view name) const {
  const CheckpointEntry* entry = find(name);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const CheckpointEntry& other : entries()) names.push_back(other.name);
    return not_found("Key ", quoted(name), " not found in checkpoint ", quoted(prefix()), did_you_mean(name, names));
  }
  return rep_->read_entry(static_cast<size_t>(entry - entries().data()));
}

Result<Tensor> CheckpointReader::read_slice(std::string_view name, const TensorSlice::Spec& spec) const {
  const CheckpointEntry* entry = find(name);
  if (entry == nullptr) return read(name);  // says what is near
  if (!(entry->shape == spec.full_shape)) {
    return invalid_argument("checkpoint ", quoted(prefix()), ": tensor ", quoted(name), " has shape ", entry->shape,
                            " but a slice of shape ", spec.full_shape, " was asked for");
  }
  // A part that is stored as such needs no other.
  for (size_t k = 0; k < entry->slices.size(); ++k) {
    if (entry->slices[k] == spec.slice) {
      return rep_->read_stored(rep_->stored[static_cast<size_t>(entry - entries().data())][k]);
    }
  }
  TARN_ASSIGN_OR_RETURN(Tensor whole, read(name));
  return copy_slice(whole, spec.slice);
}

}  // namespace tarn
