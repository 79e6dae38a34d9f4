#include "runtime/wire_attrs.h"

#include <bit>

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
  return invalid_argument(what, " ", in_quotes(text), " is not UTF-8");
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

// How the numbers of a TensorProto's field are stored; those of kinds without numbers have 0 bytes.
Scalars stored_as(TensorField field) {
  switch (field) {
    case TensorField::kFloat:
    case TensorField::kComplex: return {ProtoReader::kFixed32, 4};
    case TensorField::kDouble:
    case TensorField::kDoubleComplex: return {ProtoReader::kFixed64, 8};
    case TensorField::kInt:
    case TensorField::kHalf:
    case TensorField::kUInt32: return {ProtoReader::kVarint, 4};
    case TensorField::kInt64:
    case TensorField::kUInt64: return {ProtoReader::kVarint, 8};
    case TensorField::kBool: return {ProtoReader::kVarint, 1, Scalar::kStrictBool};
    default: return {ProtoReader::kBytes, 0};
  }
}

// An attr's value, and what is in it.
class Decoder {
 public:
  Decoder(const std::shared_ptr<const void>& owner, const WireLimits& limits) : owner_(owner), limits_(limits) {}

  Status entry(std::string_view message, std::string_view& key, AttrValue& result);

 private:
  Status value(std::string_view message, AttrValue& result);
  Status list(std::string_view message, AttrValue& result);
  Status member(uint32_t field, const ProtoReader& reader, AttrValue& result);
  Status function(std::string_view message, AttrValue& result);
  Result<Tensor> tensor(std::string_view message) const;

  const std::shared_ptr<const void>& owner_;
  const WireLimits& limits_;
  int depth_ = 0;
};

