#include "ops/kernels/sigmoid.h"

#define TARN_KERNEL_FILE "ops/kernels/sigmoid_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {

constexpr int64_t kMinElementsPerThread = 8 << 10;  // some microseconds

template <class T>
void sigmoid(ThreadPool& pool, int64_t n, const T* x, T* y, Isa isa) {
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, sigmoid_range(x + begin, y + begin, end - begin));
  });
}

template <class T>
void tanh(ThreadPool& pool, int64_t n, const T* x, T* y, Isa isa) {
  pool.parallel_for(n, kMinElementsPerThread, [&](int64_t begin, int64_t end, int) {
    TARN_DISPATCH(T, isa, tanh_range(x + begin, y + begin, end - begin));
  });
}

#define TARN_INSTANTIATE(T)                                          \
  template void sigmoid<T>(ThreadPool&, int64_t, const T*, T*, Isa); \
  template void tanh<T>(ThreadPool&, int64_t, const T*, T*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
