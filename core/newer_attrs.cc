#include "core/newer_attrs.h"

namespace tarn {
namespace {

// The first release whose op table has the attr, as seen from the files and reports of readers that lacked it.
constexpr NewerAttr kNewerAttrs[] = {
    {"dilations", "1.5", "[1, 1, 1, 1]",
     "Conv2D Conv2DBackpropInput Conv2DBackpropFilter DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput "
     "DepthwiseConv2dNativeBackpropFilter QuantizedConv2D "},
    {"dilations", "1.5", "[1, 1, 1, 1, 1]", "Conv3D "},
    {"Truncate", "1.11", "false", "Cast "},
    {"explicit_paddings", "1.14", "[]", "Conv2D Conv2DBackpropInput Conv2DBackpropFilter "},
    {"explicit_paddings", "2.4", "[]",
     "DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput DepthwiseConv2dNativeBackpropFilter MaxPool "
     "MaxPoolGrad "},
    {"half_pixel_centers", "1.14", "false",
     "ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor ResizeNearestNeighborGrad ResizeBicubic "},
    {"batch_dims", "1.14", "0", "GatherV2 ResourceGather "},
    {"incompatible_shape_error", "1.15", "true", "Equal NotEqual "},
    {"exponential_avg_factor", "2.2", "1", "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 "},
};

// Whether `word` is one of `words`, which all end with a space.
bool has_word(std::string_view words, std::string_view word) {
  for (; !words.empty(); words.remove_prefix(words.find(' ') + 1)) {
    if (words.starts_with(word) && words[word.size()] == ' ') return true;
  }
  return false;
}

}  // namespace

const NewerAttr* find_newer_attr(std::string_view op, std::string_view attr) {
  for (const NewerAttr& row : kNewerAttrs) {
    if (row.attr == attr && has_word(row.ops, op)) return &row;
  }
  return nullptr;
}

bool says_as_always(std::string_view op, std::string_view attr, const AttrValue& value) {
  const NewerAttr* newer = find_newer_attr(op, attr);
  if (newer == nullptr) return value.looks_like_a_default();
  return value.to_string() == newer->as_always;
}

}  // namespace tarn
