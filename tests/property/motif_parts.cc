#include "tests/property/motif_parts.h"

#include <algorithm>
#include <cmath>

namespace tarn::testing {

DType float_dtype(Random& random) {
  double at = random.unit();
  return at < 0.82 ? DType::kFloat : at < 0.92 ? DType::kDouble : DType::kHalf;
}

bool is_float(const GrownValue& value) {
  return dtype_is_floating(value.tensor.dtype()) && value.tensor.dtype() != DType::kBFloat16;
}

std::string word(DType dtype) {
  return std::string(dtype_short_name(dtype));
}

Tensor float_scalar(DType dtype, double value) {
  Result<Tensor> tensor = tensor_from_text(str_cat(type_text(dtype, {}), "{", value, "}"));
  return tensor.ok() ? *tensor : *Tensor::zeros(dtype, {});
}

Tensor positive(Tensor tensor) {
  for (float& v : tensor.mutable_flat<float>()) v = std::abs(v) + 0.25f;
  for (double& v : tensor.mutable_flat<double>()) v = std::abs(v) + 0.25;
  if (tensor.dtype() == DType::kHalf) {
    for (uint16_t& v : tensor.mutable_flat<uint16_t>()) v = static_cast<uint16_t>((v & 0x3FF) | 0x3800);  // [0.5, 1)
  }
  return tensor;
}

std::string ints_text(const std::vector<int>& values) {
  return str_cat("{", str_join(values), "}");
}

Chosen choose(Piece& piece, int least_rank, int most_rank) {
  Random& random = piece.random();
  auto fits = [&](const GrownValue& v) {
    return is_float(v) && v.tensor.shape().rank() >= least_rank && v.tensor.shape().rank() <= most_rank;
  };
  if (random.chance(0.85)) {
    if (std::optional<size_t> value = piece.find(fits)) {
      const Tensor& tensor = piece.value_of(*value);
      return {piece.import(*value), tensor.dtype(), tensor.shape()};
    }
  }
  Shape shape;
  int rank = least_rank + random.below(std::min(most_rank, 4) - least_rank + 1);
  for (int d = 0; d < rank; ++d) shape.add_dim(random.chance(0.04) ? 0 : 1 + random.below(4));
  DType dtype = float_dtype(random);
  return {piece.placeholder("x", random_value(dtype, shape, random, random.chance(0.03))), dtype, shape};
}
Chosen choose_image(Piece& piece, DType dtype) {
  Random& random = piece.random();
  auto fits = [&](const GrownValue& v) {
    const Shape& shape = v.tensor.shape();
    return is_float(v) && shape.rank() == 4 && (dtype == DType::kInvalid || v.tensor.dtype() == dtype);
  };
  if (random.chance(0.7)) {
    if (std::optional<size_t> value = piece.find(fits)) {
      const Tensor& tensor = piece.value_of(*value);
      return {piece.import(*value), tensor.dtype(), tensor.shape()};
    }
  }
  Shape shape{1 + random.below(2), 2 + random.below(5), 2 + random.below(5), 1 + random.below(4)};
  if (dtype == DType::kInvalid) dtype = float_dtype(random);
  return {piece.placeholder("image", random_value(dtype, shape, random)), dtype, shape};
}

}  // namespace tarn::testing
