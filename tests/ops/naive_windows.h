// Convolution and pooling the slow way, in double: the reference of their tests. Visits every pair of an output cell
// and an input cell under its window.
#pragma once

#include <functional>

#include "tests/ops/op_case.h"

namespace tarn::testing {

struct NaiveWindow {
  int64_t stride = 1, dilation = 1, size = 1, pad_before = 0, out = 0;
};

// One dim of an image; padding SAME, VALID or EXPLICIT as the attrs say. `dim` is 1 (height) or 2 (width).
NaiveWindow naive_window(const AttrMap& attrs, int dim, int64_t input, int64_t size);

// Calls visit(batch, out_h, out_w, in_h, in_w, window_h, window_w) for every cell inside the image.
using WindowVisit = std::function<void(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)>;
void visit_windows(const AttrMap& attrs, int64_t batch, int64_t in_h, int64_t in_w, int64_t size_h, int64_t size_w,
                   const WindowVisit& visit);

// y[n, i, j, k] = sum over h, w, c of x * filter.
Tensor naive_conv(const Tensor& x, const Tensor& filter, const AttrMap& attrs);
Tensor naive_conv_input_gradient(const Shape& x, const Tensor& filter, const Tensor& dy, const AttrMap& attrs);
Tensor naive_conv_filter_gradient(const Tensor& x, const Shape& filter, const Tensor& dy, const AttrMap& attrs);

// The sizes of the windows that cover an image.
Shape naive_pooled_shape(const Shape& x, const AttrMap& attrs);

// Element (n, i, j, c) of a rank-4 double tensor.
double& at(Tensor& x, int64_t n, int64_t i, int64_t j, int64_t c);
double at(const Tensor& x, int64_t n, int64_t i, int64_t j, int64_t c);

}  // namespace tarn::testing
