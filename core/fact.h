// Fact: what is known of a wire before anything runs: dtype, shape as far as known, and the value if it is constant.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/linked_parts.h"
#include "core/tensor.h"

namespace tarn {

constexpr int64_t kUnknownElement = std::numeric_limits<int64_t>::min();

// What a TensorArray or a stack holds, as far as a compiler has seen by now: all its elements have this shape. Ops that
// put elements in add() theirs; a compiler infers until nothing is added anymore, so what is read is true in the end.
struct Contents {
  bool is_empty = true;
  bool is_anything = false;  // elements that no compiler sees may be put in
  Shape shape = Shape::unknown();
  void add(const Shape& element) {
    if (is_empty) {
      shape = element;
    } else if (shape.rank() != element.rank()) {
      shape = Shape::unknown();
    } else {
      for (int d = 0; d < shape.rank(); ++d) {
        if (shape.dim(d) != element.dim(d)) shape.set_dim(d, kUnknownDim);
      }
    }
    is_empty = false;
  }
  // Of an element read; `declared` if nothing better is known.
  Shape element(const Shape& declared) const { return is_empty || is_anything ? declared : shape; }
};

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

  // Of a handle that an op with kTakesContainer gets, while a compiler infers a whole program; else null.
  Contents* contents = nullptr;

  bool has_value() const { return value.is_valid(); }
  // Refers to a variable, as a reference or by a resource handle.
  bool is_variable() const { return kHasVariables && (is_ref || behind != nullptr); }
  // What is known of the variable that this refers to; nothing, of a handle on something unknown.
  const Fact& variable() const {
    if constexpr (!kHasVariables) return *this;
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
