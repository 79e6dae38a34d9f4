#include "ops/kernels/depthwise.h"

#include "ops/kernels/tile.h"

#define TARN_KERNEL_FILE "ops/kernels/depthwise_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

template <class T>
void depthwise_conv2d(ThreadPool& pool, const DepthwiseGeometry& g, const T* x, const T* filter, T* y,
                      const Epilogue<T>& epilogue, Isa isa) {
  const int64_t rows = g.batch * g.out_h;
  const int64_t multiply_adds = rows * g.out_w * g.in_c * g.multiplier * g.filter_h * g.filter_w;
  // About a quarter of a matrix product's speed: every multiply-add loads its operands.
  pool.parallel_for(rows, min_range(rows, 4 * multiply_adds), [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, depthwise_rows(g, x, filter, y, epilogue, begin, end));
  });
}

#define TARN_INSTANTIATE(T)                                                                                            \
  template void depthwise_conv2d<T>(ThreadPool&, const DepthwiseGeometry&, const T*, const T*, T*, const Epilogue<T>&, \
                                    Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
