#include "ops/window.h"

#include <limits>

#include "ops/support/array.h"

namespace tarn {
namespace {

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();  // so that sums of a few products stay in int64

// Reads a list of four, one number a dim, all of which must be 1 but those for height and width.
Status read_spatial(const AttrMap& attrs, std::string_view name, const WindowAttrs& window, int64_t& h, int64_t& w) {
  const auto& list = attrs.get<std::vector<int64_t>>(name);
  if (list.size() != 4) return invalid_argument("attr '", name, "' must have 4 numbers, has ", list.size());
  for (int64_t value : list) {
    if (value < 1 || value > kMost) {
      return invalid_argument("attr '", name, "' holds ", value, ", not in [1, ", kMost, "]");
    }
  }
  auto channels = static_cast<size_t>(window.channel_dim());
  if (list[0] != 1 || list[channels] != 1) {
    return invalid_argument("attr '", name, "' must be 1 for batch and channels, is ", list[0], " and ",
                            list[channels]);
  }
  h = list[static_cast<size_t>(window.height_dim())];
  w = list[static_cast<size_t>(window.width_dim())];
  return {};
}

Status read_paddings(const AttrMap& attrs, WindowAttrs& window) {
  const auto& pads = attrs.get<std::vector<int64_t>>("explicit_paddings");
  if (window.padding != Padding::kExplicit) {
    if (pads.empty()) return {};
    return invalid_argument("attr 'explicit_paddings' is given, but 'padding' is ", attrs.get<std::string>("padding"));
  }
  if (pads.size() != 8) {
    return invalid_argument("attr 'explicit_paddings' must have 8 numbers, has ", pads.size());
  }
  for (int64_t pad : pads) {
    if (pad < 0 || pad > kMost) {
      return invalid_argument("attr 'explicit_paddings' holds ", pad, ", not in [0, ", kMost, "]");
    }
  }
  auto at = [&](int dim, int side) { return pads[static_cast<size_t>(2 * dim + side)]; };
  int channels = window.channel_dim(), h = window.height_dim(), w = window.width_dim();
  if (at(0, 0) != 0 || at(0, 1) != 0 || at(channels, 0) != 0 || at(channels, 1) != 0) {
    return invalid_argument("attr 'explicit_paddings' must be 0 for batch and channels");
  }
  window.pad_top = at(h, 0);
  window.pad_bottom = at(h, 1);
  window.pad_left = at(w, 0);
  window.pad_right = at(w, 1);
  return {};
}

// Whether a shape's elements can be counted, unknown dims left out.
Status judge_product(const Shape& shape) {
  int64_t product = 1;
  for (int64_t dim : shape.dims()) {
    if (dim == kUnknownDim) continue;
    TARN_ASSIGN_OR_RETURN(product, checked_multiply(product, dim));
  }
  return {};
}

Status expect_rank_4(const Shape& shape, std::string_view name) {
  if (!shape.has_rank() || shape.rank() == 4) return {};
  return invalid_argument("input '", name, "' must have rank 4, has shape ", shape);
}

int64_t dim_or_unknown(const Shape& shape, int i) {
  return shape.has_rank() ? shape.dim(i) : kUnknownDim;
}

}  // namespace

// SAME: out = ceil(input / stride);  else: out = floor((before + input + after - extent) / stride) + 1
//   with extent = (window - 1) * dilation + 1.  Source: TensorFlow common_shape_fns GetWindowedOutputSize.
Result<WindowDim> slide_window(std::string_view dim, Padding padding, int64_t input, int64_t window, int64_t stride,
                               int64_t dilation, int64_t before, int64_t after) {
  if (window != kUnknownDim && (window < 1 || window > kMost)) {
    return invalid_argument("a window of ", dim, " ", window, " cannot slide");
  }
  if (input > kMost * kMost / 4) return invalid_argument("an image of ", dim, " ", input, " is too large");
  WindowDim result;
  if (padding == Padding::kSame) {
    if (input == kUnknownDim) return result;
    result.out = input / stride + (input % stride != 0 ? 1 : 0);
    if (window == kUnknownDim || result.out == 0) return result;
    // Half of what is missing goes in front, the rest and the odd one behind.
    int64_t missing = (result.out - 1) * stride + (window - 1) * dilation + 1 - input;
    result.pad_before = std::max<int64_t>(0, missing) / 2;
    return result;
  }
  result.pad_before = before;
  if (input == kUnknownDim || window == kUnknownDim) return result;
  int64_t extent = (window - 1) * dilation + 1;
  int64_t padded = before + input + after;
  if (extent > padded) {
    if (padded == 0) {  // nothing to slide over: nothing comes out
      result.out = 0;
      return result;
    }
    return invalid_argument("a window of ", dim, " ", extent, dilation > 1 ? " (dilated)" : "",
                            " does not fit into an input of ", dim, " ", input,
                            padding == Padding::kExplicit ? str_cat(" with ", before + after, " padding") : "");
  }
  result.out = (padded - extent) / stride + 1;
  return result;
}

Result<WindowAttrs> WindowAttrs::read(const AttrMap& attrs) {
  WindowAttrs window;
  window.is_nchw = attrs.get<std::string>("data_format") == "NCHW";
  const auto& padding = attrs.get<std::string>("padding");
  window.padding = padding == "SAME" ? Padding::kSame : padding == "VALID" ? Padding::kValid : Padding::kExplicit;
  TARN_RETURN_IF_ERROR(read_spatial(attrs, "strides", window, window.stride_h, window.stride_w));
  if (attrs.contains("dilations")) {
    TARN_RETURN_IF_ERROR(read_spatial(attrs, "dilations", window, window.dilation_h, window.dilation_w));
  }
  if (attrs.contains("ksize")) {
    TARN_RETURN_IF_ERROR(read_spatial(attrs, "ksize", window, window.window_h, window.window_w));
  }
  if (attrs.contains("explicit_paddings")) TARN_RETURN_IF_ERROR(read_paddings(attrs, window));
  return window;
}

Result<WindowDim> WindowAttrs::slide_h(int64_t input, int64_t window) const {
  return slide_window("height", padding, input, window, stride_h, dilation_h, pad_top, pad_bottom);
}

Result<WindowDim> WindowAttrs::slide_w(int64_t input, int64_t window) const {
  return slide_window("width", padding, input, window, stride_w, dilation_w, pad_left, pad_right);
}

Shape WindowAttrs::image_shape(int64_t batch, int64_t height, int64_t width, int64_t channels) const {
  return is_nchw ? Shape{batch, channels, height, width} : Shape{batch, height, width, channels};
}

Status expect_nhwc(const WindowAttrs& window) {
  if (!window.is_nchw) return {};
  return unimplemented("data_format NCHW has no kernel; NHWC has");
}

Result<kernels::Conv2DGeometry> conv_geometry(const WindowAttrs& window, const Shape& input, const Shape& filter) {
  TARN_RETURN_IF_ERROR(expect_rank_4(input, "input"));
  TARN_RETURN_IF_ERROR(expect_rank_4(filter, "filter"));
  kernels::Conv2DGeometry g;
  g.batch = dim_or_unknown(input, 0);
  g.in_h = dim_or_unknown(input, window.height_dim());
  g.in_w = dim_or_unknown(input, window.width_dim());
  g.in_c = dim_or_unknown(input, window.channel_dim());
  g.filter_h = dim_or_unknown(filter, 0);
  g.filter_w = dim_or_unknown(filter, 1);
  g.out_c = dim_or_unknown(filter, 3);
  int64_t filter_channels = dim_or_unknown(filter, 2);
  if (g.filter_h == 0 || g.filter_w == 0 || filter_channels == 0) {
    return invalid_argument("filter must have height, width and input channels of at least 1, has ", filter);
  }
  if (g.in_c == kUnknownDim) g.in_c = filter_channels;
  if (filter_channels != kUnknownDim && g.in_c != filter_channels) {
    std::string text = str_cat("filter expects ", filter_channels, " input channels but input has ", g.in_c);
    if (g.in_c > 0 && g.in_c % filter_channels == 0) {
      return unimplemented(text, ": convolution in ", g.in_c / filter_channels, " groups is not supported");
    }
    return invalid_argument(text);
  }
  g.stride_h = window.stride_h;
  g.stride_w = window.stride_w;
  g.dilation_h = window.dilation_h;
  g.dilation_w = window.dilation_w;
  TARN_ASSIGN_OR_RETURN(WindowDim h, window.slide_h(g.in_h, g.filter_h));
  TARN_ASSIGN_OR_RETURN(WindowDim w, window.slide_w(g.in_w, g.filter_w));
  g.out_h = h.out;
  g.out_w = w.out;
  g.pad_top = h.pad_before;
  g.pad_left = w.pad_before;
  return g;
}

Result<Shape> conv_output(const WindowAttrs& window, const kernels::Conv2DGeometry& g) {
  Shape shape = window.image_shape(g.batch, g.out_h, g.out_w, g.out_c);
  TARN_RETURN_IF_ERROR(judge_product(shape));
  return shape;
}

Result<kernels::Pool2DGeometry> pool_geometry(const WindowAttrs& window, const Shape& input, std::string_view name) {
  TARN_RETURN_IF_ERROR(expect_rank_4(input, name));
  kernels::Pool2DGeometry g;
  g.batch = dim_or_unknown(input, 0);
  g.in_h = dim_or_unknown(input, window.height_dim());
  g.in_w = dim_or_unknown(input, window.width_dim());
  g.channels = dim_or_unknown(input, window.channel_dim());
  g.window_h = window.window_h;
  g.window_w = window.window_w;
  g.stride_h = window.stride_h;
  g.stride_w = window.stride_w;
  TARN_ASSIGN_OR_RETURN(WindowDim h, window.slide_h(g.in_h, g.window_h));
  TARN_ASSIGN_OR_RETURN(WindowDim w, window.slide_w(g.in_w, g.window_w));
  g.out_h = h.out;
  g.out_w = w.out;
  g.pad_top = h.pad_before;
  g.pad_left = w.pad_before;
  return g;
}

Result<Shape> pool_output(const WindowAttrs& window, const kernels::Pool2DGeometry& g) {
  Shape shape = window.image_shape(g.batch, g.out_h, g.out_w, g.channels);
  TARN_RETURN_IF_ERROR(judge_product(shape));
  return shape;
}

namespace {

RowWindow image_rows(int64_t images, int64_t in_rows, int64_t out_rows, int64_t stride, int64_t extent, int64_t pad) {
  RowWindow window;
  const bool sees_rows = in_rows > 0 && out_rows > 0 && pad < extent && (out_rows - 1) * stride - pad < in_rows;
  if (images <= 0 || !sees_rows) return window;
  window.images = images;
  window.in_rows = in_rows;
  window.out_rows = out_rows;
  window.stride = stride;
  window.extent = extent;
  window.pad = pad;
  return window;
}

size_t row_bytes(int64_t width, int64_t channels, size_t element_bytes) {
  return static_cast<size_t>(std::max<int64_t>(0, width) * std::max<int64_t>(0, channels)) * element_bytes;
}

}  // namespace

RowWindow row_window(const kernels::Conv2DGeometry& g, size_t element_bytes) {
  RowWindow window = image_rows(g.batch, g.in_h, g.out_h, g.stride_h, (g.filter_h - 1) * g.dilation_h + 1, g.pad_top);
  window.in_row_bytes = row_bytes(g.in_w, g.in_c, element_bytes);
  window.out_row_bytes = row_bytes(g.out_w, g.out_c, element_bytes);
  window.work = static_cast<double>(g.out_w) * static_cast<double>(g.filter_depth()) * static_cast<double>(g.out_c);
  if (window.in_row_bytes == 0 || window.out_row_bytes == 0) window.images = 0;
  return window;
}

RowWindow row_window(const kernels::Pool2DGeometry& g, size_t element_bytes) {
  constexpr double kWorkOfCell = 4;
  RowWindow window = image_rows(g.batch, g.in_h, g.out_h, g.stride_h, g.window_h, g.pad_top);
  window.in_row_bytes = row_bytes(g.in_w, g.channels, element_bytes);
  window.out_row_bytes = row_bytes(g.out_w, g.channels, element_bytes);
  window.work = kWorkOfCell * static_cast<double>(g.out_w * g.channels) * static_cast<double>(g.window_h * g.window_w);
  if (window.in_row_bytes == 0 || window.out_row_bytes == 0) window.images = 0;
  return window;
}

namespace {

// The op's sizes are input `i` (0 or 1), the other of the two shapes is input 1 - i.
Status infer_backprop(InferContext& c, int i, int rank, JudgeBackprop judge) {
  constexpr std::string_view kSizes[] = {"input_sizes", "filter_sizes"}, kShapes[] = {"input", "filter"};
  const int other = 1 - i;
  TARN_RETURN_IF_ERROR(c.expect_rank(i, 1, kSizes[i]));
  if (c.shape(i).is_fully_known() && c.shape(i).dim(0) != rank)
    return invalid_argument("'", kSizes[i], "' must hold ", rank, " sizes, holds ", c.shape(i).dim(0));
  TARN_RETURN_IF_ERROR(c.expect_rank(other, rank, kShapes[other]));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, rank, "out_backprop"));
  Shape shape = Shape::unknown_of_rank(rank);
  if (std::optional<IntList> sizes = IntList::known(c, i)) {
    TARN_ASSIGN_OR_RETURN(shape, shape_from(*sizes, kSizes[i]));
  }
  TARN_RETURN_IF_ERROR(judge(c.attrs(), i == 0 ? shape : c.shape(0), i == 1 ? shape : c.shape(1), c.shape(2)));
  return c.set_output(0, shape);
}

}  // namespace

Status infer_backprop_input(InferContext& c, int rank, JudgeBackprop judge) {
  return infer_backprop(c, 0, rank, judge);
}

Status infer_backprop_filter(InferContext& c, int rank, JudgeBackprop judge) {
  return infer_backprop(c, 1, rank, judge);
}

Status expect_backprop_shape(const Shape& dy, const Shape& output, const Shape& input, const Shape& filter) {
  if (dy.is_compatible_with(output)) return {};
  return invalid_argument("out_backprop has shape ", dy, ", but the convolution of ", input, " with ", filter,
                          " gives ", output);
}

kernels::Activation kernel_activation(Activation activation) {
  switch (activation) {
    case Activation::kNone: return kernels::Activation::kNone;
    case Activation::kRelu: return kernels::Activation::kRelu;
    case Activation::kRelu6: return kernels::Activation::kRelu6;
  }
  return kernels::Activation::kNone;
}

}  // namespace tarn
