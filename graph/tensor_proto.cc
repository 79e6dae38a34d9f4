#include "graph/tensor_proto.h"

#include <bit>
#include <cstring>
#include <limits>

namespace tarn {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor_content is little-endian and copied as it is");

// The typed fields, in the order of names below.
enum Field {
  kFloatVal,
  kDoubleVal,
  kIntVal,
  kStringVal,
  kComplexVal,
  kInt64Val,
  kBoolVal,
  kDoubleComplexVal,
  kHalfVal,
  kResourceVal,
  kVariantVal,
  kUInt32Val,
  kUInt64Val,
  kFloat8Val,
  kFieldCount
};

constexpr std::string_view kFieldNames[kFieldCount] = {
    "float_val",   "double_val", "int_val",      "string_val", "scomplex_val",
    "int64_val",   "bool_val",   "dcomplex_val", "half_val",   "resource_handle_val",
    "variant_val", "uint32_val", "uint64_val",   "float8_val"};

// Where the elements of `dtype` are; kFieldCount if it has no storage.
Field field_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat: return kFloatVal;
    case DType::kDouble: return kDoubleVal;
    case DType::kInt32:
    case DType::kInt16:
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kQInt8:
    case DType::kQUInt8:
    case DType::kQInt16:
    case DType::kQUInt16:
    case DType::kQInt32: return kIntVal;
    case DType::kString: return kStringVal;
    case DType::kComplex64: return kComplexVal;
    case DType::kInt64: return kInt64Val;
    case DType::kBool: return kBoolVal;
    case DType::kComplex128: return kDoubleComplexVal;
    case DType::kHalf:
    case DType::kBFloat16: return kHalfVal;
    case DType::kUInt32: return kUInt32Val;
    case DType::kUInt64: return kUInt64Val;
    default: return kFieldCount;
  }
}

int field_size(const pb::TensorProto& proto, int field) {
  switch (field) {
    case kFloatVal: return proto.float_val_size();
    case kDoubleVal: return proto.double_val_size();
    case kIntVal: return proto.int_val_size();
    case kStringVal: return proto.string_val_size();
    case kComplexVal: return proto.scomplex_val_size();
    case kInt64Val: return proto.int64_val_size();
    case kBoolVal: return proto.bool_val_size();
    case kDoubleComplexVal: return proto.dcomplex_val_size();
    case kHalfVal: return proto.half_val_size();
    case kResourceVal: return proto.resource_handle_val_size();
    case kVariantVal: return proto.variant_val_size();
    case kUInt32Val: return proto.uint32_val_size();
    case kUInt64Val: return proto.uint64_val_size();
    case kFloat8Val: return static_cast<int>(proto.float8_val().size());
    default: return 0;
  }
}

bool is_complex(DType dtype) {
  return dtype == DType::kComplex64 || dtype == DType::kComplex128;
}

// make_tensor_proto keeps these in their typed field whatever their number.
bool written_as_content(DType dtype) {
  return !is_complex(dtype) && dtype != DType::kString && dtype != DType::kBool && dtype != DType::kUInt16;
}

std::string typed_shape(DType dtype, const Shape& shape) {
  return str_cat(dtype_short_name(dtype), shape);
}

// Copies values of the proto (at most as many as there are elements), then repeats the last.
template <class T, class Values>
void fill(Tensor& tensor, const Values& values) {
  std::span<T> out = tensor.mutable_flat<T>();
  auto given = static_cast<size_t>(values.size());
  for (size_t i = 0; i < given; ++i) out[i] = static_cast<T>(values.Get(static_cast<int>(i)));
  for (size_t i = given; i < out.size(); ++i) out[i] = out[given - 1];
}

// The same for types narrower than the proto's int32.
template <class T>
Status fill_narrow(Tensor& tensor, std::string_view field, const google::protobuf::RepeatedField<int32_t>& values) {
  for (int i = 0; i < values.size(); ++i) {
    int32_t value = values.Get(i);
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
      return out_of_range(field, '[', i, "] is ", value, ", outside ", dtype_name(tensor.dtype()), "'s ",
                          std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max());
    }
  }
  fill<T>(tensor, values);
  return {};
}

// (re, im) pairs.
template <class T>
void fill_complex(Tensor& tensor, const google::protobuf::RepeatedField<T>& values) {
  auto* out = static_cast<T*>(tensor.mutable_data());
  int64_t count = 2 * tensor.element_count();
  int given = values.size();
  for (int64_t i = 0; i < count; ++i) out[i] = values.Get(static_cast<int>(i < given ? i : given - 2 + i % 2));
}

