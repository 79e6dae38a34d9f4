// What ops on sparse tensors share: a tensor as indices int64[n, rank] (or int32), values T[n] and a shape int64[rank].
//
//   TARN_RETURN_IF_ERROR(judge_sparse(*c.input(0).shape, *c.input(1).shape, *c.input(2).shape, "dense_shape"));
//   std::vector<int64_t> order = row_major_order(IntList::of(c.input(0)), count, rank);
#pragma once

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "ops/support/array.h"

namespace tarn {

// Whether the three parts may belong together; what is not known yet may. `shape_name`: what the op calls the third.
inline Status judge_sparse(const Shape& indices, const Shape& values, const Shape& shape, std::string_view shape_name) {
  if (indices.has_rank() && indices.rank() != 2) {
    return invalid_argument("indices must be a matrix, saw: ", indices.to_string());
  }
  if (values.has_rank() && values.rank() != 1) {
    return invalid_argument("values must be a vector, saw: ", values.to_string());
  }
  if (shape.has_rank() && shape.rank() != 1) {
    return invalid_argument(shape_name, " must be a vector, saw: ", shape.to_string());
  }
  auto differ = [](int64_t a, int64_t b) { return a != b && a != kUnknownDim && b != kUnknownDim; };
  if (!indices.has_rank()) return {};
  if (values.has_rank() && differ(values.dim(0), indices.dim(0))) {
    return invalid_argument("The length of `values` (", values.dim(0),
                            ") must match the first dimension of `indices` (", indices.dim(0), ").");
  }
  if (shape.has_rank() && differ(shape.dim(0), indices.dim(1))) {
    return invalid_argument("The length of `", shape_name, "` (", shape.dim(0),
                            ") must match the second dimension of `indices` (", indices.dim(1), ").");
  }
  return {};
}

// dim d of a shape that may have none.
inline int64_t dim_or_unknown(const Shape& shape, int d) {
  return shape.has_rank() ? shape.dim(d) : kUnknownDim;
}

// Rows of indices as numbers below `count`, in the order in which a dense tensor would have their elements; rows that
// are equal keep theirs.
inline std::vector<int64_t> row_major_order(const IntList& indices, int64_t count, int64_t rank) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    for (int64_t d = 0; d < rank; ++d) {
      int64_t x = indices[a * rank + d], y = indices[b * rank + d];
      if (x != y) return x < y;
    }
    return false;
  });
  return order;
}

}  // namespace tarn
