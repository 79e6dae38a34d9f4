#include "runtime/wire_attrs.h"

#include <iterator>

#include "core/proto_reader.h"
#include "core/tensor_fields.h"
#include "core/utf8.h"

namespace tarn {
namespace {

// AttrValue and AttrValue.ListValue share field numbers; the list has no nested list and no placeholder.
enum ValueField : uint32_t {
  kList = 1,
  kS = 2,
  kI = 3,
  kF = 4,
  kB = 5,
  kType = 6,
  kShape = 7,
  kTensor = 8,
  kPlaceholder = 9,
  kFunc = 10
};
enum ListFunc : uint32_t { kListFunc = 9 };

Status wrong_wire_type(std::string_view what, uint32_t tag) {
  return data_loss(what, " field ", tag, " has the wrong wire type");
}

// Repeated scalars come packed or one by one; both are legal and may be mixed. They are gathered as bytes, which serves
// all types of them.
enum class Scalar { kNumber, kBool, kStrictBool };  // an attr's 2 is true; a tensor's is not what was meant

struct Scalars {
  ProtoReader::Type type = ProtoReader::kVarint;
  uint8_t bytes = 8;
  Scalar kind = Scalar::kNumber;
  std::vector<char> values = {};

  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(values.data()), values.size() / sizeof(T)};
  }
};

Status add_number(Scalars& scalars, uint64_t number) {
  if (scalars.kind != Scalar::kNumber && number > 1) {
    if (scalars.kind == Scalar::kStrictBool) return invalid_argument("bool_val ", number, " is not within 0 to 1");
    number = 1;
  }
  const char* bytes = reinterpret_cast<const char*>(&number);  // little-endian, as the machines we run on
  scalars.values.insert(scalars.values.end(), bytes, bytes + scalars.bytes);
  return {};
}

// Adds what the field that the reader is at holds.
Status read_scalars(const ProtoReader& reader, std::string_view what, Scalars& scalars) {
  std::string_view bytes = reader.bytes();
  if (reader.is_bytes() && scalars.type == ProtoReader::kVarint) {
    uint64_t number = 0;
    while (!bytes.empty()) {
      if (!ProtoReader::take_varint(bytes, number))
        return data_loss(what, " field ", reader.field(), " ends within a number");
      TARN_RETURN_IF_ERROR(add_number(scalars, number));
    }
    return {};
  }
  if (!reader.is_bytes() && reader.type() != scalars.type) return wrong_wire_type(what, reader.field());
  if (reader.is_varint()) return add_number(scalars, reader.varint());
  if (bytes.size() % scalars.bytes != 0) return data_loss(what, " field ", reader.field(), " ends within a number");
  scalars.values.insert(scalars.values.end(), bytes.begin(), bytes.end());
  return {};
}

// Protobuf's strings are UTF-8 (its bytes need not be).
Status check_text(std::string_view what, std::string_view text) {
  if (first_bad_utf8(text) == std::string_view::npos) return {};
  return invalid_argument(what, " ", quoted(text), " is not UTF-8");
}

Result<int64_t> read_dim(std::string_view message) {
  enum : uint32_t { kSize = 1, kName = 2 };
  int64_t size = 0;
  ProtoReader dim(message);
  while (dim.next()) {
    if (dim.field() == kSize && dim.is_varint()) {
      size = static_cast<int64_t>(dim.varint());
    } else if (dim.field() == kName && dim.is_bytes()) {
      TARN_RETURN_IF_ERROR(check_text("dim name", dim.bytes()));
    } else if (dim.field() <= kName) {
      return wrong_wire_type("TensorShapeProto.Dim", dim.field());
    }
  }
  TARN_RETURN_IF_ERROR(dim.status());
  return size;
}

