#include "ops/kernels/pool.h"

#include "ops/kernels/tile.h"

#define TARN_KERNEL_FILE "ops/kernels/pool_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

// A cell read costs about as much as 16 multiply-adds of a matrix product: memory, not arithmetic.
int64_t work(const Pool2DGeometry& g) {
  return 16 * g.batch * g.channels * (g.in_h * g.in_w + g.out_h * g.out_w);
}

}  // namespace

template <class T>
void max_pool(ThreadPool& pool, const Pool2DGeometry& g, const T* x, T* y, Isa isa) {
  const int64_t rows = g.batch * g.out_h;
  pool.parallel_for(rows, min_range(rows, work(g)), [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, max_pool_rows(g, x, y, begin, end));
  });
}

template <class T>
void max_pool_backward(ThreadPool& pool, const Pool2DGeometry& g, const T* x, const T* y, const T* dy, T* dx, Isa isa) {
  pool.parallel_for(g.batch, min_range(g.batch, work(g)), [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, max_pool_backward_images(g, x, y, dy, dx, begin, end));
  });
}

template <class T>
void average_pool(ThreadPool& pool, const Pool2DGeometry& g, const T* x, T* y, Isa isa) {
  const int64_t rows = g.batch * g.out_h;
  pool.parallel_for(rows, min_range(rows, work(g)), [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, average_pool_rows(g, x, y, begin, end));
  });
}

template <class T>
void average_pool_backward(ThreadPool& pool, const Pool2DGeometry& g, const T* dy, T* dx, Isa isa) {
  pool.parallel_for(g.batch, min_range(g.batch, work(g)), [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, average_pool_backward_images(g, dy, dx, begin, end));
  });
}

#define TARN_INSTANTIATE(T)                                                                                      \
  template void max_pool<T>(ThreadPool&, const Pool2DGeometry&, const T*, T*, Isa);                              \
  template void max_pool_backward<T>(ThreadPool&, const Pool2DGeometry&, const T*, const T*, const T*, T*, Isa); \
  template void average_pool<T>(ThreadPool&, const Pool2DGeometry&, const T*, T*, Isa);                          \
  template void average_pool_backward<T>(ThreadPool&, const Pool2DGeometry&, const T*, T*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
