#include "ops/kernels/column_reduce.h"

#include <algorithm>

#include "ops/kernels/tile.h"

#define TARN_KERNEL_FILE "ops/kernels/column_reduce_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kRowsPerChunk = 512;
constexpr int64_t kMaxChunks = 32;
constexpr int64_t kMinElementsPerThread = 32 << 10;

int64_t chunk_count(int64_t rows) {
  return std::clamp<int64_t>(rows / kRowsPerChunk, 1, kMaxChunks);
}

template <class T>
int64_t partial_elements(ColumnTerms terms, int64_t columns) {
  return round_up((terms == ColumnTerms::kGradients ? 2 : 1) * columns, 64 / int64_t{sizeof(T)});
}

}  // namespace

template <class T>
size_t column_reduce_scratch_bytes(ColumnTerms terms, int64_t rows, int64_t columns) {
  return static_cast<size_t>(partial_elements<T>(terms, columns) * chunk_count(rows)) * sizeof(T);
}

template <class T>
void column_reduce(ThreadPool& pool, ColumnTerms terms, int64_t rows, int64_t columns, const T* x, const T* dy,
                   const T* mean, T* first, T* second, void* scratch, Isa isa) {
  const int64_t chunks = chunk_count(rows);
  const int64_t stride = partial_elements<T>(terms, columns);
  T* partials = static_cast<T*>(scratch);
  // Terms that do not read dy or mean get x in their place, so that no null pointer is advanced.
  const T* grad = terms == ColumnTerms::kGradients ? dy : x;
  const T* center = terms == ColumnTerms::kValue ? x : mean;
  pool.parallel_for(
      chunks, min_range(chunks, rows * columns * (kMinWorkPerThread / kMinElementsPerThread)),
      [&](int64_t begin, int64_t end, int) {
        for (int64_t chunk = begin; chunk < end; ++chunk) {
          const int64_t row = rows * chunk / chunks;
          const int64_t count = rows * (chunk + 1) / chunks - row;
          const int64_t at = row * columns;
          T* out = partials + chunk * stride;
          switch (terms) {
            case ColumnTerms::kValue:
              TARN_DISPATCH(T, isa,
                            reduce_rows<ColumnTerms::kValue>(x + at, grad + at, center, count, columns, out, out));
              break;
            case ColumnTerms::kDeviation:
              TARN_DISPATCH(T, isa,
                            reduce_rows<ColumnTerms::kDeviation>(x + at, grad + at, center, count, columns, out, out));
              break;
            case ColumnTerms::kGradients:
              TARN_DISPATCH(
                  T, isa,
                  reduce_rows<ColumnTerms::kGradients>(x + at, grad + at, center, count, columns, out, out + columns));
              break;
          }
        }
      });
  for (int64_t c = 0; c < columns; ++c) {
    first[c] = partials[c];
    if (terms == ColumnTerms::kGradients) second[c] = partials[columns + c];
    for (int64_t chunk = 1; chunk < chunks; ++chunk) {
      first[c] += partials[chunk * stride + c];
      if (terms == ColumnTerms::kGradients) second[c] += partials[chunk * stride + columns + c];
    }
  }
}

#define TARN_INSTANTIATE(T)                                                                                        \
  template size_t column_reduce_scratch_bytes<T>(ColumnTerms, int64_t, int64_t);                                   \
  template void column_reduce<T>(ThreadPool&, ColumnTerms, int64_t, int64_t, const T*, const T*, const T*, T*, T*, \
                                 void*, Isa);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