Status read_shape_dims(std::string_view message, bool& unknown_rank, std::vector<int64_t>& dims) {
  enum : uint32_t { kDim = 2, kUnknownRank = 3 };
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == kDim && reader.is_bytes()) {
      TARN_ASSIGN_OR_RETURN(int64_t size, read_dim(reader.bytes()));
      if (dims.size() <= kMaxRank) dims.push_back(size);  // one too many is enough to refuse the shape
    } else if (reader.field() == kUnknownRank && reader.is_varint()) {
      unknown_rank = reader.varint() != 0;
    } else if (reader.field() == kDim || reader.field() == kUnknownRank) {
      return wrong_wire_type("TensorShapeProto", reader.field());
    }
  }
  return reader.status();
}

Result<Shape> decode_shape(std::string_view message) {
  bool unknown_rank = false;
  std::vector<int64_t> dims;
  TARN_RETURN_IF_ERROR(read_shape_dims(message, unknown_rank, dims));
  if (unknown_rank) {
    if (!dims.empty()) return invalid_argument("a shape of unknown rank has ", dims.size(), " dims");
    return Shape::unknown();
  }
  return Shape::make(dims);
}

Result<AttrValue> decode_attr_value(std::string_view message, const std::shared_ptr<const void>& owner,
                                    const WireLimits& limits, int depth);

