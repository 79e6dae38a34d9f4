#include "runtime/wire_attrs.h"

#include <protozero/pbf_reader.hpp>

#include "core/tensor_fields.h"
#include "core/utf8.h"

namespace tarn {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

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

std::string_view view(const protozero::data_view& data) {
  return {data.data(), data.size()};
}

Status wrong_wire_type(std::string_view what, uint32_t tag) {
  return data_loss(what, " field ", tag, " has the wrong wire type");
}

// Repeated scalars come packed or one by one; both are legal and may be mixed.
template <class T, class One, class Packed>
Status read_repeated(pbf_reader& reader, std::string_view what, pbf_wire_type single, std::vector<T>& out, One one,
                     Packed packed) {
  if (reader.wire_type() == pbf_wire_type::length_delimited) {
    for (auto value : packed()) out.push_back(static_cast<T>(value));
  } else if (reader.wire_type() == single) {
    out.push_back(static_cast<T>(one()));
  } else {
    return wrong_wire_type(what, reader.tag());
  }
  return {};
}

// Protobuf's strings are UTF-8 (its bytes need not be).
Status check_text(std::string_view what, std::string_view text) {
  if (first_bad_utf8(text) == std::string_view::npos) return {};
  return invalid_argument(what, " ", quoted(text), " is not UTF-8");
}

// protozero's own looks at the first byte alone, though any varint may stand there.
bool get_bool(pbf_reader& reader) {
  return reader.get_uint64() != 0;
}

Status read_shape_dims(std::string_view message, bool& unknown_rank, std::vector<int64_t>& dims) {
  enum : uint32_t { kDim = 2, kUnknownRank = 3, kSize = 1, kName = 2 };
  pbf_reader reader(message.data(), message.size());
  while (next_field(reader)) {
    if (reader.tag() == kDim && reader.wire_type() == pbf_wire_type::length_delimited) {
      int64_t size = 0;
      pbf_reader dim = reader.get_message();
      while (next_field(dim)) {
        if (dim.tag() == kSize && dim.wire_type() == pbf_wire_type::varint) {
          size = dim.get_int64();
        } else if (dim.tag() == kName && dim.wire_type() == pbf_wire_type::length_delimited) {
          TARN_RETURN_IF_ERROR(check_text("dim name", view(dim.get_view())));
        } else if (dim.tag() <= kName) {
          return wrong_wire_type("TensorShapeProto.Dim", dim.tag());
        } else {
          dim.skip();
        }
      }
      if (dims.size() <= kMaxRank) dims.push_back(size);  // one too many is enough to refuse the shape
    } else if (reader.tag() == kUnknownRank && reader.wire_type() == pbf_wire_type::varint) {
      unknown_rank = get_bool(reader);
    } else if (reader.tag() == kDim || reader.tag() == kUnknownRank) {
      return wrong_wire_type("TensorShapeProto", reader.tag());
    } else {
      reader.skip();
    }
  }
  return {};
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

std::vector<char> packed_bools(pbf_reader& reader) {
  std::vector<char> bools;
  for (uint64_t value : reader.get_packed_uint64()) bools.push_back(value != 0 ? 1 : 0);
  return bools;
}

// std::vector<bool> has no span; bools are gathered as bytes that are 0 or 1.
std::span<const bool> as_bools(const std::vector<char>& bytes) {
  return {reinterpret_cast<const bool*>(bytes.data()), bytes.size()};
}

// Of a tensor's elements, which are what was meant: a 2 is no true.
Result<std::vector<char>> bytes_of_bools(std::span<const uint64_t> values) {
  std::vector<char> bytes;
  for (uint64_t value : values) {
    if (value > 1) return invalid_argument("bool_val ", value, " is not within 0 to 1");
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

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
  TensorFields fields;
  fields.content_owner = owner;
  std::vector<float> floats, complexes;
  std::vector<double> doubles, double_complexes;
  std::vector<int32_t> ints, halves;
  std::vector<int64_t> int64s;
  std::vector<uint32_t> uint32s;
  std::vector<uint64_t> uint64s, bools;
  pbf_reader r(message.data(), message.size());
  while (next_field(r)) {
    bool is_bytes = r.wire_type() == pbf_wire_type::length_delimited;
    Status status;
    switch (r.tag()) {
      case kDType:
        if (r.wire_type() != pbf_wire_type::varint) return wrong_wire_type(kWhat, r.tag());
        fields.dtype = r.get_int32();
        break;
      case kVersionNumber:
        if (r.wire_type() != pbf_wire_type::varint) return wrong_wire_type(kWhat, r.tag());
        r.skip();
        break;
      case kTensorShape:
        if (!is_bytes) return wrong_wire_type(kWhat, r.tag());
        status = read_shape_dims(view(r.get_view()), fields.unknown_rank, fields.dims);
        break;
      case kContent:
        if (!is_bytes) return wrong_wire_type(kWhat, r.tag());
        fields.content = view(r.get_view());
        break;
      case kStringVal:
        if (!is_bytes) return wrong_wire_type(kWhat, r.tag());
        fields.string_val.push_back(view(r.get_view()));
        break;
#define TARN_REPEATED(number, vector, wire, one, packed)                                             \
  case number:                                                                                       \
    status = read_repeated(                                                                          \
        r, kWhat, pbf_wire_type::wire, vector, [&] { return r.one(); }, [&] { return r.packed(); }); \
    break;
        TARN_REPEATED(kFloatVal, floats, fixed32, get_float, get_packed_float)
        TARN_REPEATED(kDoubleVal, doubles, fixed64, get_double, get_packed_double)
        TARN_REPEATED(kIntVal, ints, varint, get_int32, get_packed_int32)
        TARN_REPEATED(kComplexVal, complexes, fixed32, get_float, get_packed_float)
        TARN_REPEATED(kInt64Val, int64s, varint, get_int64, get_packed_int64)
        TARN_REPEATED(kDoubleComplexVal, double_complexes, fixed64, get_double, get_packed_double)
        TARN_REPEATED(kBoolVal, bools, varint, get_uint64, get_packed_uint64)
        TARN_REPEATED(kHalfVal, halves, varint, get_int32, get_packed_int32)
        TARN_REPEATED(kUInt32Val, uint32s, varint, get_uint32, get_packed_uint32)
        TARN_REPEATED(kUInt64Val, uint64s, varint, get_uint64, get_packed_uint64)
#undef TARN_REPEATED
      case kResourceVal:
        if (!is_bytes) return wrong_wire_type(kWhat, r.tag());
        ++fields.resource_handle_val_count;
        r.skip();
        break;
      case kVariantVal:
        if (!is_bytes) return wrong_wire_type(kWhat, r.tag());
        ++fields.variant_val_count;
        r.skip();
        break;
      case kFloat8Val:
        if (!is_bytes) return wrong_wire_type(kWhat, r.tag());
        ++fields.float8_val_count;
        r.skip();
        break;
      default: r.skip();
    }
    TARN_RETURN_IF_ERROR(status);
  }
  fields.float_val = floats;
  fields.double_val = doubles;
  fields.int_val = ints;
  fields.scomplex_val = complexes;
  fields.int64_val = int64s;
  TARN_ASSIGN_OR_RETURN(std::vector<char> bool_bytes, bytes_of_bools(bools));
  fields.bool_val = as_bools(bool_bytes);
  fields.dcomplex_val = double_complexes;
  fields.half_val = halves;
  fields.uint32_val = uint32s;
  fields.uint64_val = uint64s;
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
  pbf_reader reader(message.data(), message.size());
  while (next_field(reader)) {
    if (reader.tag() <= kAttr && reader.wire_type() != pbf_wire_type::length_delimited) {
      return wrong_wire_type("NameAttrList", reader.tag());
    }
    if (reader.tag() == kName) {
      function.name = view(reader.get_view());
      TARN_RETURN_IF_ERROR(check_text("function name", function.name));
    } else if (reader.tag() == kAttr) {
      std::string_view key;
      Result<AttrValue> value = decode_attr_entry(view(reader.get_view()), owner, limits, depth, key);
      if (!value.ok()) return value.status().with_context(str_cat("attr ", quoted(key)));
      attrs.set(key, *std::move(value));
    } else {
      reader.skip();
    }
  }
  if (!attrs.empty()) function.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  return function;
}

// A list's elements; more than one kind in one list is refused, none at all is an EmptyList.
Result<AttrValue> decode_list(std::string_view message, const std::shared_ptr<const void>& owner,
                              const WireLimits& limits, int depth) {
  constexpr std::string_view kWhat = "list";
  std::vector<std::string> strings;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<bool> bools;
  std::vector<int32_t> types;
  std::vector<Shape> shapes;
  std::vector<Tensor> tensors;
  std::vector<FunctionAttr> functions;
  pbf_reader r(message.data(), message.size());
  while (next_field(r)) {
    bool is_bytes = r.wire_type() == pbf_wire_type::length_delimited;
    bool wants_bytes = r.tag() == kS || r.tag() == kShape || r.tag() == kTensor || r.tag() == kListFunc;
    if (wants_bytes && !is_bytes) return wrong_wire_type(kWhat, r.tag());
    Status status;
    switch (r.tag()) {
      case kS: strings.emplace_back(view(r.get_view())); break;
      case kI:
        status = read_repeated(
            r, kWhat, pbf_wire_type::varint, ints, [&] { return r.get_int64(); }, [&] { return r.get_packed_int64(); });
        break;
      case kF:
        status = read_repeated(
            r, kWhat, pbf_wire_type::fixed32, floats, [&] { return r.get_float(); },
            [&] { return r.get_packed_float(); });
        break;
      case kB:
        status = read_repeated(
            r, kWhat, pbf_wire_type::varint, bools, [&] { return get_bool(r); }, [&] { return packed_bools(r); });
        break;
      case kType:
        status = read_repeated(
            r, kWhat, pbf_wire_type::varint, types, [&] { return r.get_int32(); },
            [&] { return r.get_packed_int32(); });
        break;
      case kShape: {
        TARN_ASSIGN_OR_RETURN(Shape shape, decode_shape(view(r.get_view())));
        shapes.push_back(std::move(shape));
        break;
      }
      case kTensor: {
        TARN_ASSIGN_OR_RETURN(Tensor tensor, decode_tensor(view(r.get_view()), owner, limits));
        tensors.push_back(std::move(tensor));
        break;
      }
      case kListFunc: {
        TARN_ASSIGN_OR_RETURN(FunctionAttr function, decode_function(view(r.get_view()), owner, limits, depth + 1));
        functions.push_back(std::move(function));
        break;
      }
      default: r.skip();
    }
    TARN_RETURN_IF_ERROR(status);
  }
  int kinds = !strings.empty() + !ints.empty() + !floats.empty() + !bools.empty() + !types.empty() + !shapes.empty() +
              !tensors.empty() + !functions.empty();
  if (kinds > 1) return invalid_argument("the list has elements of ", kinds, " kinds");
  if (!strings.empty()) return AttrValue(std::move(strings));
  if (!ints.empty()) return AttrValue(std::move(ints));
  if (!floats.empty()) return AttrValue(std::move(floats));
  if (!bools.empty()) return AttrValue(std::move(bools));
  if (!types.empty()) {
    std::vector<DType> dtypes;
    for (int32_t type : types) {
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
  pbf_reader r(message.data(), message.size());
  while (next_field(r)) {  // the last member of the oneof counts
    bool is_bytes = r.wire_type() == pbf_wire_type::length_delimited;
    bool is_varint = r.wire_type() == pbf_wire_type::varint;
    bool right = r.tag() == kI || r.tag() == kB || r.tag() == kType ? is_varint
                 : r.tag() == kF                                    ? r.wire_type() == pbf_wire_type::fixed32
                 : r.tag() >= kList && r.tag() <= kFunc             ? is_bytes
                                                                    : true;
    if (!right) return wrong_wire_type("AttrValue", r.tag());
    switch (r.tag()) {
      case kList: {
        TARN_ASSIGN_OR_RETURN(result, decode_list(view(r.get_view()), owner, limits, depth));
        break;
      }
      case kS: result = AttrValue(view(r.get_view())); break;
      case kI: result = AttrValue(static_cast<int64_t>(r.get_int64())); break;
      case kF: result = AttrValue(r.get_float()); break;
      case kB: result = AttrValue(get_bool(r)); break;
      case kType: {
        TARN_ASSIGN_OR_RETURN(DType dtype, decode_dtype(r.get_int32()));
        result = AttrValue(dtype);
        break;
      }
      case kShape: {
        TARN_ASSIGN_OR_RETURN(Shape shape, decode_shape(view(r.get_view())));
        result = AttrValue(std::move(shape));
        break;
      }
      case kTensor: {
        TARN_ASSIGN_OR_RETURN(Tensor tensor, decode_tensor(view(r.get_view()), owner, limits));
        result = AttrValue(std::move(tensor));
        break;
      }
      case kPlaceholder: {
        std::string name(view(r.get_view()));
        TARN_RETURN_IF_ERROR(check_text("placeholder", name));
        result = AttrValue(AttrValue::Placeholder{std::move(name)});
        break;
      }
      case kFunc: {
        TARN_ASSIGN_OR_RETURN(FunctionAttr function, decode_function(view(r.get_view()), owner, limits, depth + 1));
        result = AttrValue(std::move(function));
        break;
      }
      default: r.skip();
    }
  }
  return result;
}

}  // namespace

bool next_field(pbf_reader& reader) {
  if (reader.length() == 0) return false;
  const char* at = reader.data().data();
  if (protozero::decode_varint(&at, at + reader.length()) > UINT32_MAX) throw protozero::invalid_tag_exception{};
  return reader.next();
}

Result<AttrValue> decode_attr_entry(std::string_view entry, const std::shared_ptr<const void>& owner,
                                    const WireLimits& limits, int depth, std::string_view& key) {
  enum : uint32_t { kKey = 1, kValue = 2 };
  std::string_view value;
  pbf_reader reader(entry.data(), entry.size());
  while (next_field(reader)) {
    if (reader.tag() <= kValue && reader.wire_type() != pbf_wire_type::length_delimited) {
      return wrong_wire_type("attr entry", reader.tag());
    }
    if (reader.tag() == kKey) {
      key = view(reader.get_view());
      TARN_RETURN_IF_ERROR(check_text("attr name", key));
    } else if (reader.tag() == kValue) {
      value = view(reader.get_view());
    } else {
      reader.skip();
    }
  }
  return decode_attr_value(value, owner, limits, depth);
}

}  // namespace tarn
