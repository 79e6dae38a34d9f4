// Tensor <-> TensorProto, Shape <-> TensorShapeProto, DType <-> DataType: constants and attributes of GraphDefs.
//
//   Result<Tensor> weights = tensor_from_proto(node.attr().at("value").tensor());
//   *attr.mutable_tensor() = tensor_to_proto(*weights);
//
// Every count and size of a TensorProto is checked before memory is taken for it. Errors say what the proto holds and
// what it should; the caller adds the node.
#pragma once

#include <cstdint>

#include "core/tensor_fields.h"
#include "proto/graph.pb.h"

namespace tarn {

struct TensorProtoOptions {
  // A few bytes of proto can stand for any number of elements (one value repeated, or none: zeros). Larger is refused.
  int64_t max_bytes = int64_t{2} << 30;
};

// The elements are tensor_content or the dtype's typed field. In the typed field the last value repeats; no value at
// all means zeros (as in TensorFlow, whose files rely on it).
Result<Tensor> tensor_from_proto(const pb::TensorProto& proto, const TensorProtoOptions& options = {});

// As TensorFlow's make_tensor_proto: one element (of string, bool, uint16 and complex: any number) in the typed field,
// more in tensor_content.
pb::TensorProto tensor_to_proto(const Tensor& tensor);
// Whether that is tensor_content: the elements as they lie in memory.
bool is_written_as_content(const Tensor& tensor);

// Any shape that an attribute may hold: -1 is an unknown dim. Below -1 or rank > 254: an error.
Result<Shape> shape_from_proto(const pb::TensorShapeProto& proto);
// The shape of an existing tensor: rank known, dims >= 0, and their product within int64.
Result<Shape> full_shape_from_proto(const pb::TensorShapeProto& proto);
pb::TensorShapeProto shape_to_proto(const Shape& shape);

inline Result<DType> dtype_from_proto(int number) {
  return dtype_from_number(number);
}
pb::DataType dtype_to_proto(DType dtype);

}  // namespace tarn
