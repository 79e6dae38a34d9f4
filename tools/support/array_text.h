// The elements of a tensor as NumPy prints an array: nested brackets, columns aligned, "..." for what is left out.
//
//   array_text(Tensor::from<float>({2, 2}, {1, 2.5, -3, 4}))
//   // [[ 1.   2.5]
//   //  [-3.   4. ]]
#pragma once

#include <string>

#include "core/tensor.h"

namespace tarn {

struct ArrayTextOptions {    // as of numpy.set_printoptions
  int64_t threshold = 1000;  // elements; of larger arrays only the edges are shown
  int64_t edge_items = 3;
  int line_width = 75;
};
std::string array_text(const Tensor& tensor, const ArrayTextOptions& options = {});

}  // namespace tarn
