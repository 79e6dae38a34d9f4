// The logistic function and the hyperbolic tangent of flat arrays.
//
//   sigmoid<float>(pool, n, x, y);      // y may be x
//
// T is float or double. Each element's bits are the same for any number of threads. NaN passes. Nothing allocates.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

// y = 1 / (1 + e^-x); float: within 2.5 ulp (3.5 without fused multiply-adds) for x >= -87, below that by at
// most 1.7e-38 off.
template <class T>
void sigmoid(ThreadPool& pool, int64_t n, const T* x, T* y, Isa isa = best_isa());

// float: within 1.5 ulp.
template <class T>
void tanh(ThreadPool& pool, int64_t n, const T* x, T* y, Isa isa = best_isa());

}  // namespace tarn::kernels
