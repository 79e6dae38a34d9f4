// The only header that includes Eigen. For ops that are not hot; hot GEMMs and convolutions are in ops/kernels.
//
//   RowMatrix<double> inverse = row_matrix<double>(x, 3, 3).partialPivLu().inverse();
//
// Decompositions are templates that take seconds to compile: one a file.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <unsupported/Eigen/SpecialFunctions>

namespace tarn {

template <class T>
using RowMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Matrices where a tensor has them.
template <class T>
Eigen::Map<const RowMatrix<T>> row_matrix(const T* data, int64_t rows, int64_t columns) {
  return {data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns)};
}
template <class T>
Eigen::Map<RowMatrix<T>> mutable_row_matrix(T* data, int64_t rows, int64_t columns) {
  return {data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns)};
}

}  // namespace tarn
