#include <algorithm>
#include <map>

#include "core/crc32c.h"
#include "core/file.h"
#include "graph/bundle_format.h"
#include "graph/checkpoint_source.h"
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

struct Bundle : CheckpointSource {
  int shard_count = 0;
  std::vector<std::vector<Stored>> stored;  // by entry: the tensor, or its slices
  std::map<int, RandomAccessFile> shards;   // those in use
  std::map<int, MappedFile> mapped;         // the same ones, for TensorMemory::kMapped

  Status read_index();
  Status add_entry(std::string_view name, const pb::BundleEntryProto& proto,
                   std::map<std::string, pb::BundleEntryProto>& slices);
  Status open_shards(TensorMemory memory);
  Result<Tensor> read_stored(const Stored& stored) const;
  // The tensor's bytes in the mapped file; null if there is none, or they do not lie as the dtype needs.
  const char* mapped_bytes(const Stored& stored) const;
  Result<Tensor> read_part(size_t entry, size_t part) const override { return read_stored(stored[entry][part]); }

  std::string data_path(int shard) const { return checkpoint_data_path(prefix, shard, shard_count); }
};

Status Bundle::read_index() {
  std::string path = checkpoint_index_path(prefix);
  Result<std::string> read = read_file(path, bundle::kMaxIndexBytes);
  if (!read.ok()) return read.status();
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

Status Bundle::add_entry(std::string_view name, const pb::BundleEntryProto& proto,
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
    entry.slices.push_back(*std::move(slice));
    parts.push_back(*std::move(stored));
  }
  if (!entry.slices.empty()) TARN_RETURN_IF_ERROR(check_slices(label, *shape, entry.slices));
  entries.push_back(std::move(entry));
  stored.push_back(std::move(parts));
  return {};
}

Status Bundle::open_shards(TensorMemory memory) {
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
    if (memory == TensorMemory::kMapped) {
      Result<MappedFile> map = map_file(file->path());
      // Otherwise it was exchanged since: the open one is what was judged.
      if (map.ok() && map->size() == file->size()) mapped.emplace(shard, *std::move(map));
    }
    shards.emplace(shard, *std::move(file));
  }
  return problems.to_status(str_cat("checkpoint ", quoted(prefix)));
}

const char* Bundle::mapped_bytes(const Stored& stored) const {
  auto found = mapped.find(stored.shard);
  if (found == mapped.end() || stored.dtype == DType::kString || stored.size == 0) return nullptr;
  const char* bytes = found->second.bytes().data() + stored.offset;
  return reinterpret_cast<uintptr_t>(bytes) % dtype_size(stored.dtype) == 0 ? bytes : nullptr;
}

Result<Tensor> Bundle::read_stored(const Stored& stored) const {
  const RandomAccessFile& file = shards.at(stored.shard);
  auto context = [&](const Status& status) {
    return status.with_context(str_cat("checkpoint ", quoted(prefix), ": ", stored.label, " in ", quoted(file.path()),
                                       " at offset ", stored.offset, " (", stored.size, " bytes)"));
  };
  const char* in_place = mapped_bytes(stored);
  Result<Tensor> tensor = in_place == nullptr
                              ? Tensor::allocate(stored.dtype, stored.shape)
                              : Tensor::view(stored.dtype, stored.shape, in_place, mapped.at(stored.shard).owner());
  if (!tensor.ok()) return context(tensor.status());
  uint32_t computed = 0;
  auto size = static_cast<size_t>(stored.size);
  if (in_place != nullptr) {
    computed = crc32c({in_place, size});
  } else if (stored.dtype == DType::kString) {
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

}  // namespace

Result<std::shared_ptr<const CheckpointSource>> open_bundle(const std::string& prefix, TensorMemory memory) {
  auto bundle = std::make_shared<Bundle>();
  bundle->prefix = prefix;
  TARN_RETURN_IF_ERROR(bundle->read_index());
  TARN_RETURN_IF_ERROR(bundle->open_shards(memory));
  return std::shared_ptr<const CheckpointSource>(std::move(bundle));
}

}  // namespace tarn