Status fill_from_field(Tensor& tensor, const pb::TensorProto& proto) {
  switch (tensor.dtype()) {
    case DType::kFloat: fill<float>(tensor, proto.float_val()); return {};
    case DType::kDouble: fill<double>(tensor, proto.double_val()); return {};
    case DType::kInt32:
    case DType::kQInt32: fill<int32_t>(tensor, proto.int_val()); return {};
    case DType::kInt16:
    case DType::kQInt16: return fill_narrow<int16_t>(tensor, "int_val", proto.int_val());
    case DType::kInt8:
    case DType::kQInt8: return fill_narrow<int8_t>(tensor, "int_val", proto.int_val());
    case DType::kUInt8:
    case DType::kQUInt8: return fill_narrow<uint8_t>(tensor, "int_val", proto.int_val());
    case DType::kUInt16:
    case DType::kQUInt16: return fill_narrow<uint16_t>(tensor, "int_val", proto.int_val());
    case DType::kHalf:
    case DType::kBFloat16: return fill_narrow<uint16_t>(tensor, "half_val", proto.half_val());
    case DType::kString: fill<std::string>(tensor, proto.string_val()); return {};
    case DType::kComplex64: fill_complex<float>(tensor, proto.scomplex_val()); return {};
    case DType::kComplex128: fill_complex<double>(tensor, proto.dcomplex_val()); return {};
    case DType::kInt64: fill<int64_t>(tensor, proto.int64_val()); return {};
    case DType::kBool: fill<bool>(tensor, proto.bool_val()); return {};
    case DType::kUInt32: fill<uint32_t>(tensor, proto.uint32_val()); return {};
    case DType::kUInt64: fill<uint64_t>(tensor, proto.uint64_val()); return {};
    default: return internal_error("no field for ", dtype_name(tensor.dtype()));
  }
}

// Puts every element into the typed field.
void add_to_field(const Tensor& tensor, pb::TensorProto& proto) {
  switch (tensor.dtype()) {
    case DType::kFloat:
      for (float v : tensor.flat<float>()) proto.add_float_val(v);
      break;
    case DType::kDouble:
      for (double v : tensor.flat<double>()) proto.add_double_val(v);
      break;
    case DType::kInt32:
    case DType::kQInt32:
      for (int32_t v : tensor.flat<int32_t>()) proto.add_int_val(v);
      break;
    case DType::kInt16:
    case DType::kQInt16:
      for (int16_t v : tensor.flat<int16_t>()) proto.add_int_val(v);
      break;
    case DType::kInt8:
    case DType::kQInt8:
      for (int8_t v : tensor.flat<int8_t>()) proto.add_int_val(v);
      break;
    case DType::kUInt8:
    case DType::kQUInt8:
      for (uint8_t v : tensor.flat<uint8_t>()) proto.add_int_val(v);
      break;
    case DType::kUInt16:
    case DType::kQUInt16:
      for (uint16_t v : tensor.flat<uint16_t>()) proto.add_int_val(v);
      break;
    case DType::kHalf:
    case DType::kBFloat16:
      for (uint16_t v : tensor.flat<uint16_t>()) proto.add_half_val(v);
      break;
    case DType::kString:
      for (const std::string& v : tensor.flat<std::string>()) proto.add_string_val(v);
      break;
    case DType::kComplex64: {
      const auto* parts = static_cast<const float*>(tensor.data());
      for (int64_t i = 0; i < 2 * tensor.element_count(); ++i) proto.add_scomplex_val(parts[i]);
      break;
    }
    case DType::kComplex128: {
      const auto* parts = static_cast<const double*>(tensor.data());
      for (int64_t i = 0; i < 2 * tensor.element_count(); ++i) proto.add_dcomplex_val(parts[i]);
      break;
    }
    case DType::kInt64:
      for (int64_t v : tensor.flat<int64_t>()) proto.add_int64_val(v);
      break;
    case DType::kBool:
      for (bool v : tensor.flat<bool>()) proto.add_bool_val(v);
      break;
    case DType::kUInt32:
      for (uint32_t v : tensor.flat<uint32_t>()) proto.add_uint32_val(v);
      break;
    case DType::kUInt64:
      for (uint64_t v : tensor.flat<uint64_t>()) proto.add_uint64_val(v);
      break;
    default: break;
  }
}

}  // namespace

Result<DType> dtype_from_proto(int number) {
  if (dtype_is_known(number)) return static_cast<DType>(number);
  if (number == 0) return invalid_argument("dtype is missing (DT_INVALID)");
  if (dtype_is_known(number - kRefOffset)) {
    return invalid_argument("dtype ", number, " is a reference type (",
                            dtype_name(static_cast<DType>(number - kRefOffset)), "_ref); values have none");
  }
  if (pb::DataType_IsValid(number)) {
    return unimplemented("dtype ", number, " (", pb::DataType_Name(static_cast<pb::DataType>(number)),
                         ") is not supported");
  }
  return invalid_argument("dtype ", number, " is not known");
}

pb::DataType dtype_to_proto(DType dtype) {
  return static_cast<pb::DataType>(dtype);
}

