#include "ops/window3d.h"

#include <limits>

namespace tarn {
namespace {

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
constexpr std::string_view kDimNames[] = {"depth", "height", "width"};

Status read_spatial(const AttrMap& attrs, std::string_view name, bool is_ncdhw, Dims3& dims) {
  const auto& list = attrs.get<std::vector<int64_t>>(name);
  if (list.size() != 5) return invalid_argument("attr '", name, "' must have 5 numbers, has ", list.size());
  for (int64_t value : list) {
    if (value < 1 || value > kMost) {
      return invalid_argument("attr '", name, "' holds ", value, ", not in [1, ", kMost, "]");
    }
  }
  size_t channels = is_ncdhw ? 1 : 4, first = is_ncdhw ? 2 : 1;
  if (list[0] != 1 || list[channels] != 1) {
    return invalid_argument("attr '", name, "' must be 1 for batch and channels, is ", list[0], " and ",
                            list[channels]);
  }
  for (size_t d = 0; d < 3; ++d) dims[d] = list[first + d];
  return {};
}

Status expect_rank_5(const Shape& shape, std::string_view name) {
  if (!shape.has_rank() || shape.rank() == 5) return {};
  return invalid_argument("input '", name, "' must have rank 5, has shape ", shape);
}

int64_t dim_or_unknown(const Shape& shape, int i) {
  return shape.has_rank() ? shape.dim(i) : kUnknownDim;
}

// Reads batch, channels and sizes of `input`, whose rank is judged, and slides g.window over it.
Status slide_over(const Window3DAttrs& window, const Shape& input, Geometry3D& g) {
  int channels = window.is_ncdhw ? 1 : 4, first = window.is_ncdhw ? 2 : 1;
  g.batch = dim_or_unknown(input, 0);
  g.in_c = dim_or_unknown(input, channels);
  g.stride = window.stride;
  g.dilation = window.dilation;
  for (size_t d = 0; d < 3; ++d) {
    g.in[d] = dim_or_unknown(input, first + static_cast<int>(d));
    TARN_ASSIGN_OR_RETURN(WindowDim slid, slide_window(kDimNames[d], window.padding, g.in[d], g.window[d], g.stride[d],
                                                       g.dilation[d], 0, 0));
    g.out[d] = slid.out;
    g.pad[d] = slid.pad_before;
  }
  return {};
}

}  // namespace

Result<Window3DAttrs> Window3DAttrs::read(const AttrMap& attrs) {
  Window3DAttrs window;
  window.is_ncdhw = attrs.get<std::string>("data_format") == "NCDHW";
  window.padding = attrs.get<std::string>("padding") == "SAME" ? Padding::kSame : Padding::kValid;
  TARN_RETURN_IF_ERROR(read_spatial(attrs, "strides", window.is_ncdhw, window.stride));
  if (attrs.contains("dilations")) {
    TARN_RETURN_IF_ERROR(read_spatial(attrs, "dilations", window.is_ncdhw, window.dilation));
  }
  if (attrs.contains("ksize")) TARN_RETURN_IF_ERROR(read_spatial(attrs, "ksize", window.is_ncdhw, window.window));
  return window;
}

Result<Geometry3D> conv3d_geometry(const Window3DAttrs& window, const Shape& input, const Shape& filter) {
  TARN_RETURN_IF_ERROR(expect_rank_5(input, "input"));
  TARN_RETURN_IF_ERROR(expect_rank_5(filter, "filter"));
  Geometry3D g;
  for (size_t d = 0; d < 3; ++d) g.window[d] = dim_or_unknown(filter, static_cast<int>(d));
  g.out_c = dim_or_unknown(filter, 4);
  int64_t filter_channels = dim_or_unknown(filter, 3);
  if (g.window[0] == 0 || g.window[1] == 0 || g.window[2] == 0 || filter_channels == 0) {
    return invalid_argument("filter must have depth, height, width and input channels of at least 1, has ", filter);
  }
  TARN_RETURN_IF_ERROR(slide_over(window, input, g));
  if (g.in_c == kUnknownDim) g.in_c = filter_channels;
  if (filter_channels == kUnknownDim || g.in_c == filter_channels) return g;
  std::string text = str_cat("filter expects ", filter_channels, " input channels but input has ", g.in_c);
  if (g.in_c > 0 && g.in_c % filter_channels == 0) {
    return unimplemented(text, ": convolution in ", g.in_c / filter_channels, " groups is not supported");
  }
  return invalid_argument(text);
}

Result<Geometry3D> pool3d_geometry(const Window3DAttrs& window, const Shape& input, std::string_view name) {
  TARN_RETURN_IF_ERROR(expect_rank_5(input, name));
  Geometry3D g;
  g.window = window.window;
  TARN_RETURN_IF_ERROR(slide_over(window, input, g));
  return g;
}

Result<Shape> output3d(const Window3DAttrs& window, const Geometry3D& g, int64_t channels) {
  Shape shape = window.is_ncdhw ? Shape{g.batch, channels, g.out[0], g.out[1], g.out[2]}
                                : Shape{g.batch, g.out[0], g.out[1], g.out[2], channels};
  int64_t product = 1;
  for (int64_t dim : shape.dims()) {
    if (dim == kUnknownDim) continue;
    TARN_ASSIGN_OR_RETURN(product, checked_multiply(product, dim));
  }
  return shape;
}

}  // namespace tarn
