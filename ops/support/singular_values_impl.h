// The body of singular_values() for one type.
#pragma once

#include "ops/eigen.h"

namespace tarn {

// Eigen's two-sided Jacobi: below 16 columns TensorFlow's own choice, so the signs of the vectors are the same.
template <class T>
bool jacobi_svd(const T* x, int64_t m, int64_t n, bool full, T* s, T* u, T* v) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  int vectors = full ? Eigen::ComputeFullU | Eigen::ComputeFullV : Eigen::ComputeThinU | Eigen::ComputeThinV;
  Matrix matrix = row_matrix<T>(x, m, n);
  Eigen::JacobiSVD<Matrix> svd(matrix, static_cast<unsigned>(u != nullptr ? vectors : 0));
  if (svd.info() != Eigen::Success) return false;
  int64_t p = m < n ? m : n;
  for (int64_t i = 0; i < p; ++i) s[i] = svd.singularValues()(i);
  if (u == nullptr) return true;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t k = 0; k < svd.matrixU().cols(); ++k) *u++ = svd.matrixU()(i, k);
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < svd.matrixV().cols(); ++k) *v++ = svd.matrixV()(i, k);
  }
  return true;
}

}  // namespace tarn
