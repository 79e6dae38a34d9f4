// TensorFields: a TensorProto's fields as they were found, from either reader (libprotobuf or runtime/wire); and the
// one place that turns them into a Tensor and judges them.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace tarn {

struct TensorFields {
  int dtype = 0;
  bool unknown_rank = false;
  std::vector<int64_t> dims;
  std::string_view content;  // tensor_content
  std::span<const float> float_val;
  std::span<const double> double_val;
  std::span<const int32_t> int_val;
  std::vector<std::string_view> string_val;
  std::span<const float> scomplex_val;
  std::span<const int64_t> int64_val;
  std::span<const bool> bool_val;
  std::span<const double> dcomplex_val;
  std::span<const int32_t> half_val;
  std::span<const uint32_t> uint32_val;
  std::span<const uint64_t> uint64_val;
  // Kinds of value that have no storage here; their number is enough to refuse them.
  int resource_handle_val_count = 0, variant_val_count = 0, float8_val_count = 0;
  // If set, keeps `content` alive: a tensor whose content is aligned for its dtype then uses it in place.
  std::shared_ptr<const void> content_owner;
};

// The elements are `content` or the dtype's typed field; the last value repeats, none at all means zeros (as in
// TensorFlow, whose files rely on it). Every count and size is checked before memory is taken; a tensor that needs more
// than `max_bytes` though the file spells fewer is refused. The caller adds the node.
Result<Tensor> tensor_from_fields(const TensorFields& fields, int64_t max_bytes);

// Value types only: 0, references (101 …) and unknown numbers are errors naming the number.
Result<DType> dtype_from_number(int number);
// Bools are bytes 0 and 1; others (undefined behaviour once read) are an error naming the element.
Status check_bools(const Tensor& tensor);

}  // namespace tarn
