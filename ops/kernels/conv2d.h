// 2-D convolution (cross-correlation, as in TensorFlow), forward and both gradients, as implicit matrix products: the
// tile kernel walks the image in place (or a zero-padded strip of it), nothing is unrolled into a patch matrix.
//
//   x  [batch, in_h, in_w, in_c]      filter [filter_h, filter_w, in_c, out_c]      y, dy [batch, out_h, out_w, out_c]
//   y[n, i, j, o] = sum over h, w, c:  x[n, i * stride_h - pad_top + h * dilation_h, …, c] * filter[h, w, c, o]
//
//   Conv2DGeometry g{.batch = 128, .in_h = 28, .in_w = 28, .in_c = 1, .filter_h = 3, .filter_w = 3, .out_c = 32,
//                    .out_h = 26, .out_w = 26};
//   conv2d_forward<float>(pool, g, x, filter, y, {.bias = bias, .activation = Activation::kRelu},
//                         scratch);  // conv2d_forward_scratch_bytes<float>(g, pool.threads()), 64-byte aligned
//
// T is float or double. The caller has checked the geometry; padding at the bottom and right follows from out_h, out_w.
// Bits do not depend on the number of threads: every output is one chain in a fixed order (dfilter: a fixed number of
// partial sums added in order). Nothing allocates.
// Convolutions of floats with stride 1 by 3x3, 5x5, 1x3, 3x1, 1x7 and 7x1 filters go through transforms with fewer
// products (winograd.h) where those are faster: the same sums with two to five times the rounding error.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

struct Conv2DGeometry {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t filter_h = 1, filter_w = 1, out_c = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t out_h = 1, out_w = 1;

  int64_t filter_depth() const { return filter_h * filter_w * in_c; }  // terms of one output
  int64_t multiply_adds() const { return batch * out_h * out_w * filter_depth() * out_c; }
};

// Only tests and benchmarks choose. kWinograd is the direct path where no transform applies.
enum class ConvAlgorithm { kAuto, kDirect, kWinograd };

// Forward, a transform is used if its stated error (winograd.h) is within this part of the range of the layer's
// outputs.
inline constexpr double kMaxLayerError = 1e-5;
// Of filters that are no constants: steps of training add up, so the forms that round most are not for them.
inline constexpr double kMaxLayerErrorTrained = 5e-6;

struct ConvChoice {
  ConvAlgorithm algorithm = ConvAlgorithm::kAuto;
  double max_layer_error = kMaxLayerErrorTrained;
  int64_t block_h = 0, block_w = 0;  // of kWinograd; 0: the fastest

  ConvChoice() = default;
  ConvChoice(ConvAlgorithm algorithm,  // NOLINT(google-explicit-constructor)
             double max_layer_error = kMaxLayerErrorTrained)
      : algorithm(algorithm), max_layer_error(max_layer_error) {}
};

template <class T>
size_t conv2d_forward_scratch_bytes(const Conv2DGeometry& g, int threads, const ConvChoice& choice = {});

// y = activation(conv(x, filter) + bias).
template <class T>
void conv2d_forward(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* filter, T* y,
                    const Epilogue<T>& epilogue, void* scratch, Isa isa = best_isa(), const ConvChoice& choice = {});

// Constant weights for the direct path: the filter is a matrix [filter_depth, out_c], packed once. For a transform:
// winograd_pack_filter.
//   PackedMatrix<T> packed = pack_matrix<T>(false, g.filter_depth(), g.out_c, filter, g.out_c, memory);
template <class T>
size_t conv2d_forward_packed_scratch_bytes(const Conv2DGeometry& g, int threads);

template <class T>
void conv2d_forward_packed(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const PackedMatrix<T>& filter, T* y,
                           const Epilogue<T>& epilogue, void* scratch);

// Whether the direct path lets an epilogue's residual be the output itself; so do then convolutions of some of the
// rows.
bool conv2d_is_one_pass(const Conv2DGeometry& g);

template <class T>
size_t conv2d_backward_input_scratch_bytes(const Conv2DGeometry& g, int threads,
                                           ConvAlgorithm algorithm = ConvAlgorithm::kAuto);

// dx from dy; dx is written whole.
template <class T>
void conv2d_backward_input(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, const T* dy, T* dx,
                           void* scratch, Isa isa = best_isa(), ConvAlgorithm algorithm = ConvAlgorithm::kAuto);

template <class T>
size_t conv2d_backward_filter_scratch_bytes(const Conv2DGeometry& g, int threads,
                                            ConvAlgorithm algorithm = ConvAlgorithm::kAuto);

// dfilter from x and dy; dfilter is written whole.
template <class T>
void conv2d_backward_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* dy, T* dfilter,
                            void* scratch, Isa isa = best_isa(), ConvAlgorithm algorithm = ConvAlgorithm::kAuto);

}  // namespace tarn::kernels
