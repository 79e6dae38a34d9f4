// Windows that slide over volumes (depth, height, width): the attrs of 3-D convolutions and pools, judged once.
//
//   TARN_ASSIGN_OR_RETURN(Window3DAttrs window, Window3DAttrs::read(c.attrs()));
//   TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window, c.shape(0), c.shape(1)));
//   TARN_ASSIGN_OR_RETURN(Shape output, output3d(window, g, g.out_c));
//
// Unknown sizes (-1) are fine and give unknown results. The 2-D ones are in ops/window.h.
#pragma once

#include <array>

#include "core/op.h"
#include "ops/window.h"

namespace tarn {

using Dims3 = std::array<int64_t, 3>;  // of depth, height and width

struct Window3DAttrs {
  Padding padding = Padding::kValid;
  bool is_ncdhw = false;
  Dims3 stride = {1, 1, 1}, dilation = {1, 1, 1};
  Dims3 window = {1, 1, 1};  // of ksize

  // Errors: a list that has not five numbers, a number below 1 or too large, anything but 1 for batch and channels.
  static Result<Window3DAttrs> read(const AttrMap& attrs);
};

struct Geometry3D {
  int64_t batch = kUnknownDim, in_c = kUnknownDim, out_c = kUnknownDim;  // a pool has in_c alone
  Dims3 in, window, out, stride, dilation, pad;

  int64_t in_cells() const { return batch * in[0] * in[1] * in[2]; }
  int64_t out_cells() const { return batch * out[0] * out[1] * out[2]; }
  int64_t taps() const { return window[0] * window[1] * window[2]; }
};

// Errors: ranks, channels that differ, an empty filter, windows that do not fit.
Result<Geometry3D> conv3d_geometry(const Window3DAttrs& window, const Shape& input, const Shape& filter);
Result<Geometry3D> pool3d_geometry(const Window3DAttrs& window, const Shape& input, std::string_view name);
// The shape of the output with so many channels. Errors: it has more elements than can be counted.
Result<Shape> output3d(const Window3DAttrs& window, const Geometry3D& geometry, int64_t channels);

}  // namespace tarn
