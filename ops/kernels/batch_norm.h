// Batch normalization over [rows, channels] (NHWC with rows = N * H * W):
//   y = (x - mean) / sqrt(variance + epsilon) * scale + offset
//
//   batch_norm_train<float>(pool, rows, channels, x, scale, offset, 1e-3f, y, mean, variance, scratch);
//   …scratch of batch_norm_scratch_bytes<float>(rows, channels), 64-byte aligned, for each of the three.
//
// `variance` is the biased one (divided by rows), in and out: what an op reports as running variance is the caller's.
// Mean, then squared deviations from it (two passes, partial sums in a fixed order): no cancellation, and the same bits
// for any number of threads. T is float or double. Outputs may be the inputs themselves. Nothing allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

template <class T>
size_t batch_norm_scratch_bytes(int64_t rows, int64_t channels);

// Writes y, and the batch's mean and biased variance [channels]; these are 0 without rows.
template <class T>
void batch_norm_train(ThreadPool& pool, int64_t rows, int64_t channels, const T* x, const T* scale, const T* offset,
                      T epsilon, T* y, T* mean, T* variance, void* scratch, Isa isa = best_isa());

// Writes y from given statistics.
template <class T>
void batch_norm_inference(ThreadPool& pool, int64_t rows, int64_t channels, const T* x, const T* scale, const T* offset,
                          const T* mean, const T* variance, T epsilon, T* y, void* scratch, Isa isa = best_isa());

// Gradients through the batch's own statistics (is_training), given those batch_norm_train wrote:
//   doffset = sum dy;  dscale = sum dy * n, n = (x - mean) / s, s = sqrt(variance + epsilon)
//   dx = scale / s * (dy - doffset / rows - n * dscale / rows)
template <class T>
void batch_norm_backward(ThreadPool& pool, int64_t rows, int64_t channels, const T* dy, const T* x, const T* scale,
                         const T* mean, const T* variance, T epsilon, T* dx, T* dscale, T* doffset, void* scratch,
                         Isa isa = best_isa());

// Gradients with constant statistics (is_training = false): dx = dy * scale / s, dscale and doffset as above.
template <class T>
void batch_norm_inference_backward(ThreadPool& pool, int64_t rows, int64_t channels, const T* dy, const T* x,
                                   const T* scale, const T* mean, const T* variance, T epsilon, T* dx, T* dscale,
                                   T* doffset, void* scratch, Isa isa = best_isa());

}  // namespace tarn::kernels
