// Tensors for tests: every storable dtype, with pseudo-random bits that only depend on the seed.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "core/tensor.h"

namespace tarn {

inline std::vector<DType> storable_dtypes() {
  std::vector<DType> dtypes;
  for (int number = 1; number <= static_cast<int>(DType::kUInt64); ++number) {
    auto dtype = static_cast<DType>(number);
    if (dtype != DType::kResource && dtype != DType::kVariant) dtypes.push_back(dtype);
  }
  return dtypes;
}

inline Tensor random_tensor(DType dtype, const Shape& shape, int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  Tensor tensor = *Tensor::zeros(dtype, shape);
  if (dtype == DType::kString) {
    for (std::string& text : tensor.mutable_flat<std::string>()) {
      text.resize(random() % 300);
      for (char& c : text) c = static_cast<char>(random());
    }
  } else {
    auto* bytes = static_cast<uint8_t*>(tensor.mutable_data());
    for (size_t i = 0; i < tensor.byte_size(); ++i) {
      bytes[i] = static_cast<uint8_t>(dtype == DType::kBool ? random() % 2 : random());
    }
  }
  return tensor;
}

}  // namespace tarn
