#include "ops/kernels/batch_norm.h"

#include <algorithm>

#include "ops/kernels/column_reduce.h"
#include "ops/kernels/tile.h"

#define TARN_KERNEL_FILE "ops/kernels/batch_norm_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

int64_t min_rows(int64_t channels) {
  constexpr int64_t kMinElementsPerThread = 32 << 10;
  return kMinElementsPerThread / (channels + 1) + 1;
}

// scale / sqrt(variance + epsilon)
template <class T>
void factors(int64_t channels, const T* scale, const T* variance, T epsilon, T* out) {
  for (int64_t c = 0; c < channels; ++c) out[c] = scale[c] / std::sqrt(variance[c] + epsilon);
}

template <class T>
void backward(ThreadPool& pool, int64_t rows, int64_t channels, const T* dy, const T* x, const T* scale, const T* mean,
              const T* variance, T epsilon, bool through_statistics, T* dx, T* dscale, T* doffset, void* scratch,
              Isa isa) {
  ScratchCarver<T> carver(scratch);
  T* factor = carver.take(channels);
  T* dy_mean = carver.take(channels);
  T* slope = carver.take(channels);
  column_reduce<T>(pool, ColumnTerms::kGradients, rows, channels, x, dy, mean, doffset, dscale, carver.take(0), isa);
  factors(channels, scale, variance, epsilon, factor);
  const T inverse_rows = rows > 0 ? T{1} / static_cast<T>(rows) : T{0};
  for (int64_t c = 0; c < channels; ++c) {
    const T s2 = variance[c] + epsilon;
    dy_mean[c] = through_statistics ? doffset[c] * inverse_rows : T{0};
    slope[c] = through_statistics ? dscale[c] * inverse_rows / s2 : T{0};  // dscale is still sum dy * (x - mean)
    dscale[c] /= std::sqrt(s2);
  }
  pool.parallel_for(rows, min_rows(channels), [&](int64_t begin, int64_t end, int) {
    const int64_t at = begin * channels;
    TARN_DISPATCH(T, isa,
                  normalize_grad_rows(dy + at, x + at, mean, dy_mean, slope, factor, dx + at, end - begin, channels));
  });
}

}  // namespace

template <class T>
size_t batch_norm_scratch_bytes(int64_t rows, int64_t channels) {
  return static_cast<size_t>(3 * ScratchCarver<T>::bytes(channels)) +
         column_reduce_scratch_bytes<T>(ColumnTerms::kGradients, rows, channels);
}

template <class T>
void batch_norm_inference(ThreadPool& pool, int64_t rows, int64_t channels, const T* x, const T* scale, const T* offset,
                          const T* mean, const T* variance, T epsilon, T* y, void* scratch, Isa isa) {
  T* factor = static_cast<T*>(scratch);
  factors(channels, scale, variance, epsilon, factor);
  pool.parallel_for(rows, min_rows(channels), [&](int64_t begin, int64_t end, int) {
    const int64_t at = begin * channels;
    TARN_DISPATCH(T, isa, normalize_rows(x + at, mean, factor, offset, y + at, end - begin, channels));
  });
}

template <class T>
void batch_norm_train(ThreadPool& pool, int64_t rows, int64_t channels, const T* x, const T* scale, const T* offset,
                      T epsilon, T* y, T* mean, T* variance, void* scratch, Isa isa) {
  const T divisor = static_cast<T>(std::max<int64_t>(1, rows));
  column_reduce<T>(pool, ColumnTerms::kValue, rows, channels, x, nullptr, nullptr, mean, nullptr, scratch, isa);
  for (int64_t c = 0; c < channels; ++c) mean[c] /= divisor;
  column_reduce<T>(pool, ColumnTerms::kDeviation, rows, channels, x, nullptr, mean, variance, nullptr, scratch, isa);
  for (int64_t c = 0; c < channels; ++c) variance[c] /= divisor;
  batch_norm_inference<T>(pool, rows, channels, x, scale, offset, mean, variance, epsilon, y, scratch, isa);
}

template <class T>
void batch_norm_backward(ThreadPool& pool, int64_t rows, int64_t channels, const T* dy, const T* x, const T* scale,
                         const T* mean, const T* variance, T epsilon, T* dx, T* dscale, T* doffset, void* scratch,
                         Isa isa) {
  backward(pool, rows, channels, dy, x, scale, mean, variance, epsilon, true, dx, dscale, doffset, scratch, isa);
}

template <class T>
void batch_norm_inference_backward(ThreadPool& pool, int64_t rows, int64_t channels, const T* dy, const T* x,
                                   const T* scale, const T* mean, const T* variance, T epsilon, T* dx, T* dscale,
                                   T* doffset, void* scratch, Isa isa) {
  backward(pool, rows, channels, dy, x, scale, mean, variance, epsilon, false, dx, dscale, doffset, scratch, isa);
}

#define TARN_INSTANTIATE(T)                                                                                            \
  template size_t batch_norm_scratch_bytes<T>(int64_t, int64_t);                                                       \
  template void batch_norm_train<T>(ThreadPool&, int64_t, int64_t, const T*, const T*, const T*, T, T*, T*, T*, void*, \
                                    Isa);                                                                              \
  template void batch_norm_inference<T>(ThreadPool&, int64_t, int64_t, const T*, const T*, const T*, const T*,         \
                                        const T*, T, T*, void*, Isa);                                                  \
  template void batch_norm_backward<T>(ThreadPool&, int64_t, int64_t, const T*, const T*, const T*, const T*,          \
                                       const T*, T, T*, T*, T*, void*, Isa);                                           \
  template void batch_norm_inference_backward<T>(ThreadPool&, int64_t, int64_t, const T*, const T*, const T*,          \
                                                 const T*, const T*, T, T*, T*, T*, void*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
