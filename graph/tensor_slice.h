// TensorSlice: the part of a tensor that one partition of a variable holds, as checkpoints and SaveV2 name it.
//
//   TensorSlice::Spec spec = *TensorSlice::parse("10 4 5,5:-");     // of a [10,4] tensor: rows 5..9, all columns
//   spec.full_shape.to_string() == "[10,4]";   spec.slice.to_string() == "5,5:-"
//   spec.slice.shape_of(spec.full_shape)->to_string() == "[5,4]"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace tarn {

namespace pb {
class TensorSliceProto;
}

struct TensorSlice {
  static constexpr int64_t kAll = -1;
  struct Extent {
    int64_t start = 0;
    int64_t length = kAll;  // kAll: the whole dimension (start is 0)
    bool operator==(const Extent&) const = default;
  };
  std::vector<Extent> extents;  // one a dimension

  struct Spec;
  // TensorFlow's shape_and_slice: dims apart by spaces, then an extent a dimension apart by ':'; "-" is a whole one.
  static Result<Spec> parse(std::string_view text);
  static Result<TensorSlice> from_proto(const pb::TensorSliceProto& proto);
  pb::TensorSliceProto to_proto() const;

  bool is_full() const;
  bool operator==(const TensorSlice&) const = default;
  std::string to_string() const;
  // The shape of the part, or an error if this is no part of a tensor of shape `full`.
  Result<Shape> shape_of(const Shape& full) const;
  // Whether both, parts of a tensor of shape `full`, have an element in common.
  bool overlaps(const TensorSlice& other, const Shape& full) const;
  // The key of this part of `name` in a checkpoint's table: bytes that sort before every name.
  std::string key(std::string_view name) const;
};

struct TensorSlice::Spec {
  Shape full_shape;
  TensorSlice slice;
};

// Copies between a tensor and a part of it; shapes and dtypes must fit (they were judged by shape_of).
void copy_into_slice(const Tensor& part, const TensorSlice& slice, Tensor& full);
Result<Tensor> copy_slice(const Tensor& full, const TensorSlice& slice);

}  // namespace tarn
