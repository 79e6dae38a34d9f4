// Windows that slide over images: strides, dilations and padding of convolutions and pools, judged once.
//
//   TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
//   TARN_ASSIGN_OR_RETURN(WindowDim h, window.slide_h(input_height, filter_height));     // h.out, h.pad_before
//
// Unknown sizes (-1) are fine and give unknown results. Geometry of whole ops: conv_geometry, pool_geometry.
#pragma once

#include "core/linked_parts.h"
#include "core/op.h"
#include "core/row_kernel.h"
#include "ops/kernels/conv2d.h"
#include "ops/kernels/pool.h"

namespace tarn {

enum class Padding { kValid, kSame, kExplicit };

struct WindowDim {
  int64_t out = kUnknownDim;
  int64_t pad_before = 0;
};

// How a window slides over one dim, called `dim` in messages; before and after are the padding of kExplicit.
// Errors: the window is larger than the padded input.
Result<WindowDim> slide_window(std::string_view dim, Padding padding, int64_t input, int64_t window, int64_t stride,
                               int64_t dilation, int64_t before, int64_t after);

// The attrs strides, padding, data_format and, where the op has them, dilations, explicit_paddings and ksize.
struct WindowAttrs {
  Padding padding = Padding::kValid;
  bool is_nchw = false;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t window_h = 1, window_w = 1;  // of ksize
  int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;

  // Errors: a list that has not four numbers, a number below 1 or too large, anything but 1 for batch and channels,
  // paddings that do not go with `padding`.
  static Result<WindowAttrs> read(const AttrMap& attrs);

  int height_dim() const { return is_nchw ? 2 : 1; }
  int width_dim() const { return is_nchw ? 3 : 2; }
  int channel_dim() const { return is_nchw ? 1 : 3; }
  // How a window of this size slides over `input` cells. Errors: the window is larger than the padded input.
  Result<WindowDim> slide_h(int64_t input, int64_t window) const;
  Result<WindowDim> slide_w(int64_t input, int64_t window) const;
  Shape image_shape(int64_t batch, int64_t height, int64_t width, int64_t channels) const;
};

// Unimplemented for NCHW: for kernels of other libraries. Ours are adapted to it (ops/adapted_kernel.h).
Status expect_nhwc(const WindowAttrs& window);

// Sizes of a convolution; dims may be unknown (-1), the ranks too. Errors: ranks, channels that differ, an empty
// filter, windows that do not fit, products that overflow.
Result<kernels::Conv2DGeometry> conv_geometry(const WindowAttrs& window, const Shape& input, const Shape& filter);
// The shape of its output.
Result<Shape> conv_output(const WindowAttrs& window, const kernels::Conv2DGeometry& geometry);

// The same for pools.
Result<kernels::Pool2DGeometry> pool_geometry(const WindowAttrs& window, const Shape& input, std::string_view name);
Result<Shape> pool_output(const WindowAttrs& window, const kernels::Pool2DGeometry& geometry);

// How rows of the output follow from the input's; no images where they do not: sizes that are not known, images that are
// empty, windows that see padding alone.
RowWindow row_window(const kernels::Conv2DGeometry& g, size_t element_bytes);
RowWindow row_window(const kernels::Pool2DGeometry& g, size_t element_bytes);
// So many rows of one image's output as a convolution, or pool, of their own.
template <class Geometry>
Geometry band_geometry(Geometry g, const RowWindow& window, int64_t first, int64_t rows) {
  const int64_t begin = window.input_begin(first);
  g.pad_top = begin - (first * window.stride - window.pad);
  g.in_h = window.input_end(first + rows) - begin;
  g.out_h = rows;
  g.batch = 1;
  return g;
}
// The largest that `bytes_of` says of the bands of so many rows: at the top, within and at the bottom.
template <class Geometry, class BytesOf>
size_t band_bytes(const Geometry& g, const RowWindow& window, int64_t rows, const BytesOf& bytes_of) {
  rows = std::min(rows, window.out_rows);
  size_t most = 0;
  for (int64_t first : {int64_t{0}, (window.out_rows - rows) / 2, window.out_rows - rows})
    most = std::max<size_t>(most, bytes_of(band_geometry(g, window, first, rows)));
  return most;
}

// Ops that go back through a convolution, 2-D or 3-D, have the inputs (input_sizes, filter, dy) or (input,
// filter_sizes, dy), all of one rank. `judge` tells whether the three shapes belong together, as far as they are known.
using JudgeBackprop = Status (*)(const AttrMap& attrs, const Shape& input, const Shape& filter, const Shape& dy);
Status infer_backprop_input(InferContext& c, int rank, JudgeBackprop judge);
Status infer_backprop_filter(InferContext& c, int rank, JudgeBackprop judge);
// Errors unless `dy` can have the shape that the convolution of input and filter gives.
Status expect_backprop_shape(const Shape& dy, const Shape& output, const Shape& input, const Shape& filter);

// What the kernels of ops/kernels call the activation of an epilogue.
kernels::Activation kernel_activation(Activation activation);

}  // namespace tarn
