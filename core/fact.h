// Fact: what is known of a wire before anything runs: dtype, shape as far as known, and the value if it is constant.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
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
  // Of a resource handle: what its variable is declared to hold (TensorFlow's handle data). Null: not a handle on a
  // variable, as far as is known.
  std::shared_ptr<const Fact> behind = {};

  bool has_value() const { return value.is_valid(); }
  // Refers to a variable, as a reference or by a resource handle.
  bool is_variable() const { return is_ref || behind != nullptr; }
  // What is known of the variable that this refers to; nothing, of a handle on something unknown.
  const Fact& variable() const {
    static const Fact unknown;
    if (behind != nullptr) return *behind;
    return dtype == DType::kResource ? unknown : *this;
  }
  static Fact of(const Tensor& tensor) { return {.dtype = tensor.dtype(), .shape = tensor.shape(), .value = tensor}; }
  // "f32[?,28,28,1]"; "ref(f32[10])"; "handle(f32[10])"; unknown rank "f32?".
  std::string to_string() const {
    if (behind != nullptr) return "handle(" + behind->to_string() + ")";
    std::string text = std::string(dtype_short_name(dtype)) + shape.to_string();
    return is_ref ? "ref(" + text + ")" : text;
  }
};

}  // namespace tarn
