// The body of householder_qr() for one type.
#pragma once

#include "ops/decompositions.h"
#include "ops/eigen.h"

namespace tarn {

template <class T>
void eigen_qr(const T* x, int64_t m, int64_t n, int64_t inner, T* q, T* r) {
  Eigen::HouseholderQR<RowMatrix<T>> qr(row_matrix<T>(x, m, n));
  auto basis = mutable_row_matrix<T>(q, m, inner);
  basis.setIdentity();
  basis = qr.householderQ() * basis.eval();
  mutable_row_matrix<T>(r, inner, n) = qr.matrixQR().topRows(inner).template triangularView<Eigen::Upper>();
}

}  // namespace tarn
