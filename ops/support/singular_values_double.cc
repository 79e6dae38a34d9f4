#include "ops/singular_values.h"
#include "ops/support/singular_values_impl.h"

namespace tarn {

bool singular_values(const double* x, int64_t m, int64_t n, bool full, double* s, double* u, double* v) {
  return jacobi_svd(x, m, n, full, s, u, v);
}

}  // namespace tarn
