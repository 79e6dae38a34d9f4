// What ops on batches of matrices share: [..., rows, columns] judged, and a loop over the batch.
//
//   TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::of(*c.input(0).shape, "input"));
//   TARN_RETURN_IF_ERROR(for_each_matrix(c, x, [&](int64_t i) -> Status { … }));
#pragma once

#include <mutex>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {

struct Matrices {
  int64_t rows = kUnknownDim, columns = kUnknownDim, batch = kUnknownDim;
  Shape batch_shape = Shape::unknown();

  // Errors: the rank is below 2. Unknown dims are fine.
  static Result<Matrices> of(const Shape& shape, std::string_view name);
  // Errors: they are not square.
  static Result<Matrices> square(const Shape& shape, std::string_view name);

  int64_t elements() const { return rows * columns; }
  // [..., rows, columns] with other sizes; with_dims({}) is the batch alone.
  Shape with_dims(std::initializer_list<int64_t> dims) const;
};

// The smaller of two dims; not known if that takes what is not known.
int64_t smaller_dim(int64_t a, int64_t b);

// Output 0 is like input 0, a batch of square matrices.
Status infer_square(InferContext& c);

// Calls f(i) for every matrix of a batch, on several threads where each is much work. The first error, by i, counts.
template <class F>
Status for_each_matrix(RunContext& c, const Matrices& matrices, const F& f) {
  std::mutex mutex;
  Status first;
  int64_t first_at = matrices.batch;
  // A decomposition takes about n^3 steps.
  int64_t work = std::max<int64_t>(1, matrices.elements() * std::min(matrices.rows, matrices.columns));
  c.threads().parallel_for(matrices.batch, std::max<int64_t>(1, 16384 / work), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      Status status = f(i);
      if (status.ok()) continue;
      std::lock_guard lock(mutex);
      if (i < first_at) {
        first_at = i;
        first = status;
      }
      return;
    }
  });
  return first;
}

}  // namespace tarn
