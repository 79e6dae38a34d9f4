// Depthwise convolution, forward: each input channel has `multiplier` filters of its own.
//
//   x [batch, in_h, in_w, in_c]    filter [filter_h, filter_w, in_c, multiplier]    y [batch, out_h, out_w, in_c *
//   multiplier] y[…, c * multiplier + m] = sum over h, w:  x[…, c] * filter[h, w, c, m]
//
//   depthwise_conv2d<float>(pool, g, x, filter, y, {.bias = bias, .activation = Activation::kRelu6});
//
// Computed directly, in place: no scratch. T is float or double. Bits do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

struct DepthwiseGeometry {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t filter_h = 1, filter_w = 1, multiplier = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t out_h = 1, out_w = 1;
};

// The epilogue's bias is [in_c * multiplier].
template <class T>
void depthwise_conv2d(ThreadPool& pool, const DepthwiseGeometry& g, const T* x, const T* filter, T* y,
                      const Epilogue<T>& epilogue, Isa isa = best_isa());

}  // namespace tarn::kernels
