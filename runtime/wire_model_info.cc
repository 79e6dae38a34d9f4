// Decodes ModelInfo without libprotobuf.
#include <protozero/pbf_reader.hpp>

#include "runtime/model_info.h"
#include "runtime/wire_attrs.h"

namespace tarn {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Field numbers of ModelInfo, SelfTest, its Input and Output, TensorShapeProto. Those of Metadata are
// metadata_fields()'.
enum InfoField : uint32_t { kSelfTest = 1, kMetadata = 2 };
enum MetadataTensorsField : uint32_t { kInputs = 6, kOutputs = 7 };
enum TestField : uint32_t { kInput = 1, kOutput = 2, kTolerance = 3, kConstantsCrc32c = 4 };
enum TensorField : uint32_t { kName = 1, kDType = 2, kShape = 3, kSeedOrStep = 4, kValues = 5, kRange = 6 };
enum ShapeField : uint32_t { kDim = 2 };
enum DimField : uint32_t { kSize = 1 };

bool is_bytes(const pbf_reader& reader) {
  return reader.wire_type() == pbf_wire_type::length_delimited;
}
bool is_number(const pbf_reader& reader) {
  return reader.wire_type() == pbf_wire_type::varint;
}

std::string text_of(pbf_reader& reader) {
  protozero::data_view bytes = reader.get_view();
  return {bytes.data(), bytes.size()};
}

Result<Shape> read_shape(pbf_reader reader) {
  std::vector<int64_t> dims;
  while (next_field(reader)) {
    if (reader.tag() != kDim || !is_bytes(reader)) {
      reader.skip();
      continue;
    }
    int64_t size = 0;
    pbf_reader dim = reader.get_message();
    while (next_field(dim)) {
      if (dim.tag() == kSize && is_number(dim)) {
        size = dim.get_int64();
      } else {
        dim.skip();
      }
    }
    if (size < 0) return data_loss("a dimension of ", size);
    dims.push_back(size);
  }
  return Shape::make(dims);
}

// What inputs and outputs share; `read_other` takes the other fields, or says that it does not.
template <class T, class ReadOther>
Status read_tensor(pbf_reader reader, T& tensor, const ReadOther& read_other) {
  while (next_field(reader)) {
    if (reader.tag() == kName && is_bytes(reader)) {
      tensor.name = text_of(reader);
    } else if (reader.tag() == kDType && is_number(reader)) {
      int32_t number = reader.get_int32();
      tensor.dtype = dtype_is_known(number) ? static_cast<DType>(number) : DType::kInvalid;
    } else if (reader.tag() == kShape && is_bytes(reader)) {
      TARN_ASSIGN_OR_RETURN(tensor.shape, read_shape(reader.get_message()));
    } else if (!read_other(reader)) {
      reader.skip();
    }
  }
  if (tensor.dtype == DType::kInvalid) return data_loss(quoted(tensor.name), " has no dtype known here");
  return {};
}

Result<SelfTest> read_self_test(pbf_reader reader) {
  SelfTest test;
  while (next_field(reader)) {
    if (reader.tag() == kInput && is_bytes(reader)) {
      SelfTest::Input& input = test.inputs.emplace_back();
      TARN_RETURN_IF_ERROR(read_tensor(reader.get_message(), input, [&](pbf_reader& field) {
        if (field.tag() != kSeedOrStep || !is_number(field)) return false;
        input.seed = field.get_uint64();
        return true;
      }));
    } else if (reader.tag() == kOutput && is_bytes(reader)) {
      SelfTest::Output& output = test.outputs.emplace_back();
      TARN_RETURN_IF_ERROR(read_tensor(reader.get_message(), output, [&](pbf_reader& field) {
        if (field.tag() == kSeedOrStep && is_number(field)) {
          output.step = field.get_int64();
        } else if (field.tag() == kValues && is_bytes(field)) {
          output.values = text_of(field);
        } else if (field.tag() == kRange && field.wire_type() == pbf_wire_type::fixed64) {
          output.range = field.get_double();
        } else {
          return false;
        }
        return true;
      }));
      if (output.step < 1) return data_loss(quoted(output.name), " has a step of ", output.step);
    } else if (reader.tag() == kTolerance && reader.wire_type() == pbf_wire_type::fixed64) {
      test.tolerance = reader.get_double();
    } else if (reader.tag() == kConstantsCrc32c && reader.wire_type() == pbf_wire_type::fixed32) {
      test.constants_crc32c = reader.get_fixed32();
    } else {
      reader.skip();
    }
  }
  return test;
}

// Each takes a byte or two of the file and hundreds of memory.
constexpr size_t kMostTensors = 10'000, kMostLines = 1'000'000;

// Takes the field that the reader is at, if it is one of these and of its type.
Result<bool> read_field(pbf_reader& reader, const std::vector<MetadataField>& fields) {
  for (const MetadataField& field : fields) {
    if (field.number != reader.tag()) continue;
    if (field.text != nullptr && is_bytes(reader)) {
      *field.text = text_of(reader);
    } else if (field.lines != nullptr && is_bytes(reader)) {
      if (field.lines->size() == kMostLines) return data_loss(field.name, ": more than ", kMostLines);
      field.lines->push_back(text_of(reader));
    } else if (field.numbers != nullptr && is_bytes(reader)) {
      for (double number : reader.get_packed_double()) field.numbers->push_back(number);
    } else if (field.numbers != nullptr && reader.wire_type() == pbf_wire_type::fixed64) {
      field.numbers->push_back(reader.get_double());
    } else if (field.count != nullptr && is_number(reader)) {
      *field.count = reader.get_uint32();
    } else {
      return false;
    }
    return true;
  }
  return false;
}

template <class Record>
Status read_record(pbf_reader reader, std::vector<Record>& records) {
  if (records.size() == kMostTensors) return data_loss("more than ", kMostTensors, " inputs or outputs");
  std::vector<MetadataField> fields = metadata_fields(records.emplace_back());
  while (next_field(reader)) {
    TARN_ASSIGN_OR_RETURN(bool is_read, read_field(reader, fields));
    if (!is_read) reader.skip();
  }
  return {};
}

Result<Metadata> read_metadata(pbf_reader reader) {
  Metadata metadata;
  std::vector<MetadataField> fields = metadata_fields(metadata);
  while (next_field(reader)) {
    if (reader.tag() == kInputs && is_bytes(reader)) {
      TARN_RETURN_IF_ERROR(read_record(reader.get_message(), metadata.inputs));
    } else if (reader.tag() == kOutputs && is_bytes(reader)) {
      TARN_RETURN_IF_ERROR(read_record(reader.get_message(), metadata.outputs));
    } else {
      TARN_ASSIGN_OR_RETURN(bool is_read, read_field(reader, fields));
      if (!is_read) reader.skip();
    }
  }
  Status status = check_metadata(metadata);
  if (!status.ok()) return data_loss(status.message());
  return metadata;
}

Result<ModelInfo> read_model_info(std::string_view bytes) {
  ModelInfo info;
  try {
    pbf_reader reader(bytes.data(), bytes.size());
    while (next_field(reader)) {
      if (reader.tag() == kSelfTest && is_bytes(reader)) {
        TARN_ASSIGN_OR_RETURN(info.self_test, read_self_test(reader.get_message()));
      } else if (reader.tag() == kMetadata && is_bytes(reader)) {
        TARN_ASSIGN_OR_RETURN(info.metadata, read_metadata(reader.get_message()));
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception& error) {
    return data_loss("damaged: ", error.what());
  }
  return info;
}

}  // namespace

Result<ModelInfo> parse_model_info(std::string_view bytes) {
  Result<ModelInfo> info = read_model_info(bytes);
  if (!info.ok()) return info.status().with_context("what is stored with the model (model_info)");
  return info;
}

}  // namespace tarn
