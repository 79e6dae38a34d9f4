#include "ops/kernels/softmax.h"

#include <algorithm>

#define TARN_KERNEL_FILE "ops/kernels/softmax_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

// Calls f(first row, rows) on ranges worth a thread's while.
template <class F>
void for_rows(ThreadPool& pool, int64_t rows, int64_t columns, const F& f) {
  constexpr int64_t kMinElementsPerThread = 8 << 10;
  pool.parallel_for(rows, kMinElementsPerThread / (columns + 1) + 1,
                    [&](int64_t begin, int64_t end, int) { f(begin, end - begin); });
}

}  // namespace

template <class T>
void softmax(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, T* y, Isa isa) {
  if (columns == 0) return;
  for_rows(pool, rows, columns, [&](int64_t row, int64_t count) {
    TARN_DISPATCH(T, isa, softmax_rows(x + row * columns, y + row * columns, count, columns));
  });
}

template <class T>
void log_softmax(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, T* y, Isa isa) {
  if (columns == 0) return;
  for_rows(pool, rows, columns, [&](int64_t row, int64_t count) {
    TARN_DISPATCH(T, isa, log_softmax_rows(x + row * columns, y + row * columns, count, columns));
  });
}

template <class T>
void softmax_cross_entropy(ThreadPool& pool, int64_t rows, int64_t columns, const T* logits, const T* labels, T* loss,
                           T* dlogits, Isa isa) {
  if (columns == 0) {
    std::fill_n(loss, rows, T{0});
    return;
  }
  for_rows(pool, rows, columns, [&](int64_t row, int64_t count) {
    const int64_t at = row * columns;
    TARN_DISPATCH(T, isa, cross_entropy_rows(logits + at, labels + at, loss + row, dlogits + at, count, columns));
  });
}

template <class T, class Label>
void sparse_softmax_cross_entropy(ThreadPool& pool, int64_t rows, int64_t columns, const T* logits, const Label* labels,
                                  T* loss, T* dlogits, Isa isa) {
  for_rows(pool, rows, columns, [&](int64_t row, int64_t count) {
    const int64_t at = row * columns;
    TARN_DISPATCH(T, isa,
                  sparse_cross_entropy_rows(logits + at, labels + row, loss + row, dlogits + at, count, columns));
  });
}

#define TARN_INSTANTIATE(T)                                                                                           \
  template void softmax<T>(ThreadPool&, int64_t, int64_t, const T*, T*, Isa);                                         \
  template void log_softmax<T>(ThreadPool&, int64_t, int64_t, const T*, T*, Isa);                                     \
  template void softmax_cross_entropy<T>(ThreadPool&, int64_t, int64_t, const T*, const T*, T*, T*, Isa);             \
  template void sparse_softmax_cross_entropy<T, int32_t>(ThreadPool&, int64_t, int64_t, const T*, const int32_t*, T*, \
                                                         T*, Isa);                                                    \
  template void sparse_softmax_cross_entropy<T, int64_t>(ThreadPool&, int64_t, int64_t, const T*, const int64_t*, T*, \
                                                         T*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
