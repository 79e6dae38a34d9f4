// What passes around convolutions share: constants as numbers, and where padding="SAME" pads.
//
//   std::optional<std::vector<int64_t>> paddings = integers(rewriter.constant(pad.inputs[1]));
//   if (same_padding(height, 3, 2, 1) == Around{0, 1}) …
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// Of an int32 or int64 tensor; nothing for others and for nullptr.
std::optional<std::vector<int64_t>> integers(const Tensor* tensor);
// A single zero, of any dtype.
bool is_zero(const Tensor* tensor);

// How many cells are added before and after those of one dim.
struct Around {
  int64_t before = 0, after = 0;
  bool operator==(const Around&) const = default;
};
// What SAME adds to a dim of this size; nothing if the size must be known for that and is not.
std::optional<Around> same_padding(int64_t size, int64_t window, int64_t stride, int64_t dilation);

// Where an image of this layout has its height; its width comes next.
int height_dim(const Node& node);
// A list attr of four, or four ones where it is not given (dilations of old files).
std::vector<int64_t> four(const Node& node, std::string_view attr);

}  // namespace tarn
