#include "ops/support/eigenvalues_impl.h"

namespace tarn {

bool eigenvalues(const double* x, int64_t n, double* values, double* vectors) {
  return self_adjoint_eigenvalues(x, n, values, vectors);
}

}  // namespace tarn
