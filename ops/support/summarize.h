// The first elements of a tensor as TensorFlow's Tensor::SummarizeValue prints them, for Assert's message.
//
//   summarize_value(view, 3)    // "[1 2 3]..." of a matrix, "1 2 3..." of a vector
#pragma once

#include <string>

#include "core/kernel.h"

namespace tarn {

// At most `most` elements; -1: all.
std::string summarize_value(const TensorView& view, int64_t most);

}  // namespace tarn
