// Loops over flat arrays and rows: activations, bias, column sums, the optimizers' updates.
//
//   bias_add<float>(pool, rows, channels, x, bias, y);                  // y may be x
//   adam_update<float>(pool, n, {.learning_rate = 1e-3f, .beta1_power = b1p, .beta2_power = b2p}, grad, m, v, var);
//
// T is float or double. Outputs may be the inputs themselves, not overlap them otherwise. Each element's bits are the
// same for any number of threads. Nothing allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

// y = activation(x). NaN passes through.
template <class T>
void activate(ThreadPool& pool, Activation activation, int64_t n, const T* x, T* y, Isa isa = best_isa());

// y = activation(y + x)
template <class T>
void add_and_activate(ThreadPool& pool, Activation activation, int64_t n, const T* x, T* y, Isa isa = best_isa());

// dx = dy where 0 < x (and x < 6 for kRelu6), else 0. The activation's output may stand for x.
template <class T>
void activate_grad(ThreadPool& pool, Activation activation, int64_t n, const T* dy, const T* x, T* dx,
                   Isa isa = best_isa());

// y = e^x; float: within 1 ulp with fused multiply-adds (AVX2, AVX-512, NEON), 2 ulp without.
template <class T>
void exp(ThreadPool& pool, int64_t n, const T* x, T* y, Isa isa = best_isa());

// y[r, c] = x[r, c] + bias[c]
template <class T>
void bias_add(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, const T* bias, T* y, Isa isa = best_isa());

// sums[c] = sum over rows of x[r, c], over a fixed number of partial sums that are added in order. sums must not be x.
template <class T>
size_t column_sums_scratch_bytes(int64_t rows, int64_t columns);
template <class T>
void column_sums(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, T* sums, void* scratch,
                 Isa isa = best_isa());

// y += alpha * x
template <class T>
void axpy(ThreadPool& pool, int64_t n, T alpha, const T* x, T* y, Isa isa = best_isa());

// TensorFlow's ApplyMomentum: accum = accum * momentum + grad;  var -= lr * accum,
// or with Nesterov: var -= lr * (grad + momentum * accum).
template <class T>
struct MomentumOptions {
  T learning_rate = 0;
  T momentum = 0;
  bool use_nesterov = false;
};
template <class T>
void momentum_update(ThreadPool& pool, int64_t n, const MomentumOptions<T>& options, const T* grad, T* accum, T* var,
                     Isa isa = best_isa());

// TensorFlow's ApplyAdam, after Kingma and Ba 2014, end of section 2, with epsilon outside the bias correction:
//   lr_t = lr * sqrt(1 - beta2_power) / (1 - beta1_power)
//   m += (g - m) * (1 - beta1);  v += (g * g - v) * (1 - beta2);  var -= lr_t * m / (sqrt(v) + epsilon)
// With Nesterov, beta1 * m + (1 - beta1) * g stands for m in the last one. The powers are beta^step, step from 1.
template <class T>
struct AdamOptions {
  T learning_rate = T(1e-3);
  T beta1 = T(0.9);
  T beta2 = T(0.999);
  T beta1_power = T(0.9);
  T beta2_power = T(0.999);
  T epsilon = T(1e-8);
  bool use_nesterov = false;
};
template <class T>
void adam_update(ThreadPool& pool, int64_t n, const AdamOptions<T>& options, const T* grad, T* m, T* v, T* var,
                 Isa isa = best_isa());

}  // namespace tarn::kernels
