#include "ops/support/lu_solve_impl.h"

namespace tarn {

bool lu_solve(const float* a, int64_t n, bool adjoint, const float* b, int64_t k, float* y) {
  return partial_pivot_solve(a, n, adjoint, b, k, y);
}

}  // namespace tarn
