// TensorFields: a TensorProto's fields as they were found, from either reader (libprotobuf or runtime/wire); and the
// one place that turns them into a Tensor and judges them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace tarn {

// The fields with elements, by TensorProto's numbers.
enum class TensorField : uint8_t {
  kFloat = 5,
  kDouble = 6,
  kInt = 7,
  kString = 8,
  kComplex = 9,
  kInt64 = 10,
  kBool = 11,
  kDoubleComplex = 12,
  kHalf = 13,
  kResource = 14,
  kVariant = 15,
  kUInt32 = 16,
  kUInt64 = 17,
  kFloat8 = 18,
  kCount
};

struct TensorFields {
  // Numbers as they lie in memory: halves as int32, complex ones as two. Of kinds that have no storage here and of
  // strings, how many there are.
  struct Values {
    const void* data = nullptr;
    int64_t count = 0;
  };
  Values& operator[](TensorField field) { return values[static_cast<size_t>(field)]; }
  const Values& operator[](TensorField field) const { return values[static_cast<size_t>(field)]; }

  int dtype = 0;
  bool unknown_rank = false;
  std::vector<int64_t> dims;
  std::string_view content;  // tensor_content
  Values values[static_cast<size_t>(TensorField::kCount)];
  std::vector<std::string_view> strings;
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