Result<Tensor> decode_tensor(std::string_view message, const std::shared_ptr<const void>& owner,
                             const WireLimits& limits) {
  enum : uint32_t {
    kDType = 1,
    kTensorShape = 2,
    kVersionNumber = 3,
    kContent = 4,
    kFloatVal = 5,
    kDoubleVal = 6,
    kIntVal = 7,
    kStringVal = 8,
    kComplexVal = 9,
    kInt64Val = 10,
    kBoolVal = 11,
    kDoubleComplexVal = 12,
    kHalfVal = 13,
    kResourceVal = 14,
    kVariantVal = 15,
    kUInt32Val = 16,
    kUInt64Val = 17,
    kFloat8Val = 18
  };
  constexpr std::string_view kWhat = "TensorProto";
  enum Kind { kFloats, kDoubles, kInts, kComplexes, kInt64s, kBools, kDoubleComplexes, kHalves, kUInt32s, kUInt64s };
  struct {
    uint32_t field;
    Scalars scalars;
  } found[] = {
      {kFloatVal, {ProtoReader::kFixed32, 4}},
      {kDoubleVal, {ProtoReader::kFixed64, 8}},
      {kIntVal, {ProtoReader::kVarint, 4}},
      {kComplexVal, {ProtoReader::kFixed32, 4}},
      {kInt64Val, {ProtoReader::kVarint, 8}},
      {kBoolVal, {ProtoReader::kVarint, 1, Scalar::kStrictBool}},
      {kDoubleComplexVal, {ProtoReader::kFixed64, 8}},
      {kHalfVal, {ProtoReader::kVarint, 4}},
      {kUInt32Val, {ProtoReader::kVarint, 4}},
      {kUInt64Val, {ProtoReader::kVarint, 8}},
  };
  TensorFields fields;
  fields.content_owner = owner;
  ProtoReader reader(message);
  while (reader.next()) {
    uint32_t field = reader.field();
    bool is_number = field == kDType || field == kVersionNumber;
    bool is_bytes = field == kTensorShape || field == kContent || field == kStringVal || field == kResourceVal ||
                    field == kVariantVal || field == kFloat8Val;
    if ((is_number && !reader.is_varint()) || (is_bytes && !reader.is_bytes())) return wrong_wire_type(kWhat, field);
    switch (field) {
      case kDType: fields.dtype = reader.as_int32(); break;
      case kTensorShape: TARN_RETURN_IF_ERROR(read_shape_dims(reader.bytes(), fields.unknown_rank, fields.dims)); break;
      case kContent: fields.content = reader.bytes(); break;
      case kStringVal: fields.string_val.push_back(reader.bytes()); break;
      case kResourceVal: ++fields.resource_handle_val_count; break;
      case kVariantVal: ++fields.variant_val_count; break;
      case kFloat8Val: ++fields.float8_val_count; break;
      default:
        for (auto& one : found) {
          if (one.field == field) TARN_RETURN_IF_ERROR(read_scalars(reader, kWhat, one.scalars));
        }
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  fields.float_val = found[kFloats].scalars.as<float>();
  fields.double_val = found[kDoubles].scalars.as<double>();
  fields.int_val = found[kInts].scalars.as<int32_t>();
  fields.scomplex_val = found[kComplexes].scalars.as<float>();
  fields.int64_val = found[kInt64s].scalars.as<int64_t>();
  fields.bool_val = found[kBools].scalars.as<bool>();
  fields.dcomplex_val = found[kDoubleComplexes].scalars.as<double>();
  fields.half_val = found[kHalves].scalars.as<int32_t>();
  fields.uint32_val = found[kUInt32s].scalars.as<uint32_t>();
  fields.uint64_val = found[kUInt64s].scalars.as<uint64_t>();
  return tensor_from_fields(fields, limits.max_tensor_bytes);
}

// DT_INVALID passes: whether it may stand there is the op's business.
Result<DType> decode_dtype(int number) {
  if (number == 0) return DType::kInvalid;
  return dtype_from_number(number);
}

// NameAttrList
Result<FunctionAttr> decode_function(std::string_view message, const std::shared_ptr<const void>& owner,
                                     const WireLimits& limits, int depth) {
  enum : uint32_t { kName = 1, kAttr = 2 };
  FunctionAttr function;
  AttrMap attrs;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() <= kAttr && !reader.is_bytes()) return wrong_wire_type("NameAttrList", reader.field());
    if (reader.field() == kName) {
      function.name = reader.bytes();
      TARN_RETURN_IF_ERROR(check_text("function name", function.name));
    } else if (reader.field() == kAttr) {
      std::string_view key;
      Result<AttrValue> value = decode_attr_entry(reader.bytes(), owner, limits, depth, key);
      if (!value.ok()) return value.status().with_context(str_cat("attr ", quoted(key)));
      attrs.set(key, *std::move(value));
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  if (!attrs.empty()) function.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  return function;
}

// A list's elements; more than one kind in one list is refused, none at all is an EmptyList.
Result<AttrValue> decode_list(std::string_view message, const std::shared_ptr<const void>& owner,
                              const WireLimits& limits, int depth) {
  constexpr std::string_view kWhat = "list";
  std::vector<std::string> strings;
  Scalars ints, floats{ProtoReader::kFixed32, 4}, bools{ProtoReader::kVarint, 1, Scalar::kBool},
      types{ProtoReader::kVarint, 4};
  std::vector<Shape> shapes;
  std::vector<Tensor> tensors;
  std::vector<FunctionAttr> functions;
  ProtoReader reader(message);
  while (reader.next()) {
    uint32_t field = reader.field();
    bool wants_bytes = field == kS || field == kShape || field == kTensor || field == kListFunc;
    if (wants_bytes && !reader.is_bytes()) return wrong_wire_type(kWhat, field);
    switch (field) {
      case kS: strings.emplace_back(reader.bytes()); break;
      case kI:
      case kF:
      case kB:
      case kType: {
        Scalars& scalars = field == kI ? ints : field == kF ? floats : field == kB ? bools : types;
        TARN_RETURN_IF_ERROR(read_scalars(reader, kWhat, scalars));
        break;
      }
      case kShape: {
        TARN_ASSIGN_OR_RETURN(Shape shape, decode_shape(reader.bytes()));
        shapes.push_back(std::move(shape));
        break;
      }
      case kTensor: {
        TARN_ASSIGN_OR_RETURN(Tensor tensor, decode_tensor(reader.bytes(), owner, limits));
        tensors.push_back(std::move(tensor));
        break;
      }
      case kListFunc: {
        TARN_ASSIGN_OR_RETURN(FunctionAttr function, decode_function(reader.bytes(), owner, limits, depth + 1));
        functions.push_back(std::move(function));
        break;
      }
      default: break;
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  std::span all_ints = ints.as<int64_t>();
  std::span all_floats = floats.as<float>();
  std::span all_bools = bools.as<char>();
  std::span all_types = types.as<int32_t>();
  int kinds = !strings.empty() + !all_ints.empty() + !all_floats.empty() + !all_bools.empty() + !all_types.empty() +
              !shapes.empty() + !tensors.empty() + !functions.empty();
  if (kinds > 1) return invalid_argument("the list has elements of ", kinds, " kinds");
  if (!strings.empty()) return AttrValue(std::move(strings));
  if (!all_ints.empty()) return AttrValue(std::vector<int64_t>(all_ints.begin(), all_ints.end()));
  if (!all_floats.empty()) return AttrValue(std::vector<float>(all_floats.begin(), all_floats.end()));
  if (!all_bools.empty()) return AttrValue(std::vector<bool>(all_bools.begin(), all_bools.end()));
  if (!all_types.empty()) {
    std::vector<DType> dtypes;
    for (int32_t type : all_types) {
      TARN_ASSIGN_OR_RETURN(DType dtype, decode_dtype(type));
      dtypes.push_back(dtype);
    }
    return AttrValue(std::move(dtypes));
  }
  if (!shapes.empty()) return AttrValue(std::move(shapes));
  if (!tensors.empty()) return AttrValue(std::move(tensors));
  if (!functions.empty()) return AttrValue(std::move(functions));
  return AttrValue(AttrValue::EmptyList());
}

Result<AttrValue> decode_attr_value(std::string_view message, const std::shared_ptr<const void>& owner,
                                    const WireLimits& limits, int depth) {
  if (depth > limits.max_attr_depth)
    return resource_exhausted("attrs are nested more than ", limits.max_attr_depth, " deep");
  AttrValue result;  // of an empty message: a value of no kind, which no op takes
  ProtoReader reader(message);
  while (reader.next()) {  // the last member of the oneof counts
    uint32_t field = reader.field();
    bool right = field == kI || field == kB || field == kType ? reader.is_varint()
                 : field == kF                                ? reader.is_fixed32()
                 : field >= kList && field <= kFunc           ? reader.is_bytes()
                                                              : true;
    if (!right) return wrong_wire_type("AttrValue", field);
    switch (field) {
      case kList: {
        TARN_ASSIGN_OR_RETURN(result, decode_list(reader.bytes(), owner, limits, depth));
        break;
      }
      case kS: result = AttrValue(reader.bytes()); break;
      case kI: result = AttrValue(static_cast<int64_t>(reader.varint())); break;
      case kF: result = AttrValue(reader.as_float()); break;
      case kB: result = AttrValue(reader.varint() != 0); break;
      case kType: {
        TARN_ASSIGN_OR_RETURN(DType dtype, decode_dtype(reader.as_int32()));
        result = AttrValue(dtype);
        break;
      }
      case kShape: {
        TARN_ASSIGN_OR_RETURN(Shape shape, decode_shape(reader.bytes()));
        result = AttrValue(std::move(shape));
        break;
      }
      case kTensor: {
        TARN_ASSIGN_OR_RETURN(Tensor tensor, decode_tensor(reader.bytes(), owner, limits));
        result = AttrValue(std::move(tensor));
        break;
      }
      case kPlaceholder: {
        std::string name(reader.bytes());
        TARN_RETURN_IF_ERROR(check_text("placeholder", name));
        result = AttrValue(AttrValue::Placeholder{std::move(name)});
        break;
      }
      case kFunc: {
        TARN_ASSIGN_OR_RETURN(FunctionAttr function, decode_function(reader.bytes(), owner, limits, depth + 1));
        result = AttrValue(std::move(function));
        break;
      }
      default: break;
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return result;
}

}  // namespace

Result<AttrValue> decode_attr_entry(std::string_view entry, const std::shared_ptr<const void>& owner,
                                    const WireLimits& limits, int depth, std::string_view& key) {
  enum : uint32_t { kKey = 1, kValue = 2 };
  std::string_view value;
  ProtoReader reader(entry);
  while (reader.next()) {
    if (reader.field() <= kValue && !reader.is_bytes()) return wrong_wire_type("attr entry", reader.field());
    if (reader.field() == kKey) {
      key = reader.bytes();
      TARN_RETURN_IF_ERROR(check_text("attr name", key));
    } else if (reader.field() == kValue) {
      value = reader.bytes();
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return decode_attr_value(value, owner, limits, depth);
}

}  // namespace tarn
