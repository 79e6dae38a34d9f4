// Inputs that must be one value or a vector, judged alike by kernels whose shapes were not known before.
//
//   TARN_RETURN_IF_ERROR(expect_scalar(c.input(0), "contents"));
//   const std::string& contents = c.input(0).item<std::string>();
#pragma once

#include "core/kernel.h"

namespace tarn {

inline Status expect_rank(const TensorView& view, int rank, std::string_view name) {
  if (view.shape->rank() == rank) return {};
  return invalid_argument("input ", quoted(name), " must have rank ", rank, ", has shape ", view.shape->to_string());
}
inline Status expect_scalar(const TensorView& view, std::string_view name) {
  if (view.shape->rank() == 0) return {};
  return invalid_argument("input ", quoted(name), " must be a scalar, has shape ", view.shape->to_string());
}

}  // namespace tarn
