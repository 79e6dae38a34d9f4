// Eigen's decompositions that take seconds to compile for each type: each has files of its own for float and double,
// ops/support/{householder,eigenvalues,lu_solve}_*.cc. All matrices are row-major, with a row or more.
//
//   if (!lu_solve(a, n, false, b, k, y)) return invalid_argument("matrix ", i, " is not invertible");
#pragma once

#include <cstdint>

namespace tarn {

// x = q * r, x [m, n], q [m, inner], r [inner, n], where inner is m or the smaller of m and n. The diagonal of r may be
// negative.
void householder_qr(const float* x, int64_t m, int64_t n, int64_t inner, float* q, float* r);
void householder_qr(const double* x, int64_t m, int64_t n, int64_t inner, double* q, double* r);

// Of the symmetric x [n, n], whose lower triangle is looked at: values [n], the smallest first, and vectors [n, n] in
// columns; null: values alone. False if none were found.
bool eigenvalues(const float* x, int64_t n, float* values, float* vectors);
bool eigenvalues(const double* x, int64_t n, double* values, double* vectors);

// y [n, k] with a * y = b, or the transpose of a for `adjoint`; a [n, n], b [n, k], null for the identity. False if a
// pivot is 0 or NaN: a is not invertible.
bool lu_solve(const float* a, int64_t n, bool adjoint, const float* b, int64_t k, float* y);
bool lu_solve(const double* a, int64_t n, bool adjoint, const double* b, int64_t k, double* y);

}  // namespace tarn
