#include "core/tensor_fields.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tarn {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor_content is little-endian and used as it is");

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

int64_t field_size(const TensorFields& fields, int field) {
  auto size = [](const auto& values) { return static_cast<int64_t>(values.size()); };
  switch (field) {
    case kFloatVal: return size(fields.float_val);
    case kDoubleVal: return size(fields.double_val);
    case kIntVal: return size(fields.int_val);
    case kStringVal: return size(fields.string_val);
    case kComplexVal: return size(fields.scomplex_val);
    case kInt64Val: return size(fields.int64_val);
    case kBoolVal: return size(fields.bool_val);
    case kDoubleComplexVal: return size(fields.dcomplex_val);
    case kHalfVal: return size(fields.half_val);
    case kResourceVal: return fields.resource_handle_val_count;
    case kVariantVal: return fields.variant_val_count;
    case kUInt32Val: return size(fields.uint32_val);
    case kUInt64Val: return size(fields.uint64_val);
    case kFloat8Val: return fields.float8_val_count;
    default: return 0;
  }
}

bool is_complex(DType dtype) {
  return dtype == DType::kComplex64 || dtype == DType::kComplex128;
}

Result<Shape> full_shape(const TensorFields& fields) {
  if (fields.unknown_rank) return invalid_argument("the tensor's rank is unknown");
  TARN_ASSIGN_OR_RETURN(Shape shape, Shape::make(fields.dims));
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape.dim(i) < 0) return invalid_argument("dim ", i, " of the tensor's shape is ", shape.dim(i));
  }
  TARN_RETURN_IF_ERROR(shape.element_count().status());
  return shape;
}

// The first `given` elements are there; the last of them stands for the others.
void repeat_last(Tensor& tensor, int64_t given) {
  size_t size = dtype_size(tensor.dtype()), last = static_cast<size_t>(given - 1) * size, done = last + size;
  auto* bytes = static_cast<char*>(tensor.mutable_data());
  while (done < tensor.byte_size()) {
    size_t more = std::min(done - last, tensor.byte_size() - done);
    std::memcpy(bytes + done, bytes + last, more);
    done += more;
  }
}

// Values as they lie in memory; `given` elements.
void fill(Tensor& tensor, const void* values, int64_t given) {
  std::memcpy(tensor.mutable_data(), values, static_cast<size_t>(given) * dtype_size(tensor.dtype()));
  repeat_last(tensor, given);
}

// Of types narrower than the field's int32.
Status fill_narrow(Tensor& tensor, std::string_view field, std::span<const int32_t> values) {
  DType dtype = tensor.dtype();
  bool is_signed = dtype == DType::kInt8 || dtype == DType::kQInt8 || dtype == DType::kInt16 || dtype == DType::kQInt16;
  size_t size = dtype_size(dtype);
  int span = 1 << (8 * size), least = is_signed ? -span / 2 : 0, most = least + span - 1;
  auto* out = static_cast<char*>(tensor.mutable_data());
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < least || values[i] > most) {
      return out_of_range(field, '[', i, "] is ", values[i], ", outside ", dtype_name(dtype), "'s ", least, " to ",
                          most);
    }
    std::memcpy(out + i * size, &values[i], size);
  }
  repeat_last(tensor, static_cast<int64_t>(values.size()));
  return {};
}

void fill_strings(Tensor& tensor, const std::vector<std::string_view>& values) {
  std::span<std::string> out = tensor.mutable_flat<std::string>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = i < values.size() ? std::string(values[i]) : out[values.size() - 1];
}

const void* values_of(const TensorFields& fields, Field field) {
  switch (field) {
    case kFloatVal: return fields.float_val.data();
    case kDoubleVal: return fields.double_val.data();
    case kIntVal: return fields.int_val.data();
    case kComplexVal: return fields.scomplex_val.data();
    case kInt64Val: return fields.int64_val.data();
    case kBoolVal: return fields.bool_val.data();
    case kDoubleComplexVal: return fields.dcomplex_val.data();
    case kUInt32Val: return fields.uint32_val.data();
    default: return fields.uint64_val.data();
  }
}

Status fill_from_field(Tensor& tensor, const TensorFields& fields, Field field, int64_t given) {
  if (field == kStringVal) {
    fill_strings(tensor, fields.string_val);
  } else if (field == kHalfVal) {
    return fill_narrow(tensor, "half_val", fields.half_val);
  } else if (field == kIntVal && dtype_size(tensor.dtype()) < sizeof(int32_t)) {
    return fill_narrow(tensor, "int_val", fields.int_val);
  } else {
    fill(tensor, values_of(fields, field), given);
  }
  return {};
}

