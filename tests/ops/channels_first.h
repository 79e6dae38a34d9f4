// The same case with the channels first: NCHW or NCDHW instead of NHWC or NDHWC.
//
//   cases.push_back(channels_first(conv_case, {.images = {0}, .outputs = {0}}));
#pragma once

#include "tests/ops/op_case.h"

namespace tarn::testing {

struct ImageOperands {
  std::vector<int> images = {};   // inputs that are images
  std::vector<int> sizes = {};    // inputs that hold an image's sizes
  std::vector<int> outputs = {};  // outputs that are images
};

OpCase channels_first(OpCase op_case, const ImageOperands& operands);

}  // namespace tarn::testing
