// Elements of a tensor as TensorFlow's Tensor::SummarizeValue prints them, for messages and tf.print.
//
//   summarize_value(view, 3)    // "[1 2 3]..." of a matrix, "1 2 3..." of a vector: the first
//   show_ends(view, 1)          // "[[1 ... 4]\n ...\n [9 ... 12]]": of each dim the first and the last
#pragma once

#include <string>

#include "core/kernel.h"

namespace tarn {

// At most `most` elements; -1: all.
std::string summarize_value(const TensorView& view, int64_t most);
// At most `most` elements at either end of a dim; -1: all. Strings in quotes.
std::string show_ends(const TensorView& view, int64_t most);

}  // namespace tarn