Result<Tensor> tensor_from_content(const TensorFields& fields, DType dtype, const Shape& shape) {
  auto address = reinterpret_cast<uintptr_t>(fields.content.data());
  if (fields.content_owner != nullptr && address % dtype_size(dtype) == 0) {
    return Tensor::view(dtype, shape, fields.content.data(), fields.content_owner);
  }
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype, shape));
  std::memcpy(tensor.mutable_data(), fields.content.data(), fields.content.size());
  return tensor;
}

}  // namespace

Result<DType> dtype_from_number(int number) {
  if (dtype_is_known(number)) return static_cast<DType>(number);
  if (number == 0) return invalid_argument("dtype is missing (DT_INVALID)");
  if (dtype_is_known(number - kRefOffset)) {
    return invalid_argument("dtype ", number, " is a reference type (",
                            dtype_name(static_cast<DType>(number - kRefOffset)), "_ref); values have none");
  }
  // Of TensorFlow 2.x only; named so that the reader knows what the file wants.
  constexpr std::pair<int, std::string_view> kLater[] = {
      {24, "DT_FLOAT8_E5M2"}, {25, "DT_FLOAT8_E4M3FN"}, {29, "DT_INT4"}, {30, "DT_UINT4"}};
  for (auto [later, name] : kLater) {
    if (number == later) return unimplemented("dtype ", number, " (", name, ") is not supported");
  }
  return invalid_argument("dtype ", number, " is not known");
}

Status check_bools(const Tensor& tensor) {
  if (tensor.dtype() != DType::kBool) return {};
  const auto* bytes = static_cast<const uint8_t*>(tensor.data());
  for (int64_t i = 0; i < tensor.element_count(); ++i) {
    if (bytes[i] > 1) return invalid_argument("bool element ", i, " is ", bytes[i], ", neither 0 nor 1");
  }
  return {};
}

Result<Tensor> tensor_from_fields(const TensorFields& fields, int64_t max_bytes) {
  TARN_ASSIGN_OR_RETURN(DType dtype, dtype_from_number(fields.dtype));
  TARN_ASSIGN_OR_RETURN(Shape shape, full_shape(fields));
  std::string type = str_cat(dtype_short_name(dtype), shape);
  Field field = field_of(dtype);
  if (field == kFieldCount) return unimplemented("constants of ", dtype_name(dtype), " are not supported");
  for (int other = 0; other < kFieldCount; ++other) {
    if (other == field || field_size(fields, other) == 0) continue;
    return invalid_argument("a ", dtype_name(dtype), " tensor has values in ", kFieldNames[other],
                            "; its values belong in ", kFieldNames[field]);
  }
  int64_t count = shape.elements();
  int64_t given = field_size(fields, field);
  if (!fields.content.empty() && given > 0) {
    return invalid_argument(type, " has both tensor_content (", fields.content.size(), " bytes) and ", given, ' ',
                            kFieldNames[field]);
  }
  auto element_bytes = static_cast<int64_t>(dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype));
  Result<int64_t> bytes = checked_multiply(count, element_bytes);
  if (!fields.content.empty()) {
    if (dtype == DType::kString) return invalid_argument("a string tensor has tensor_content; strings are string_val");
    if (!bytes.ok() || static_cast<uint64_t>(*bytes) != fields.content.size()) {
      return invalid_argument("tensor_content holds ", fields.content.size(), " bytes but ", type, " needs ",
                              bytes.ok() ? str_cat(*bytes) : "more than 2^63");
    }
    TARN_ASSIGN_OR_RETURN(Tensor tensor, tensor_from_content(fields, dtype, shape));
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
  if (!bytes.ok() || *bytes > max_bytes) {
    return resource_exhausted(type, " needs ", bytes.ok() ? str_cat(*bytes) : "more than 2^63",
                              " bytes, above the limit of ", max_bytes, "; the file holds ", given,
                              given == 1 ? " value" : " values");
  }
  if (given == 0) return Tensor::zeros(dtype, shape);
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype, shape));
  TARN_RETURN_IF_ERROR(fill_from_field(tensor, fields, field, given));
  return tensor;
}

}  // namespace tarn
