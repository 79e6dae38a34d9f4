// Checkpoints of version 1: a table whose first value holds the names, shapes and slices of all tensors, and whose
// other values each hold one slice, as numbers in a TensorProto without dtype and shape. Saved in shards, each shard is
// such a table of its own.
#include <algorithm>
#include <climits>
#include <map>

#include "core/file.h"
#include "core/tensor_fields.h"
#include "graph/checkpoint_source.h"
#include "graph/table_file.h"
#include "graph/tensor_proto.h"
#include "graph/wire_scan.h"
#include "proto/checkpoint.pb.h"

namespace tarn {
namespace {

constexpr int kVersion = 1;            // TF_CHECKPOINT_VERSION of those files
constexpr size_t kMaxSlices = 10'000;  // of one tensor
constexpr uint64_t kMostFileBytes = uint64_t{4} << 30;

// The values a slice holds, whatever their field: to be compared with the shape before anything is allocated.
int64_t count_values(const pb::TensorProto& data, DType dtype) {
  switch (dtype) {
    case DType::kFloat: return data.float_val_size();
    case DType::kDouble: return data.double_val_size();
    case DType::kString: return data.string_val_size();
    case DType::kInt64: return data.int64_val_size();
    case DType::kBool: return data.bool_val_size();
    case DType::kHalf:
    case DType::kBFloat16: return data.half_val_size();
    case DType::kComplex64: return data.scomplex_val_size() / 2;
    case DType::kComplex128: return data.dcomplex_val_size() / 2;
    case DType::kUInt32: return data.uint32_val_size();
    case DType::kUInt64: return data.uint64_val_size();
    default: return data.int_val_size();
  }
}

class V1Checkpoint : public CheckpointSource {
 public:
  Status read(const std::vector<std::string>& paths) {
    version = 1;
    for (const std::string& path : paths) {
      TARN_RETURN_IF_ERROR(read_file_of_it(path).with_context(str_cat("checkpoint ", quoted(path))));
    }
    Problems problems;
    for (auto& [name, tensor] : tensors_) {
      problems.add(check_slices(str_cat("tensor ", quoted(name)), tensor.shape, tensor.slices));
      CheckpointEntry entry{name, tensor.dtype, tensor.shape, tensor.slices};
      if (entry.slices.size() == 1 && entry.slices[0].is_full()) entry.slices.clear();
      entries.push_back(std::move(entry));
      parts_.push_back(std::move(tensor.parts));
    }
    tensors_.clear();
    return problems.to_status(str_cat("checkpoint ", quoted(prefix)));
  }

  Result<Tensor> read_part(size_t entry, size_t part) const override { return parts_[entry][part]; }

 private:
  struct Stored {
    DType dtype = DType::kInvalid;
    Shape shape;
    std::vector<TensorSlice> slices;
    std::vector<Tensor> parts;  // as slices; not yet read: of no dtype
  };
  struct Place {
    Stored* tensor;
    std::string name;
    size_t part;
  };

  Status read_file_of_it(const std::string& path) {
    TARN_ASSIGN_OR_RETURN(const std::string bytes, read_file(path, kMostFileBytes));
    std::map<std::string, Place, std::less<>> places;  // of this file, by key
    bool first = true;
    Status status = visit_table(bytes, [&](std::string_view key, std::string_view value) -> Status {
      if (std::exchange(first, false)) {
        if (!key.empty()) return data_loss("it has no header; its first key is ", quoted(key));
        return read_header(value, places);
      }
      auto place = places.find(key);
      if (place == places.end()) return data_loss("the entry of ", quoted(key), " is no slice that the header lists");
      TARN_RETURN_IF_ERROR(read_slice(value, place->second).with_context(label(place->second)));
      places.erase(place);
      return {};
    });
    TARN_RETURN_IF_ERROR(status);
    if (first) return data_loss("it has no entries, not even a header");
    Problems problems;
    for (const auto& [key, place] : places) problems.add(data_loss(label(place), " is missing"));
    return problems.to_status("");
  }

  static std::string label(const Place& place) {
    const TensorSlice& slice = place.tensor->slices[place.part];
    if (slice.is_full()) return str_cat("tensor ", quoted(place.name));
    return str_cat("slice '", slice.to_string(), "' of tensor ", quoted(place.name));
  }

  static Status parse(std::string_view value, pb::SavedTensorSlices& message) {
    if (value.size() > INT_MAX) return data_loss("it has ", value.size(), " bytes, above ", INT_MAX);
    TARN_RETURN_IF_ERROR(scan_wire(value, *pb::SavedTensorSlices::descriptor()));
    if (!message.ParseFromArray(value.data(), static_cast<int>(value.size()))) return data_loss("it is malformed");
    return {};
  }

  Status read_header(std::string_view value, std::map<std::string, Place, std::less<>>& places) {
    pb::SavedTensorSlices header;
    TARN_RETURN_IF_ERROR(parse(value, header).with_context("its header"));
    const pb::VersionDef& versions = header.meta().versions();
    const auto& bad = versions.bad_consumers();
    if (versions.producer() < 0) return data_loss("its format version is ", versions.producer());
    if (versions.min_consumer() > kVersion || std::find(bad.begin(), bad.end(), kVersion) != bad.end()) {
      return unimplemented("it needs a reader of format version ", versions.min_consumer(), "; this one has version ",
                           kVersion);
    }
    Problems problems;
    for (const pb::SavedSliceMeta& meta : header.meta().tensor()) {
      problems.add(add_tensor(meta, places).with_context(str_cat("tensor ", quoted(meta.name()))));
    }
    return problems.to_status("");
  }

