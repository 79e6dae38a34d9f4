// Max and average pooling over NHWC, forward and backward.
//
//   Pool2DGeometry g{.batch = 50, .in_h = 28, .in_w = 28, .channels = 32, .window_h = 2, .window_w = 2,
//                    .stride_h = 2, .stride_w = 2, .out_h = 14, .out_w = 14};
//   max_pool<float>(pool, g, x, y);
//
// x, dx [batch, in_h, in_w, channels]; y, dy [batch, out_h, out_w, channels]. Padding never takes part: an average
// counts only the cells inside the image, as TensorFlow's does. T is float or double. Bits do not depend on the number
// of threads. Nothing allocates, no scratch.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

struct Pool2DGeometry {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, channels = 1;
  int64_t window_h = 1, window_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t out_h = 1, out_w = 1;
};

// A window without a cell (explicit padding only) gives the lowest value. Which value a window with NaN gives is open.
template <class T>
void max_pool(ThreadPool& pool, const Pool2DGeometry& g, const T* x, T* y, Isa isa = best_isa());

// The gradient of each window goes to the first of its largest cells in row order, TensorFlow's rule. dx is written
// whole.
template <class T>
void max_pool_backward(ThreadPool& pool, const Pool2DGeometry& g, const T* x, const T* y, const T* dy, T* dx,
                       Isa isa = best_isa());

// A window without a cell gives 0.
template <class T>
void average_pool(ThreadPool& pool, const Pool2DGeometry& g, const T* x, T* y, Isa isa = best_isa());

// dx is written whole.
template <class T>
void average_pool_backward(ThreadPool& pool, const Pool2DGeometry& g, const T* dy, T* dx, Isa isa = best_isa());

}  // namespace tarn::kernels
