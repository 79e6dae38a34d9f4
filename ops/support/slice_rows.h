// Indices of several numbers, each naming a slice of a tensor: what GatherNd, ScatterNd and TensorScatter* share.
//
//   TARN_ASSIGN_OR_RETURN(Shape wanted, slices_shape(indices, whole, "tensor"));   // of what is gathered or scattered
//   SliceRows rows(c.input(1), whole);
//   TARN_RETURN_IF_ERROR(rows.judge("tensor"));
//   … element_at(x, rows[i] * slice_elements) …
#pragma once

#include <string>

#include "ops/support/array.h"

namespace tarn {

// The last dim of indices says how many dims of the tensor an index reaches into.
inline Status judge_depth(const Shape& indices, const Shape& whole, std::string_view name) {
  if (indices.rank() < 1)
    return invalid_argument("indices must be at least a vector, have shape ", indices.to_string());
  int64_t depth = indices.dim(-1);
  if (depth == kUnknownDim || !whole.has_rank() || depth <= whole.rank()) return {};
  return invalid_argument("an index of ", depth, " numbers (indices ", indices.to_string(), ") is too long for ", name,
                          " ", whole.to_string());
}

// indices.shape[:-1] + whole.shape[depth:]: what is gathered, and what is scattered.
inline Result<Shape> slices_shape(const Shape& indices, const Shape& whole, std::string_view name) {
  TARN_RETURN_IF_ERROR(judge_depth(indices, whole, name));
  Shape shape;
  for (int d = 0; d + 1 < indices.rank(); ++d) shape.add_dim(indices.dim(d));
  for (int d = static_cast<int>(indices.dim(-1)); d < whole.rank(); ++d) shape.add_dim(whole.dim(d));
  if (shape.rank() > kMaxRank) return invalid_argument("the result would have ", shape.rank(), " dims");
  return shape;
}

// Which slice of `whole` each row of `indices` names.
class SliceRows {
 public:
  SliceRows(const TensorView& indices, const Shape& whole)
      : indices_(IntList::of(indices)), whole_(whole), depth_(static_cast<int>(indices.shape->dim(-1))) {
    count_ = dim_product(*indices.shape, 0, indices.shape->rank() - 1);
  }
  int64_t count() const { return count_; }
  // The number of elements before slice `row`, in slices.
  int64_t operator[](int64_t row) const {
    int64_t place = 0;
    for (int d = 0; d < depth_; ++d) place = place * whole_.dim(d) + indices_[row * depth_ + d];
    return place;
  }
  Status judge(std::string_view name) const {
    for (int64_t row = 0; row < count_ && depth_ > 0; ++row) {  // depth 0: every row names the whole
      for (int d = 0; d < depth_; ++d) {
        int64_t index = indices_[row * depth_ + d];
        if (index >= 0 && index < whole_.dim(d)) continue;
        return invalid_argument("row ", row, " of indices names [", row_text(row), "], which is not in ", name, " ",
                                whole_.to_string());
      }
    }
    return {};
  }

 private:
  std::string row_text(int64_t row) const {
    std::string text;
    for (int d = 0; d < depth_; ++d) str_append(text, d > 0 ? ", " : "", indices_[row * depth_ + d]);
    return text;
  }

  IntList indices_;
  const Shape& whole_;
  int depth_;
  int64_t count_;
};

inline Status judge_updates(const Shape& updates, const Shape& wanted, const Shape& indices, const Shape& whole) {
  if (updates.is_compatible_with(wanted)) return {};
  return invalid_argument("updates must have shape ", wanted.to_string(), " for indices ", indices.to_string(),
                          " into shape ", whole.to_string(), ", have ", updates.to_string());
}

}  // namespace tarn