  Status add_tensor(const pb::SavedSliceMeta& meta, std::map<std::string, Place, std::less<>>& places) {
    if (meta.name().empty()) return data_loss("its name is empty");
    if (meta.slice_size() == 0) return data_loss("no slice of it is listed");
    TARN_ASSIGN_OR_RETURN(DType dtype, dtype_from_proto(meta.type()));
    if (dtype == DType::kResource || dtype == DType::kVariant)
      return unimplemented(dtype_name(dtype), " tensors are not supported");
    TARN_ASSIGN_OR_RETURN(Shape shape, full_shape_from_proto(meta.shape()));
    auto [found, is_new] = tensors_.try_emplace(meta.name());
    Stored& tensor = found->second;
    if (is_new) {
      tensor.dtype = dtype;
      tensor.shape = shape;
    } else if (tensor.dtype != dtype || !(tensor.shape == shape)) {
      return data_loss("it is ", dtype_short_name(dtype), shape, " here and ", dtype_short_name(tensor.dtype),
                       tensor.shape, " before");
    }
    if (tensor.slices.size() + static_cast<size_t>(meta.slice_size()) > kMaxSlices)
      return resource_exhausted("it has more than ", kMaxSlices, " slices");
    for (const pb::TensorSliceProto& proto : meta.slice()) {
      TARN_ASSIGN_OR_RETURN(TensorSlice slice, TensorSlice::from_proto(proto));
      TARN_RETURN_IF_ERROR(slice.shape_of(shape).status());
      std::string key = slice.key(meta.name());
      tensor.slices.push_back(std::move(slice));
      tensor.parts.emplace_back();
      bool added = places.emplace(std::move(key), Place{&tensor, meta.name(), tensor.slices.size() - 1}).second;
      if (!added) return data_loss("slice '", tensor.slices.back().to_string(), "' is listed twice");
    }
    return {};
  }

  Status read_slice(std::string_view value, const Place& place) {
    pb::SavedTensorSlices message;
    TARN_RETURN_IF_ERROR(parse(value, message));
    Stored& tensor = *place.tensor;
    const TensorSlice& slice = tensor.slices[place.part];
    if (message.data().name() != place.name)
      return data_loss("its entry holds a slice of tensor ", quoted(message.data().name()));
    TARN_ASSIGN_OR_RETURN(TensorSlice stored, TensorSlice::from_proto(message.data().slice()));
    if (!(stored == slice)) return data_loss("its entry holds slice '", stored.to_string(), "'");
    TARN_ASSIGN_OR_RETURN(Shape shape, slice.shape_of(tensor.shape));
    pb::TensorProto& data = *message.mutable_data()->mutable_data();
    if (!data.tensor_content().empty()) return data_loss("it is stored as tensor_content, as no writer does");
    int64_t count = count_values(data, tensor.dtype);
    // A single value never stands for many here, nor none for zeros.
    if (count != shape.elements()) {
      return data_loss("it holds ", count, " values but ", dtype_short_name(tensor.dtype), shape, " has ",
                       shape.elements());
    }
    data.set_dtype(dtype_to_proto(tensor.dtype));
    *data.mutable_tensor_shape() = shape_to_proto(shape);
    TARN_ASSIGN_OR_RETURN(tensor.parts[place.part], tensor_from_proto(data));
    return {};
  }

  std::map<std::string, Stored> tensors_;   // while it is read
  std::vector<std::vector<Tensor>> parts_;  // by entry
};

}  // namespace

Result<std::shared_ptr<const CheckpointSource>> open_v1_checkpoint(const std::string& prefix,
                                                                   const std::vector<std::string>& paths) {
  auto checkpoint = std::make_shared<V1Checkpoint>();
  checkpoint->prefix = prefix;
  TARN_RETURN_IF_ERROR(checkpoint->read(paths));
  return std::shared_ptr<const CheckpointSource>(std::move(checkpoint));
}

Result<std::vector<std::string>> v1_shards(const std::string& prefix) {
  constexpr size_t kDigits = 5;
  std::string stem = path_name(prefix) + "-";
  std::map<std::string, std::vector<std::string>> sets;  // by "of" number
  for (const std::string& name : list_dir(path_dir(prefix)).value_or({})) {
    // <stem>00001-of-00002
    if (!name.starts_with(stem) || name.size() != stem.size() + 2 * kDigits + 4) continue;
    std::string number = name.substr(stem.size(), kDigits), count = name.substr(name.size() - kDigits);
    bool digits = (number + count).find_first_not_of("0123456789") == std::string::npos;
    if (digits && name.substr(stem.size() + kDigits, 4) == "-of-") sets[count].push_back(name);
  }
  if (sets.empty()) return std::vector<std::string>();
  if (sets.size() > 1) {
    return invalid_argument("checkpoint ", quoted(prefix), " is there in ", sets.size(), " sets of files, of ",
                            sets.begin()->first, " and of ", sets.rbegin()->first, ": remove one");
  }
  auto& [count, names] = *sets.begin();
  if (std::to_string(names.size()) != count.substr(std::min(count.find_first_not_of('0'), count.size() - 1))) {
    return not_found("checkpoint ", quoted(prefix), ": ", names.size(), " of its ", count, " files are there");
  }
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back(path_join(path_dir(prefix), name));
  return paths;
}

}  // namespace tarn