Result<Shape> shape_from_proto(const pb::TensorShapeProto& proto) {
  if (proto.unknown_rank()) {
    if (proto.dim_size() > 0) return invalid_argument("a shape of unknown rank has ", proto.dim_size(), " dims");
    return Shape::unknown();
  }
  if (proto.dim_size() > kMaxRank) {
    return invalid_argument("rank ", proto.dim_size(), " is above the limit of ", kMaxRank);
  }
  std::vector<int64_t> dims;
  for (const pb::TensorShapeProto::Dim& dim : proto.dim()) dims.push_back(dim.size());
  return Shape::make(dims);
}

Result<Shape> full_shape_from_proto(const pb::TensorShapeProto& proto) {
  if (proto.unknown_rank()) return invalid_argument("the tensor's rank is unknown");
  TARN_ASSIGN_OR_RETURN(Shape shape, shape_from_proto(proto));
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape.dim(i) < 0) return invalid_argument("dim ", i, " of the tensor's shape is ", shape.dim(i));
  }
  TARN_RETURN_IF_ERROR(shape.element_count().status());
  return shape;
}

pb::TensorShapeProto shape_to_proto(const Shape& shape) {
  pb::TensorShapeProto proto;
  if (!shape.has_rank()) proto.set_unknown_rank(true);
  for (int64_t dim : shape.dims()) proto.add_dim()->set_size(dim);
  return proto;
}

Status check_bools(const Tensor& tensor) {
  if (tensor.dtype() != DType::kBool) return {};
  const auto* bytes = static_cast<const uint8_t*>(tensor.data());
  for (int64_t i = 0; i < tensor.element_count(); ++i) {
    if (bytes[i] > 1) return invalid_argument("bool element ", i, " is ", bytes[i], ", neither 0 nor 1");
  }
  return {};
}

Result<Tensor> tensor_from_proto(const pb::TensorProto& proto, const TensorProtoOptions& options) {
  TARN_ASSIGN_OR_RETURN(DType dtype, dtype_from_proto(proto.dtype()));
  TARN_ASSIGN_OR_RETURN(Shape shape, full_shape_from_proto(proto.tensor_shape()));
  std::string type = typed_shape(dtype, shape);
  Field field = field_of(dtype);
  if (field == kFieldCount) return unimplemented("constants of ", dtype_name(dtype), " are not supported");

  for (int other = 0; other < kFieldCount; ++other) {
    if (other == field || field_size(proto, other) == 0) continue;
    return invalid_argument("a ", dtype_name(dtype), " tensor has values in ", kFieldNames[other],
                            "; its values belong in ", kFieldNames[field]);
  }
  int64_t count = shape.elements();
  int64_t given = field_size(proto, field);
  const std::string& content = proto.tensor_content();
  if (!content.empty() && given > 0) {
    return invalid_argument(type, " has both tensor_content (", content.size(), " bytes) and ", given, ' ',
                            kFieldNames[field]);
  }
  auto element_bytes = static_cast<int64_t>(dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype));
  Result<int64_t> bytes = checked_multiply(count, element_bytes);

  if (!content.empty()) {
    if (dtype == DType::kString) return invalid_argument("a string tensor has tensor_content; strings are string_val");
    if (!bytes.ok() || static_cast<uint64_t>(*bytes) != content.size()) {
      return invalid_argument("tensor_content holds ", content.size(), " bytes but ", type, " needs ",
                              bytes.ok() ? str_cat(*bytes) : "more than 2^63");
    }
    TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype, shape));
    std::memcpy(tensor.mutable_data(), content.data(), content.size());
    TARN_RETURN_IF_ERROR(check_bools(tensor));
    return tensor;
  }

  int64_t per_element = is_complex(dtype) ? 2 : 1;
  if (given % per_element != 0) {
    return invalid_argument(kFieldNames[field], " holds ", given, " numbers; complex elements are pairs");
  }
  given /= per_element;
  if (given > count)
    return invalid_argument(kFieldNames[field], " holds ", given, " values but ", type, " takes ", count);
  if (!bytes.ok() || *bytes > options.max_bytes) {
    return resource_exhausted(type, " needs ", bytes.ok() ? str_cat(*bytes) : "more than 2^63",
                              " bytes, above the limit of ", options.max_bytes, "; the file holds ", given,
                              given == 1 ? " value" : " values");
  }
  if (given == 0) return Tensor::zeros(dtype, shape);
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype, shape));
  TARN_RETURN_IF_ERROR(fill_from_field(tensor, proto));
  return tensor;
}

pb::TensorProto tensor_to_proto(const Tensor& tensor) {
  pb::TensorProto proto;
  proto.set_dtype(dtype_to_proto(tensor.dtype()));
  *proto.mutable_tensor_shape() = shape_to_proto(tensor.shape());
  if (tensor.element_count() > 1 && written_as_content(tensor.dtype())) {
    proto.set_tensor_content(tensor.data(), tensor.byte_size());
  } else {
    add_to_field(tensor, proto);
  }
  return proto;
}

}  // namespace tarn
