#include "graph/tensor_proto.h"

namespace tarn {
namespace {

bool is_complex(DType dtype) {
  return dtype == DType::kComplex64 || dtype == DType::kComplex128;
}

// make_tensor_proto keeps these in their typed field whatever their number.
bool written_as_content(DType dtype) {
  return !is_complex(dtype) && dtype != DType::kString && dtype != DType::kBool && dtype != DType::kUInt16;
}

template <class T>
TensorFields::Values values_of(const google::protobuf::RepeatedField<T>& values) {
  return {values.data(), values.size()};
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

Result<Tensor> tensor_from_proto(const pb::TensorProto& proto, const TensorProtoOptions& options) {
  TensorFields fields;
  fields.dtype = proto.dtype();
  fields.unknown_rank = proto.tensor_shape().unknown_rank();
  for (const pb::TensorShapeProto::Dim& dim : proto.tensor_shape().dim()) fields.dims.push_back(dim.size());
  fields.content = proto.tensor_content();
  fields[TensorField::kFloat] = values_of(proto.float_val());
  fields[TensorField::kDouble] = values_of(proto.double_val());
  fields[TensorField::kInt] = values_of(proto.int_val());
  fields.strings.assign(proto.string_val().begin(), proto.string_val().end());
  fields[TensorField::kString].count = proto.string_val_size();
  fields[TensorField::kComplex] = values_of(proto.scomplex_val());
  fields[TensorField::kInt64] = values_of(proto.int64_val());
  fields[TensorField::kBool] = values_of(proto.bool_val());
  fields[TensorField::kDoubleComplex] = values_of(proto.dcomplex_val());
  fields[TensorField::kHalf] = values_of(proto.half_val());
  fields[TensorField::kUInt32] = values_of(proto.uint32_val());
  fields[TensorField::kUInt64] = values_of(proto.uint64_val());
  fields[TensorField::kResource].count = proto.resource_handle_val_size();
  fields[TensorField::kVariant].count = proto.variant_val_size();
  fields[TensorField::kFloat8].count = std::ssize(proto.float8_val());
  return tensor_from_fields(fields, options.max_bytes);
}

bool is_written_as_content(const Tensor& tensor) {
  return tensor.element_count() > 1 && written_as_content(tensor.dtype());
}

pb::TensorProto tensor_to_proto(const Tensor& tensor) {
  pb::TensorProto proto;
  proto.set_dtype(dtype_to_proto(tensor.dtype()));
  *proto.mutable_tensor_shape() = shape_to_proto(tensor.shape());
  if (is_written_as_content(tensor)) {
    proto.set_tensor_content(tensor.data(), tensor.byte_size());
  } else {
    add_to_field(tensor, proto);
  }
  return proto;
}

}  // namespace tarn
