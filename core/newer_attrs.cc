#include "core/newer_attrs.h"

#include <algorithm>
#include <iterator>

namespace tarn {
namespace {

// The first release whose op table has the attr, as seen from the files and reports of readers that lacked it.
constexpr NewerAttr kNewerAttrs[] = {
    {"Conv2D", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"Conv2DBackpropInput", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"Conv2DBackpropFilter", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"Conv3D", "dilations", "1.5", "[1, 1, 1, 1, 1]"},
    {"DepthwiseConv2dNative", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"DepthwiseConv2dNativeBackpropInput", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"DepthwiseConv2dNativeBackpropFilter", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"QuantizedConv2D", "dilations", "1.5", "[1, 1, 1, 1]"},
    {"Cast", "Truncate", "1.11", "false"},
    {"Conv2D", "explicit_paddings", "1.14", "[]"},
    {"Conv2DBackpropInput", "explicit_paddings", "1.14", "[]"},
    {"Conv2DBackpropFilter", "explicit_paddings", "1.14", "[]"},
    {"DepthwiseConv2dNative", "explicit_paddings", "2.4", "[]"},
    {"DepthwiseConv2dNativeBackpropInput", "explicit_paddings", "2.4", "[]"},
    {"DepthwiseConv2dNativeBackpropFilter", "explicit_paddings", "2.4", "[]"},
    {"MaxPool", "explicit_paddings", "2.4", "[]"},
    {"MaxPoolGrad", "explicit_paddings", "2.4", "[]"},
    {"ResizeBilinear", "half_pixel_centers", "1.14", "false"},
    {"ResizeBilinearGrad", "half_pixel_centers", "1.14", "false"},
    {"ResizeNearestNeighbor", "half_pixel_centers", "1.14", "false"},
    {"ResizeNearestNeighborGrad", "half_pixel_centers", "1.14", "false"},
    {"ResizeBicubic", "half_pixel_centers", "1.14", "false"},
    {"GatherV2", "batch_dims", "1.14", "0"},
    {"ResourceGather", "batch_dims", "1.14", "0"},
    {"Equal", "incompatible_shape_error", "1.15", "true"},
    {"NotEqual", "incompatible_shape_error", "1.15", "true"},
    {"FusedBatchNorm", "exponential_avg_factor", "2.2", "1"},
    {"FusedBatchNormV2", "exponential_avg_factor", "2.2", "1"},
    {"FusedBatchNormV3", "exponential_avg_factor", "2.2", "1"},
};

}  // namespace

const NewerAttr* find_newer_attr(std::string_view op, std::string_view attr) {
  const auto* found = std::find_if(std::begin(kNewerAttrs), std::end(kNewerAttrs),
                                   [&](const NewerAttr& row) { return row.attr == attr && row.op == op; });
  return found == std::end(kNewerAttrs) ? nullptr : found;
}

bool says_as_always(std::string_view op, std::string_view attr, const AttrValue& value) {
  const NewerAttr* newer = find_newer_attr(op, attr);
  if (newer == nullptr) return value.looks_like_a_default();
  return value.to_string() == newer->as_always;
}

}  // namespace tarn
