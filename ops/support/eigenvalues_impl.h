// The body of eigenvalues() for one type.
#pragma once

#include "ops/decompositions.h"
#include "ops/eigen.h"

namespace tarn {

template <class T>
bool self_adjoint_eigenvalues(const T* x, int64_t n, T* values, T* vectors) {
  Eigen::SelfAdjointEigenSolver<RowMatrix<T>> eig(
      row_matrix<T>(x, n, n), vectors != nullptr ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
  if (eig.info() != Eigen::Success) return false;
  mutable_row_matrix<T>(values, 1, n) = eig.eigenvalues().transpose();
  if (vectors != nullptr) mutable_row_matrix<T>(vectors, n, n) = eig.eigenvectors();
  return true;
}

}  // namespace tarn
