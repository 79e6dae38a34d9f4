// Matrix products of integers: not hot, so plain loops; what does not fit wraps, as in TensorFlow's.
#pragma once

#include <cstdint>

#include "ops/elementwise.h"

namespace tarn {

// One element of a product: a row of `x` and a column of `y`, elements so far apart.
template <class T>
T wrapped_dot(const T* x, int64_t x_step, const T* y, int64_t y_step, int64_t count) {
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) sum = wrap_add(sum, wrap_multiply(x[i * x_step], y[i * y_step]));
  return sum;
}

}  // namespace tarn
