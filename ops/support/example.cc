#include "ops/support/example.h"

#include <cstring>
#include <map>

#include "core/proto_reader.h"

namespace tarn {
namespace {

// One long example makes every row of a batch as long: so much, and no more, may be made of it.
constexpr int64_t kMostDenseBytes = int64_t{4} << 30;

// A Feature: one of three lists, or nothing.
struct Feature {
  DType dtype = DType::kInvalid;
  std::vector<std::string_view> strings;
  std::vector<float> floats;
  std::vector<int64_t> ints;

  int64_t size() const {
    switch (dtype) {
      case DType::kString: return static_cast<int64_t>(strings.size());
      case DType::kFloat: return static_cast<int64_t>(floats.size());
      case DType::kInt64: return static_cast<int64_t>(ints.size());
      default: return 0;
    }
  }
};

// The fields of TensorFlow's messages.
enum ExampleField : uint32_t { kFeatures = 1 };                                   // Example
enum FeaturesField : uint32_t { kFeature = 1 };                                   // Features
enum EntryField : uint32_t { kKey = 1, kValue = 2 };                              // an entry of the map
enum FeatureField : uint32_t { kBytesList = 1, kFloatList = 2, kInt64List = 3 };  // Feature; each list has `value` = 1

bool read_list(std::string_view bytes, Feature& feature) {
  ProtoReader list(bytes);
  while (list.next()) {
    if (list.field() != 1) continue;
    if (feature.dtype == DType::kString && list.is_bytes()) {
      feature.strings.push_back(list.bytes());
    } else if (feature.dtype == DType::kFloat && list.is_fixed32()) {
      feature.floats.push_back(list.as_float());
    } else if (feature.dtype == DType::kFloat && list.is_bytes()) {  // packed
      if (list.bytes().size() % sizeof(float) != 0) return false;
      size_t at = feature.floats.size(), count = list.bytes().size() / sizeof(float);
      feature.floats.resize(at + count);
      if (count > 0) std::memcpy(feature.floats.data() + at, list.bytes().data(), list.bytes().size());
    } else if (feature.dtype == DType::kInt64 && list.is_varint()) {
      feature.ints.push_back(static_cast<int64_t>(list.varint()));
    } else if (feature.dtype == DType::kInt64 && list.is_bytes()) {
      std::string_view packed = list.bytes();
      uint64_t value = 0;
      while (!packed.empty()) {
        if (!ProtoReader::take_varint(packed, value)) return false;
        feature.ints.push_back(static_cast<int64_t>(value));
      }
    } else {
      return false;
    }
  }
  return list.ok();
}

bool read_feature(std::string_view bytes, Feature& feature) {
  ProtoReader reader(bytes);
  while (reader.next()) {
    if (!reader.is_bytes()) continue;
    constexpr DType kTypes[] = {DType::kInvalid, DType::kString, DType::kFloat, DType::kInt64};
    if (reader.field() < kBytesList || reader.field() > kInt64List) continue;
    DType dtype = kTypes[reader.field()];
    if (feature.dtype != dtype) feature = {};  // of a oneof the last one counts
    feature.dtype = dtype;
    if (!read_list(reader.bytes(), feature)) return false;
  }
  return reader.ok();
}

// Where the features are that somebody asks for; those of the same name: the last.
bool find_features(std::string_view bytes, std::map<std::string_view, std::string_view>& wanted) {
  ProtoReader example(bytes);
  while (example.next()) {
    if (example.field() != kFeatures || !example.is_bytes()) continue;
    ProtoReader features(example.bytes());
    while (features.next()) {
      if (features.field() != kFeature || !features.is_bytes()) continue;
      std::string_view key, value;
      ProtoReader entry(features.bytes());
      while (entry.next()) {
        if (entry.field() == kKey && entry.is_bytes()) key = entry.bytes();
        if (entry.field() == kValue && entry.is_bytes()) value = entry.bytes();
      }
      if (!entry.ok()) return false;
      if (auto at = wanted.find(key); at != wanted.end()) at->second = value;
    }
    if (!features.ok()) return false;
  }
  return example.ok();
}

void store(const Feature& feature, Tensor& to, int64_t at) {
  auto place = static_cast<std::ptrdiff_t>(at);
  if (feature.dtype == DType::kFloat) {
    std::copy(feature.floats.begin(), feature.floats.end(), to.mutable_flat<float>().begin() + place);
  } else if (feature.dtype == DType::kInt64) {
    std::copy(feature.ints.begin(), feature.ints.end(), to.mutable_flat<int64_t>().begin() + place);
  } else if (feature.dtype == DType::kString) {
    std::copy(feature.strings.begin(), feature.strings.end(), to.mutable_flat<std::string>().begin() + place);
  }
}

// Elements `from` of a view to `to` of a tensor of the same dtype.
void copy_element(const TensorView& view, int64_t from, Tensor& to, int64_t at) {
  if (view.dtype == DType::kString) {
    to.mutable_flat<std::string>()[static_cast<size_t>(at)] = view.as<std::string>()[from];
    return;
  }
  size_t size = dtype_size(view.dtype);
  std::memcpy(static_cast<char*>(to.mutable_data()) + static_cast<size_t>(at) * size,
              static_cast<const char*>(view.data) + static_cast<size_t>(from) * size, size);
}

class ExampleBatch {
 public:
  ExampleBatch(const ExampleSpec& spec, std::span<const std::string> serialized, std::span<const std::string> names)
      : spec_(spec), serialized_(serialized), names_(names) {}

