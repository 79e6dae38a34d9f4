// Fact: what is known of a wire before anything runs: dtype, shape as far as known, and the value if it is constant.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace tarn {

constexpr int64_t kUnknownElement = std::numeric_limits<int64_t>::min();

struct Fact {
  DType dtype = DType::kInvalid;
  Shape shape = Shape::unknown();
  Tensor value = {};    // valid only for constants
  bool is_ref = false;  // a handle on a variable (TensorFlow's DT_*_REF)
  // Of an integer vector known in part: its elements, kUnknownElement where not known; else empty. Graphs put shapes
  // together from a batch size that only a run knows and numbers that are known: so these are not lost.
  std::vector<int64_t> elements = {};

  bool has_value() const { return value.is_valid(); }
  static Fact of(const Tensor& tensor) { return {.dtype = tensor.dtype(), .shape = tensor.shape(), .value = tensor}; }
  // "f32[?,28,28,1]"; "ref(f32[10])"; unknown rank "f32?".
  std::string to_string() const {
    std::string text = std::string(dtype_short_name(dtype)) + shape.to_string();
    return is_ref ? "ref(" + text + ")" : text;
  }
};

}  // namespace tarn
