// Softmax, log-softmax and cross entropy over the rows of [rows, columns]. The row's maximum is subtracted first, so
// any finite logits are safe; e^x is the vector exp of elementwise.h (1-2 ulp).
//
//   softmax<float>(pool, rows, columns, logits, probabilities);        // may be in place
//   sparse_softmax_cross_entropy<float, int64_t>(pool, rows, columns, logits, labels, loss, dlogits);
//
// T is float or double. Rows are independent: bits do not depend on the number of threads. Nothing allocates.
#pragma once

#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

template <class T>
void softmax(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, T* y, Isa isa = best_isa());

// y = x - max - log(sum e^(x - max))
template <class T>
void log_softmax(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, T* y, Isa isa = best_isa());

// loss[r] = -sum labels * log_softmax(logits);  dlogits = softmax(logits) - labels, TensorFlow's formulas (the gradient
// assumes labels that sum to 1). A label of exactly 0 adds nothing, even where its log probability is -infinity.
// dlogits may be neither logits nor labels.
template <class T>
void softmax_cross_entropy(ThreadPool& pool, int64_t rows, int64_t columns, const T* logits, const T* labels, T* loss,
                           T* dlogits, Isa isa = best_isa());

// The same with one class a row, Label int32_t or int64_t. A label outside [0, columns) makes its row NaN, as in
// TensorFlow on GPU; an op that wants an error checks first.
template <class T, class Label>
void sparse_softmax_cross_entropy(ThreadPool& pool, int64_t rows, int64_t columns, const T* logits, const Label* labels,
                                  T* loss, T* dlogits, Isa isa = best_isa());

}  // namespace tarn::kernels