  Status read() {
    std::map<std::string_view, std::string_view> wanted;
    for (const ExampleSpec::Dense& dense : spec_.dense) wanted[dense.key] = {};
    for (const ExampleSpec::Sparse& sparse : spec_.sparse) wanted[sparse.key] = {};
    dense_.resize(spec_.dense.size());
    sparse_.resize(spec_.sparse.size());
    for (size_t row = 0; row < serialized_.size(); ++row) {
      for (auto& [key, value] : wanted) value = {};
      if (!find_features(serialized_[row], wanted)) {
        return invalid_argument("Could not parse example input, value: ", quoted(serialized_[row]),
                                ", name: ", name_of(row));
      }
      for (size_t i = 0; i < spec_.dense.size(); ++i) {
        TARN_RETURN_IF_ERROR(read_one(wanted[spec_.dense[i].key], spec_.dense[i].key, spec_.dense[i].dtype, row,
                                      dense_[i].emplace_back()));
      }
      for (size_t i = 0; i < spec_.sparse.size(); ++i) {
        TARN_RETURN_IF_ERROR(read_one(wanted[spec_.sparse[i].key], spec_.sparse[i].key, spec_.sparse[i].dtype, row,
                                      sparse_[i].emplace_back()));
      }
    }
    return {};
  }

  Result<Tensor> dense(size_t i, bool is_single) const {
    const ExampleSpec::Dense& dense = spec_.dense[i];
    int64_t stride = 1;  // elements of a step along an unknown first dim; of a whole example else
    for (int d = dense.is_variable() ? 1 : 0; d < dense.shape.rank(); ++d) {
      TARN_ASSIGN_OR_RETURN(stride, checked_multiply(stride, dense.shape.dim(d)));
    }
    int64_t longest = dense.is_variable() ? 0 : 1;
    for (size_t row = 0; row < dense_[i].size(); ++row) {
      TARN_ASSIGN_OR_RETURN(int64_t steps, steps_of(i, row, stride));
      if (dense.is_variable()) longest = std::max(longest, steps);
    }
    Shape shape;
    if (!is_single) shape.add_dim(static_cast<int64_t>(serialized_.size()));
    for (int d = 0; d < dense.shape.rank(); ++d) {
      shape.add_dim(d == 0 && dense.is_variable() ? longest : dense.shape.dim(d));
    }
    TARN_ASSIGN_OR_RETURN(int64_t elements, shape.element_count());
    auto element_bytes =
        static_cast<int64_t>(dense.dtype == DType::kString ? sizeof(std::string) : dtype_size(dense.dtype));
    if (dense.is_variable() && elements > kMostDenseBytes / element_bytes) {
      return resource_exhausted("Key: ", printable(dense.key), ".  ", serialized_.size(),
                                " examples as long as the longest, of shape ", shape.to_string(), ", take more than ",
                                kMostDenseBytes, " bytes");
    }
    TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(dense.dtype, shape));
    int64_t per_row = longest * stride;
    for (size_t row = 0; row < dense_[i].size(); ++row) {
      const Feature& feature = dense_[i][row];
      int64_t at = static_cast<int64_t>(row) * per_row, count = feature.size();
      bool is_missing = feature.dtype == DType::kInvalid;
      if (!is_missing) store(feature, tensor, at);
      for (int64_t k = is_missing ? 0 : count; k < per_row && dense.fallback.count > 0; ++k) {
        copy_element(dense.fallback, dense.is_variable() ? 0 : k, tensor, at + k);
      }
    }
    return tensor;
  }

  Status sparse(size_t i, bool is_single, ParsedExamples& to) const {
    int64_t count = 0, longest = 0, rows = static_cast<int64_t>(serialized_.size());
    for (const Feature& feature : sparse_[i]) {
      count += feature.size();
      longest = std::max(longest, feature.size());
    }
    TARN_ASSIGN_OR_RETURN(Tensor values, Tensor::zeros(spec_.sparse[i].dtype, Shape{count}));
    TARN_ASSIGN_OR_RETURN(Tensor indices, Tensor::zeros(DType::kInt64, Shape{count, is_single ? 1 : 2}));
    int64_t at = 0;
    int64_t* index = static_cast<int64_t*>(indices.mutable_data());
    for (int64_t row = 0; row < rows; ++row) {
      const Feature& feature = sparse_[i][static_cast<size_t>(row)];
      store(feature, values, at);
      at += feature.size();
      for (int64_t k = 0; k < feature.size(); ++k) {
        if (!is_single) *index++ = row;
        *index++ = k;
      }
    }
    to.sparse_indices.push_back(std::move(indices));
    to.sparse_values.push_back(std::move(values));
    to.sparse_shapes.push_back(is_single ? Tensor::from<int64_t>({1}, {longest})
                                         : Tensor::from<int64_t>({2}, {rows, longest}));
    return {};
  }

