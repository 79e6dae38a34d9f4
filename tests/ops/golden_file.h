// The files of tests/goldens/ops, read: what their JSON means is in tests/goldens/README.md.
//
//   Tensor x = golden::read_tensor(json.at("inputs")[0]);
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/attr.h"
#include "core/tensor.h"
#include "ops/support/half.h"

namespace tarn::golden {

using Json = nlohmann::json;

template <class T>
T number(const Json& value) {
  if constexpr (kIsNarrow<T>) {
    return narrowed<T>(number<float>(value));
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const double huge = std::numeric_limits<double>::infinity();
    return static_cast<T>(text == "nan" ? std::nan("") : text == "inf" ? huge : -huge);
  } else {
    return value.get<T>();
  }
}

template <class T>
Tensor read_values(DType dtype, const Shape& shape, const Json& values) {
  Tensor tensor = *Tensor::zeros(dtype, shape);
  std::transform(values.begin(), values.end(), tensor.mutable_flat<T>().begin(), number<T>);
  return tensor;
}

// Calls f with a value of the C++ type that stores `dtype`.
template <class F>
auto with_storage(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kFloat: return f(float{});
    case DType::kDouble: return f(double{});
    case DType::kInt32:
    case DType::kQInt32: return f(int32_t{});
    case DType::kInt64: return f(int64_t{});
    case DType::kUInt8:
    case DType::kQUInt8: return f(uint8_t{});
    case DType::kInt8:
    case DType::kQInt8: return f(int8_t{});
    case DType::kInt16:
    case DType::kQInt16: return f(int16_t{});
    case DType::kQUInt16:
    case DType::kUInt16: return f(uint16_t{});
    case DType::kUInt32: return f(uint32_t{});
    case DType::kUInt64: return f(uint64_t{});
    case DType::kHalf: return f(Half{});
    case DType::kBFloat16: return f(BFloat16{});
    case DType::kBool: return f(bool{});
    default: ADD_FAILURE() << "a golden has dtype " << dtype_name(dtype); return f(float{});
  }
}

inline Shape shape_of(const Json& tensor) {
  const auto dims = tensor.at("shape").get<std::vector<int64_t>>();
  return *Shape::make(dims);
}

inline DType dtype_of(const Json& tensor) {
  return *dtype_from_name(tensor.at("dtype").get<std::string>());
}

// A string's bytes are written as characters U+0000 to U+00FF.
inline std::string bytes_of(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_pair = (byte & 0xE0) == 0xC0 && i + 1 < text.size();
    bytes += is_pair ? static_cast<char>(byte << 6 | (text[++i] & 0x3F)) : text[i];
  }
  return bytes;
}

inline Tensor read_tensor(const Json& json) {
  const DType dtype = dtype_of(json);
  if (dtype == DType::kString) {
    std::vector<std::string> values;
    for (const Json& value : json.at("values")) values.push_back(bytes_of(value.get<std::string>()));
    return Tensor::from<std::string>(shape_of(json), values);
  }
  return with_storage(dtype,
                      [&](auto zero) { return read_values<decltype(zero)>(dtype, shape_of(json), json.at("values")); });
}

inline Shape read_shape(const Json& dims) {
  return dims.is_null() ? Shape::unknown() : *Shape::make(dims.get<std::vector<int64_t>>());
}

inline AttrValue read_attr(const Json& attr) {
  const std::string kind = attr.begin().key();
  const Json& value = attr.begin().value();
  if (kind == "i") return value.get<int64_t>();
  if (kind == "f") return value.get<float>();
  if (kind == "b") return value.get<bool>();
  if (kind == "s") return bytes_of(value.get<std::string>());
  if (kind == "shape") return read_shape(value);
  if (kind == "list_s") {
    std::vector<std::string> texts;
    for (const Json& text : value) texts.push_back(bytes_of(text.get<std::string>()));
    return texts;
  }
  if (kind == "list_type") {
    std::vector<DType> types;
    for (const Json& type : value) types.push_back(*dtype_from_name(type.get<std::string>()));
    return types;
  }
  if (kind == "list_shape") {
    std::vector<Shape> shapes;
    for (const Json& shape : value) shapes.push_back(read_shape(shape));
    return shapes;
  }
  if (kind == "type") return *dtype_from_name(value.get<std::string>());
  if (kind == "list_i") return value.get<std::vector<int64_t>>();
  if (kind == "list_f") return value.get<std::vector<float>>();
  if (kind == "list") return AttrValue::EmptyList{};
  ADD_FAILURE() << "a golden has an attr of kind " << kind;
  return {};
}

}  // namespace tarn::golden
