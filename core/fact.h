// Fact: what is known of a wire before anything runs: dtype, shape as far as known, and the value if it is constant.
#pragma once

#include <string>

#include "core/tensor.h"

namespace tarn {

struct Fact {
  DType dtype = DType::kInvalid;
  Shape shape = Shape::unknown();
  Tensor value = {};    // valid only for constants
  bool is_ref = false;  // a handle on a variable (TensorFlow's DT_*_REF)

  bool has_value() const { return value.is_valid(); }
  static Fact of(const Tensor& tensor) { return {tensor.dtype(), tensor.shape(), tensor, false}; }
  // "f32[?,28,28,1]"; "ref(f32[10])"; unknown rank "f32?".
  std::string to_string() const {
    std::string text = std::string(dtype_short_name(dtype)) + shape.to_string();
    return is_ref ? "ref(" + text + ")" : text;
  }
};

}  // namespace tarn
