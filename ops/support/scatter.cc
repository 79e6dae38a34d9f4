#include "ops/scatter.h"

namespace tarn::scatter {

Status Rows::judge_updates(const Shape& variable, const Shape& indices, const Shape& updates) {
  if (variable.rank() < 1) {
    return invalid_argument("the variable must be at least a vector, has shape ", variable);
  }
  if (updates.is_scalar()) return {};
  Shape wanted = indices;
  if (indices.rank() + variable.rank() - 1 > kMaxRank) {
    return invalid_argument("the updates would have ", indices.rank() + variable.rank() - 1, " dims");
  }
  for (int d = 1; d < variable.rank(); ++d) wanted.add_dim(variable.dim(d));
  if (wanted.is_compatible_with(updates)) return {};
  return invalid_argument("updates must have the shape ", wanted, " (of indices ", indices,
                          " and the variable's rows) or be a scalar, have shape ", updates);
}

Status Rows::judge() const {
  for (int64_t i = 0; i < indices_.size(); ++i) {
    if (indices_[i] >= 0 && indices_[i] < limit_) continue;
    return invalid_argument("indices[", i, "] = ", indices_[i], " is not in [0, ", limit_, ")");
  }
  return {};
}

Status Slices::judge_updates(const Shape& variable, const Shape& indices, const Shape& updates) {
  TARN_RETURN_IF_ERROR(judge_depth(indices, variable, "the variable"));
  if (indices.dim(-1) == kUnknownDim) return {};
  TARN_ASSIGN_OR_RETURN(Shape wanted, slices_shape(indices, variable, "the variable"));
  return tarn::judge_updates(updates, wanted, indices, variable);
}

}  // namespace tarn::scatter
