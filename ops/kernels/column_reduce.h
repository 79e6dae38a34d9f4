// Sums down the columns of [rows, columns] (internal; behind column_sums and batch normalization). The rows are cut
// into a number of chunks that their count alone decides, and the chunks' sums are added in order: the same bits for
// any number of threads, and shorter sums round less.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

enum class ColumnTerms {
  kValue,      // first = sum x
  kDeviation,  // first = sum (x - mean)^2
  kGradients,  // first = sum dy, second = sum dy * (x - mean)
};

template <class T>
size_t column_reduce_scratch_bytes(ColumnTerms terms, int64_t rows, int64_t columns);

// `mean` [columns] and `dy` [rows, columns] where the terms name them, else null; `second` only for kGradients.
template <class T>
void column_reduce(ThreadPool& pool, ColumnTerms terms, int64_t rows, int64_t columns, const T* x, const T* dy,
                   const T* mean, T* first, T* second, void* scratch, Isa isa);

}  // namespace tarn::kernels
