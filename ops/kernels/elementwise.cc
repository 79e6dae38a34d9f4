#include "ops/kernels/elementwise.h"

#include <limits>

#include "ops/kernels/column_reduce.h"
#include "ops/kernels/tile.h"

#define TARN_KERNEL_FILE "ops/kernels/elementwise_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kMinElementsPerThread = 32 << 10;  // a few microseconds of memory traffic

template <class T>
T ceiling(Activation activation) {
  return activation == Activation::kRelu6 ? T{6} : std::numeric_limits<T>::infinity();
}

template <class T>
void copy(ThreadPool& pool, int64_t n, const T* x, T* y) {
  if (x == y) return;
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    std::memcpy(y + begin, x + begin, static_cast<size_t>(end - begin) * sizeof(T));
  });
}

}  // namespace

template <class T>
void activate(ThreadPool& pool, Activation activation, int64_t n, const T* x, T* y, Isa isa) {
  if (activation == Activation::kNone) return copy(pool, n, x, y);
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, activate_range(x + begin, y + begin, end - begin, ceiling<T>(activation)));
  });
}

template <class T>
void add_and_activate(ThreadPool& pool, Activation activation, int64_t n, const T* x, T* y, Isa isa) {
  const bool activates = activation != Activation::kNone;
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, add_and_activate_range(x + begin, y + begin, end - begin, activates, ceiling<T>(activation)));
  });
}

template <class T>
void activate_grad(ThreadPool& pool, Activation activation, int64_t n, const T* dy, const T* x, T* dx, Isa isa) {
  if (activation == Activation::kNone) return copy(pool, n, dy, dx);
  // Nothing is >= NaN: no ceiling, not even for infinity.
  const T limit = activation == Activation::kRelu6 ? T{6} : std::numeric_limits<T>::quiet_NaN();
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, activate_grad_range(dy + begin, x + begin, dx + begin, end - begin, limit));
  });
}

template <class T>
void exp(ThreadPool& pool, int64_t n, const T* x, T* y, Isa isa) {
  pool.parallel_for(n, kMinElementsPerThread / 4, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, exp_range(x + begin, y + begin, end - begin));
  });
}

template <class T>
void bias_add(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, const T* bias, T* y, Isa isa) {
  const int64_t min_rows = kMinElementsPerThread / (columns + 1) + 1;
  pool.parallel_for(rows, min_rows, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, bias_add_rows(x + begin * columns, bias, y + begin * columns, end - begin, columns));
  });
}

template <class T>
size_t column_sums_scratch_bytes(int64_t rows, int64_t columns) {
  return column_reduce_scratch_bytes<T>(ColumnTerms::kValue, rows, columns);
}

template <class T>
void column_sums(ThreadPool& pool, int64_t rows, int64_t columns, const T* x, T* sums, void* scratch, Isa isa) {
  column_reduce<T>(pool, ColumnTerms::kValue, rows, columns, x, nullptr, nullptr, sums, nullptr, scratch, isa);
}

template <class T>
void axpy(ThreadPool& pool, int64_t n, T alpha, const T* x, T* y, Isa isa) {
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, axpy_range(alpha, x + begin, y + begin, end - begin));
  });
}

template <class T>
void momentum_update(ThreadPool& pool, int64_t n, const MomentumOptions<T>& options, const T* grad, T* accum, T* var,
                     Isa isa) {
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, momentum_range(options, grad + begin, accum + begin, var + begin, end - begin));
  });
}

template <class T>
void adam_update(ThreadPool& pool, int64_t n, const AdamOptions<T>& options, const T* grad, T* m, T* v, T* var,
                 Isa isa) {
  const T rate = options.learning_rate * std::sqrt(1 - options.beta2_power) / (1 - options.beta1_power);
  pool.parallel_for(n, kMinElementsPerThread / 2, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, adam_range(options, rate, grad + begin, m + begin, v + begin, var + begin, end - begin));
  });
}

#define TARN_INSTANTIATE(T)                                                                                 \
  template void activate<T>(ThreadPool&, Activation, int64_t, const T*, T*, Isa);                           \
  template void add_and_activate<T>(ThreadPool&, Activation, int64_t, const T*, T*, Isa);                   \
  template void activate_grad<T>(ThreadPool&, Activation, int64_t, const T*, const T*, T*, Isa);            \
  template void exp<T>(ThreadPool&, int64_t, const T*, T*, Isa);                                            \
  template void bias_add<T>(ThreadPool&, int64_t, int64_t, const T*, const T*, T*, Isa);                    \
  template size_t column_sums_scratch_bytes<T>(int64_t, int64_t);                                           \
  template void column_sums<T>(ThreadPool&, int64_t, int64_t, const T*, T*, void*, Isa);                    \
  template void axpy<T>(ThreadPool&, int64_t, T, const T*, T*, Isa);                                        \
  template void momentum_update<T>(ThreadPool&, int64_t, const MomentumOptions<T>&, const T*, T*, T*, Isa); \
  template void adam_update<T>(ThreadPool&, int64_t, const AdamOptions<T>&, const T*, T*, T*, T*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
