// Singular value decomposition of one matrix, by Eigen. It takes seconds to compile for each type, so each has a file
// of its own: ops/support/singular_values_float.cc and _double.cc.
//
//   bool found = singular_values(x, m, n, full, s, u, v);     // u and v null: values alone
#pragma once

#include <cstdint>

namespace tarn {

// x [m, n], row-major, m and n at least 1; p = min(m, n).  s [p], the largest first;  u [m, p] and v [n, p], or for
// `full` [m, m] and [n, n]. False if x holds NaN or infinities: then nothing is written.
bool singular_values(const float* x, int64_t m, int64_t n, bool full, float* s, float* u, float* v);
bool singular_values(const double* x, int64_t m, int64_t n, bool full, double* s, double* u, double* v);

}  // namespace tarn