 private:
  std::string name_of(size_t row) const { return row < names_.size() ? quoted(names_[row]) : std::string("<unknown>"); }

  Status read_one(std::string_view bytes, std::string_view key, DType dtype, size_t row, Feature& feature) const {
    if (!read_feature(bytes, feature)) {
      return invalid_argument("Name: ", name_of(row), ", Key: ", printable(key), ", Index: ", row,
                              ".  Can't parse serialized Example.");
    }
    if (feature.dtype == DType::kInvalid || feature.dtype == dtype) return {};
    return invalid_argument("Name: ", name_of(row), ", Key: ", printable(key), ", Index: ", row,
                            ".  Data types don't match. Expected type: ", dtype_name(dtype), ", found ",
                            dtype_name(feature.dtype));
  }

  // Of a feature of variable length; of another, 1 if it fits.
  Result<int64_t> steps_of(size_t i, size_t row, int64_t stride) const {
    const ExampleSpec::Dense& dense = spec_.dense[i];
    const Feature& feature = dense_[i][row];
    if (feature.dtype == DType::kInvalid) {
      if (dense.is_variable()) return 0;
      if (dense.fallback.count > 0 || stride == 0) return 1;
      return invalid_argument("Name: ", name_of(row), ", Feature: ", printable(dense.key),
                              " (data type: ", dtype_name(dense.dtype), ") is required but could not be found.");
    }
    int64_t count = feature.size();
    if (dense.is_variable() ? stride > 0 && count % stride == 0 : count == stride) {
      return dense.is_variable() ? count / stride : 1;
    }
    return invalid_argument("Name: ", name_of(row), ", Key: ", printable(dense.key), ", Index: ", row, ".  Number of ",
                            dtype_name(dense.dtype), " values != expected.  Values size: ", count,
                            " but output shape: ", dense.shape.to_string());
  }

  const ExampleSpec& spec_;
  std::span<const std::string> serialized_, names_;
  std::vector<std::vector<Feature>> dense_, sparse_;  // by feature, then example
};

bool is_feature_type(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kInt64 || dtype == DType::kString;
}

}  // namespace

Status judge_example_attrs(std::span<const DType> dense_types, std::span<const Shape> dense_shapes,
                           std::span<const DType> sparse_types) {
  if (dense_types.size() != dense_shapes.size()) {
    return invalid_argument("attr 'dense_shapes' has ", dense_shapes.size(), " shapes for ", dense_types.size(),
                            " dense features");
  }
  for (std::span<const DType> types : {dense_types, sparse_types}) {
    for (DType dtype : types) {
      if (!is_feature_type(dtype))
        return invalid_argument("features are float, int64 or string, not ", dtype_name(dtype));
    }
  }
  for (const Shape& shape : dense_shapes) {
    if (!shape.has_rank()) return invalid_argument("dense_shapes must have a rank: ", shape.to_string());
    for (int d = 1; d < shape.rank(); ++d) {
      if (shape.dim(d) == kUnknownDim) {
        return invalid_argument("of dense_shapes only the first dim may be unknown: ", shape.to_string());
      }
    }
  }
  return {};
}

Status judge_fallback(const ExampleSpec::Dense& dense) {
  const TensorView& fallback = dense.fallback;
  if (fallback.dtype != dense.dtype) {
    return invalid_argument("the default of ", quoted(dense.key), " is ", dtype_name(fallback.dtype), ", not ",
                            dtype_name(dense.dtype));
  }
  if (fallback.count == 0) return {};
  if (dense.is_variable() ? fallback.count == 1 : *fallback.shape == dense.shape) return {};
  return invalid_argument("the default of ", quoted(dense.key), " must have ",
                          dense.is_variable() ? "one element" : "the feature's shape", ": the shapes are ",
                          fallback.shape->to_string(), " and ", dense.shape.to_string());
}

Result<ParsedExamples> parse_examples(const ExampleSpec& spec, std::span<const std::string> serialized,
                                      std::span<const std::string> names, bool is_single) {
  ExampleBatch batch(spec, serialized, names);
  TARN_RETURN_IF_ERROR(batch.read());
  ParsedExamples parsed;
  for (size_t i = 0; i < spec.dense.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(Tensor dense, batch.dense(i, is_single));
    parsed.dense.push_back(std::move(dense));
  }
  for (size_t i = 0; i < spec.sparse.size(); ++i) TARN_RETURN_IF_ERROR(batch.sparse(i, is_single, parsed));
  return parsed;
}

}  // namespace tarn
