// Which output of a Switch or _SwitchN gets the value.
//
//   int taken = branch_taken(predicate.dtype(), predicate.data(), 2);
#pragma once

#include "core/dtype.h"

namespace tarn {

// `scalar` points to one bool (false: 0, true: 1) or one int32; of an index that is none, the last branch, as in
// TensorFlow.
inline int branch_taken(DType dtype, const void* scalar, size_t branches) {
  if (dtype == DType::kBool) return *static_cast<const bool*>(scalar) ? 1 : 0;
  int index = *static_cast<const int32_t*>(scalar), last = static_cast<int>(branches) - 1;
  return index < 0 || index > last ? last : index;
}

}  // namespace tarn
