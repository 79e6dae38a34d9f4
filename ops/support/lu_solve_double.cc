#include "ops/support/lu_solve_impl.h"

namespace tarn {

bool lu_solve(const double* a, int64_t n, bool adjoint, const double* b, int64_t k, double* y) {
  return partial_pivot_solve(a, n, adjoint, b, k, y);
}

}  // namespace tarn
