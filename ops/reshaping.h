// What Reshape and QuantizedReshape share: shapes that a tensor may be given.
//
//   TARN_ASSIGN_OR_RETURN(Shape output, reshaped(*c.input(0).shape, IntList::of(c.input(1))));
#pragma once

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {

// What Reshape makes of `input` (perhaps not fully known) with these sizes, of which one may be -1.
Result<Shape> reshaped(const Shape& input, const IntList& sizes);
// Output 0 of an op with the tensor as input 0 and the sizes as input 1: its shape, and its value where both are known.
Status infer_reshape(InferContext& c);

}  // namespace tarn
