// The body of lu_solve() for one type.
#pragma once

#include "ops/decompositions.h"
#include "ops/eigen.h"

namespace tarn {

template <class T>
bool partial_pivot_solve(const T* a, int64_t n, bool adjoint, const T* b, int64_t k, T* y) {
  Eigen::PartialPivLU<RowMatrix<T>> lu(n);
  if (adjoint) {
    lu.compute(row_matrix<T>(a, n, n).adjoint());
  } else {
    lu.compute(row_matrix<T>(a, n, n));
  }
  if (!(lu.matrixLU().diagonal().cwiseAbs().minCoeff() > T(0))) return false;
  auto solution = mutable_row_matrix<T>(y, n, k);
  if (b == nullptr) {
    solution = lu.inverse();
  } else {
    solution = lu.solve(row_matrix<T>(b, n, k));
  }
  return true;
}

}  // namespace tarn
