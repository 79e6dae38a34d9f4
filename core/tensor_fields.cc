#include "core/tensor_fields.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tarn {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor_content is little-endian and used as it is");

constexpr int kFirstField = static_cast<int>(TensorField::kFloat);
constexpr int kFieldCount = static_cast<int>(TensorField::kCount);

std::string_view name_of(TensorField field) {
  constexpr std::string_view kNames[] = {"float_val",    "double_val",          "int_val",     "string_val",
                                         "scomplex_val", "int64_val",           "bool_val",    "dcomplex_val",
                                         "half_val",     "resource_handle_val", "variant_val", "uint32_val",
                                         "uint64_val",   "float8_val"};
  return kNames[static_cast<int>(field) - kFirstField];
}

// Where the elements of `dtype` are; kCount if it has no storage.
TensorField field_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat: return TensorField::kFloat;
    case DType::kDouble: return TensorField::kDouble;
    case DType::kInt32:
    case DType::kInt16:
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kQInt8:
    case DType::kQUInt8:
    case DType::kQInt16:
    case DType::kQUInt16:
    case DType::kQInt32: return TensorField::kInt;
    case DType::kString: return TensorField::kString;
    case DType::kComplex64: return TensorField::kComplex;
    case DType::kInt64: return TensorField::kInt64;
    case DType::kBool: return TensorField::kBool;
    case DType::kComplex128: return TensorField::kDoubleComplex;
    case DType::kHalf:
    case DType::kBFloat16: return TensorField::kHalf;
    case DType::kUInt32: return TensorField::kUInt32;
    case DType::kUInt64: return TensorField::kUInt64;
    default: return TensorField::kCount;
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
Status fill_narrow(Tensor& tensor, TensorField field, const TensorFields& fields) {
  const auto* values = static_cast<const int32_t*>(fields[field].data);
  auto count = static_cast<size_t>(fields[field].count);
  DType dtype = tensor.dtype();
  bool is_signed = dtype == DType::kInt8 || dtype == DType::kQInt8 || dtype == DType::kInt16 || dtype == DType::kQInt16;
  size_t size = dtype_size(dtype);
  int span = 1 << (8 * size), least = is_signed ? -span / 2 : 0, most = least + span - 1;
  auto* out = static_cast<char*>(tensor.mutable_data());
  for (size_t i = 0; i < count; ++i) {
    if (values[i] < least || values[i] > most) {
      return out_of_range(name_of(field), '[', i, "] is ", values[i], ", outside ", dtype, "'s ", least, " to ", most);
    }
    std::memcpy(out + i * size, &values[i], size);
  }
  repeat_last(tensor, fields[field].count);
  return {};
}

void fill_strings(Tensor& tensor, const std::vector<std::string_view>& values) {
  std::span<std::string> out = tensor.mutable_flat<std::string>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = i < values.size() ? std::string(values[i]) : out[values.size() - 1];
}

Status fill_from_field(Tensor& tensor, const TensorFields& fields, TensorField field, int64_t given) {
  if (field == TensorField::kString) {
    fill_strings(tensor, fields.strings);
  } else if (field == TensorField::kHalf ||
             (field == TensorField::kInt && dtype_size(tensor.dtype()) < sizeof(int32_t))) {
    return fill_narrow(tensor, field, fields);
  } else {
    fill(tensor, fields[field].data, given);
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
    return invalid_argument("dtype ", number, " is a reference type (", static_cast<DType>(number - kRefOffset),
                            "_ref); values have none");
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
  TensorField field = field_of(dtype);
  if (field == TensorField::kCount) return unimplemented("constants of ", dtype, " are not supported");
  for (int f = kFirstField; f < kFieldCount; ++f) {
    auto other = static_cast<TensorField>(f);
    if (other == field || fields[other].count == 0) continue;
    return invalid_argument("a ", dtype, " tensor has values in ", name_of(other), "; its values belong in ",
                            name_of(field));
  }
  int64_t count = shape.elements();
  int64_t given = fields[field].count;
  if (!fields.content.empty() && given > 0) {
    return invalid_argument(type, " has both tensor_content (", fields.content.size(), " bytes) and ", given, ' ',
                            name_of(field));
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
    return invalid_argument(name_of(field), " holds ", given, " numbers; complex elements are pairs");
  }
  given /= per_element;
  if (given > count) return invalid_argument(name_of(field), " holds ", given, " values but ", type, " takes ", count);
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