Result<Tensor> Decoder::tensor(std::string_view message) const {
  enum : uint32_t { kDType = 1, kTensorShape = 2, kVersionNumber = 3, kContent = 4 };
  constexpr std::string_view kWhat = "TensorProto";
  TensorFields fields;
  fields.content_owner = owner_;
  // Of one field: a tensor with values in two is refused for that.
  Scalars scalars;
  ProtoReader reader(message);
  while (reader.next()) {
    uint32_t tag = reader.field();
    bool is_number = tag == kDType || tag == kVersionNumber;
    bool is_bytes = tag == kTensorShape || tag == kContent;
    if ((is_number && !reader.is_varint()) || (is_bytes && !reader.is_bytes())) return wrong_wire_type(kWhat, tag);
    if (tag == kDType) fields.dtype = reader.as_int32();
    if (tag == kTensorShape) TARN_RETURN_IF_ERROR(read_shape_dims(reader.bytes(), fields.unknown_rank, fields.dims));
    if (tag == kContent) fields.content = reader.bytes();
    if (tag <= kContent || tag >= static_cast<uint32_t>(TensorField::kCount)) continue;
    auto field = static_cast<TensorField>(tag);
    Scalars stored = stored_as(field);
    TensorFields::Values& values = fields[field];
    if (stored.bytes > 0) {
      scalars.type = stored.type;
      scalars.bytes = stored.bytes;
      scalars.kind = stored.kind;
      size_t before = scalars.values.size();
      TARN_RETURN_IF_ERROR(read_scalars(reader, kWhat, scalars));
      values.count += static_cast<int64_t>((scalars.values.size() - before) / stored.bytes);
      values.data = scalars.values.data();
    } else {
      if (!reader.is_bytes()) return wrong_wire_type(kWhat, tag);
      if (field == TensorField::kString) fields.strings.push_back(reader.bytes());
      ++values.count;
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return tensor_from_fields(fields, limits_.max_tensor_bytes);
}

// DT_INVALID passes: whether it may stand there is the op's business.
Result<DType> decode_dtype(int number) {
  if (number == 0) return DType::kInvalid;
  return dtype_from_number(number);
}

// NameAttrList
Status Decoder::function(std::string_view message, AttrValue& result) {
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
      AttrValue attr;
      ++depth_;
      Status status = entry(reader.bytes(), key, attr);
      --depth_;
      if (!status.ok()) return status.with_context(str_cat("attr ", in_quotes(key)));
      attrs.set(key, std::move(attr));
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  if (!attrs.empty()) function.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  result = std::move(function);
  return {};
}

// What field `field` of an AttrValue holds that is no list; of another field: a value of no kind.
Status Decoder::member(uint32_t field, const ProtoReader& reader, AttrValue& result) {
  switch (field) {
    case kS: result = reader.bytes(); break;
    case kI: result = static_cast<int64_t>(reader.varint()); break;
    case kF: result = reader.as_float(); break;
    case kB: result = reader.varint() != 0; break;
    case kType: {
      TARN_ASSIGN_OR_RETURN(result, decode_dtype(reader.as_int32()));
      break;
    }
    case kShape: {
      TARN_ASSIGN_OR_RETURN(result, decode_shape(reader.bytes()));
      break;
    }
    case kTensor: {
      TARN_ASSIGN_OR_RETURN(result, tensor(reader.bytes()));
      break;
    }
    case kFunc: return function(reader.bytes(), result);
    case kPlaceholder:
      TARN_RETURN_IF_ERROR(check_text("placeholder", reader.bytes()));
      result = AttrValue::Placeholder{std::string(reader.bytes())};
      break;
    default: result = AttrValue();
  }
  return {};
}

// A list's elements; more than one kind in one list is refused, none at all is an EmptyList.
Status Decoder::list(std::string_view message, AttrValue& result) {
  constexpr std::string_view kWhat = "list";
  // Elements of one kind, or of several, which is refused. Numbers are gathered first: they may be packed.
  std::vector<AttrValue> values;
  Scalars scalars;
  uint32_t kinds = 0;  // bits: the fields that have elements
  int kind_count = 0;
  auto add_kind = [&](uint32_t field) {
    kind_count += (kinds >> field & 1) == 0 ? 1 : 0;
    kinds |= 1u << field;
  };
  ProtoReader reader(message);
  while (reader.next()) {
    uint32_t field = reader.field();
    switch (field) {
      case kS:
      case kShape:
      case kTensor:
      case kListFunc: {
        if (!reader.is_bytes()) return wrong_wire_type(kWhat, field);
        TARN_RETURN_IF_ERROR(member(field == kListFunc ? kFunc : field, reader, values.emplace_back()));
        add_kind(field);
        break;
      }
      case kI:
      case kF:
      case kB:
      case kType: {
        scalars.type = field == kF ? ProtoReader::kFixed32 : ProtoReader::kVarint;
        scalars.kind = field == kB ? Scalar::kBool : Scalar::kNumber;
        size_t before = scalars.values.size();
        scalars.bytes = field == kF ? sizeof(float) : sizeof(int64_t);
        TARN_RETURN_IF_ERROR(read_scalars(reader, kWhat, scalars));
        if (scalars.values.size() > before) add_kind(field);
        break;
      }
      default: break;
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  if (kind_count > 1) return invalid_argument("the list has elements of ", kind_count, " kinds");
  if (kinds == 1u << kF) {
    for (float value : scalars.as<float>()) values.emplace_back(value);
  } else {
    for (int64_t value : scalars.as<int64_t>()) {
      if (kinds == 1u << kType) {
        TARN_ASSIGN_OR_RETURN(DType dtype, decode_dtype(static_cast<int>(value)));
        values.emplace_back(dtype);
      } else if (kinds == 1u << kB) {
        values.emplace_back(value != 0);
      } else {
        values.emplace_back(value);
      }
    }
  }
  using Type = AttrValue::Type;
  constexpr Type kLists[] = {Type::kEmptyList, Type::kEmptyList, Type::kStrings, Type::kInts,    Type::kFloats,
                             Type::kBools,     Type::kTypes,     Type::kShapes,  Type::kTensors, Type::kFunctions};
  result = AttrValue::list_of(kLists[kinds == 0 ? 0 : std::countr_zero(kinds)], values);
  return {};
}

Status Decoder::value(std::string_view message, AttrValue& result) {
  if (depth_ > limits_.max_attr_depth)
    return resource_exhausted("attrs are nested more than ", limits_.max_attr_depth, " deep");
  ProtoReader reader(message);
  while (reader.next()) {  // the last member of the oneof counts
    uint32_t field = reader.field();
    if (field < kList || field > kFunc) continue;
    bool right = field == kI || field == kB || field == kType ? reader.is_varint()
                 : field == kF                                ? reader.is_fixed32()
                                                              : reader.is_bytes();
    if (!right) return wrong_wire_type("AttrValue", field);
    TARN_RETURN_IF_ERROR(field == kList ? list(reader.bytes(), result) : member(field, reader, result));
  }
  return reader.status();
}

Status Decoder::entry(std::string_view message, std::string_view& key, AttrValue& result) {
  enum : uint32_t { kKey = 1, kValue = 2 };
  std::string_view value;
  ProtoReader reader(message);
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
  return this->value(value, result);
}

}  // namespace

Status decode_attr_entry(std::string_view entry, const std::shared_ptr<const void>& owner, const WireLimits& limits,
                         std::string_view& key, AttrValue& result) {
  return Decoder(owner, limits).entry(entry, key, result);
}

}  // namespace tarn
