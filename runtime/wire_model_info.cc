// Decodes ModelInfo without libprotobuf.
#include <cstring>

#include "core/proto_reader.h"
#include "runtime/model_info.h"

namespace tarn {
namespace {

// Field numbers of ModelInfo, SelfTest, its Input and Output, TensorShapeProto. Those of Metadata are
// metadata_fields()'.
enum InfoField : uint32_t { kSelfTest = 1, kMetadata = 2, kTuning = 3 };
enum MetadataTensorsField : uint32_t { kInputs = 6, kOutputs = 7 };
enum TestField : uint32_t { kInput = 1, kOutput = 2, kTolerance = 3, kConstantsCrc32c = 4 };
enum TensorField : uint32_t { kName = 1, kDType = 2, kShape = 3, kSeedOrStep = 4, kValues = 5, kRange = 6 };
enum ShapeField : uint32_t { kDim = 2 };
enum DimField : uint32_t { kSize = 1 };

Status damage_of(const ProtoReader& reader) {
  return reader.ok() ? Status() : data_loss("damaged: ", reader.problem());
}

Result<Shape> read_shape(std::string_view message) {
  std::vector<int64_t> dims;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() != kDim || !reader.is_bytes()) continue;
    int64_t size = 0;
    ProtoReader dim(reader.bytes());
    while (dim.next()) {
      if (dim.field() == kSize && dim.is_varint()) size = static_cast<int64_t>(dim.varint());
    }
    TARN_RETURN_IF_ERROR(damage_of(dim));
    if (size < 0) return data_loss("a dimension of ", size);
    dims.push_back(size);
  }
  TARN_RETURN_IF_ERROR(damage_of(reader));
  return Shape::make(dims);
}

// What inputs and outputs share; `read_other` takes the other fields.
template <class T, class ReadOther>
Status read_tensor(std::string_view message, T& tensor, const ReadOther& read_other) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == kName && reader.is_bytes()) {
      tensor.name = reader.bytes();
    } else if (reader.field() == kDType && reader.is_varint()) {
      int32_t number = reader.as_int32();
      tensor.dtype = dtype_is_known(number) ? static_cast<DType>(number) : DType::kInvalid;
    } else if (reader.field() == kShape && reader.is_bytes()) {
      TARN_ASSIGN_OR_RETURN(tensor.shape, read_shape(reader.bytes()));
    } else {
      read_other(reader);
    }
  }
  TARN_RETURN_IF_ERROR(damage_of(reader));
  if (tensor.dtype == DType::kInvalid) return data_loss(in_quotes(tensor.name), " has no dtype known here");
  return {};
}

Result<SelfTest> read_self_test(std::string_view message) {
  SelfTest test;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == kInput && reader.is_bytes()) {
      SelfTest::Input& input = test.inputs.emplace_back();
      TARN_RETURN_IF_ERROR(read_tensor(reader.bytes(), input, [&](const ProtoReader& field) {
        if (field.field() == kSeedOrStep && field.is_varint()) input.seed = field.varint();
      }));
    } else if (reader.field() == kOutput && reader.is_bytes()) {
      SelfTest::Output& output = test.outputs.emplace_back();
      TARN_RETURN_IF_ERROR(read_tensor(reader.bytes(), output, [&](const ProtoReader& field) {
        if (field.field() == kSeedOrStep && field.is_varint()) {
          output.step = static_cast<int64_t>(field.varint());
        } else if (field.field() == kValues && field.is_bytes()) {
          output.values = field.bytes();
        } else if (field.field() == kRange && field.is_fixed64()) {
          output.range = field.as_double();
        }
      }));
      if (output.step < 1) return data_loss(in_quotes(output.name), " has a step of ", output.step);
    } else if (reader.field() == kTolerance && reader.is_fixed64()) {
      test.tolerance = reader.as_double();
    } else if (reader.field() == kConstantsCrc32c && reader.is_fixed32()) {
      test.constants_crc32c = reader.as_fixed32();
    }
  }
  TARN_RETURN_IF_ERROR(damage_of(reader));
  return test;
}

// Each takes a byte or two of the file and hundreds of memory.
constexpr size_t kMostTensors = 10'000, kMostLines = 1'000'000;

// Takes the field that the reader is at, if it is one of these and of its type.
Status read_field(const ProtoReader& reader, const std::vector<MetadataField>& fields) {
  for (const MetadataField& field : fields) {
    if (field.number != reader.field()) continue;
    if (field.text != nullptr && reader.is_bytes()) {
      *field.text = reader.bytes();
    } else if (field.lines != nullptr && reader.is_bytes()) {
      if (field.lines->size() == kMostLines) return data_loss(field.name, ": more than ", kMostLines);
      field.lines->emplace_back(reader.bytes());
    } else if (field.numbers != nullptr && (reader.is_bytes() || reader.is_fixed64())) {
      std::string_view bytes = reader.bytes();  // one, or many packed
      size_t before = field.numbers->size(), count = bytes.size() / sizeof(double);
      if (count * sizeof(double) != bytes.size()) return data_loss("damaged: ", field.name, " ends within a number");
      field.numbers->resize(before + count);
      if (count > 0) std::memcpy(field.numbers->data() + before, bytes.data(), bytes.size());
    } else if (field.count != nullptr && reader.is_varint()) {
      *field.count = static_cast<uint32_t>(reader.varint());
    }
    return {};
  }
  return {};
}

template <class Record>
Status read_record(std::string_view message, std::vector<Record>& records) {
  if (records.size() == kMostTensors) return data_loss("more than ", kMostTensors, " inputs or outputs");
  std::vector<MetadataField> fields = metadata_fields(records.emplace_back());
  ProtoReader reader(message);
  while (reader.next()) TARN_RETURN_IF_ERROR(read_field(reader, fields));
  return damage_of(reader);
}

Result<Metadata> read_metadata(std::string_view message) {
  Metadata metadata;
  std::vector<MetadataField> fields = metadata_fields(metadata);
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == kInputs && reader.is_bytes()) {
      TARN_RETURN_IF_ERROR(read_record(reader.bytes(), metadata.inputs));
    } else if (reader.field() == kOutputs && reader.is_bytes()) {
      TARN_RETURN_IF_ERROR(read_record(reader.bytes(), metadata.outputs));
    } else {
      TARN_RETURN_IF_ERROR(read_field(reader, fields));
    }
  }
  TARN_RETURN_IF_ERROR(damage_of(reader));
  Status status = check_metadata(metadata);
  if (!status.ok()) return data_loss(status.message());
  return metadata;
}

Result<ModelInfo> read_model_info(std::string_view bytes) {
  ModelInfo info;
  ProtoReader reader(bytes);
  while (reader.next()) {
    if (reader.field() == kSelfTest && reader.is_bytes()) {
      TARN_ASSIGN_OR_RETURN(info.self_test, read_self_test(reader.bytes()));
    } else if (reader.field() == kMetadata && reader.is_bytes()) {
      TARN_ASSIGN_OR_RETURN(info.metadata, read_metadata(reader.bytes()));
    } else if (reader.field() == kTuning && reader.is_bytes()) {
      TARN_ASSIGN_OR_RETURN(Tuning tuning, read_tuning(reader.bytes()));
      info.tunings.push_back(std::move(tuning));
    }
  }
  TARN_RETURN_IF_ERROR(damage_of(reader));
  return info;
}

}  // namespace

Result<ModelInfo> parse_model_info(std::string_view bytes) {
  Result<ModelInfo> info = read_model_info(bytes);
  if (!info.ok()) return info.status().with_context("what is stored with the model (model_info)");
  return info;
}

}  // namespace tarn
