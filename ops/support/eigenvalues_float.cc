#include "ops/support/eigenvalues_impl.h"

namespace tarn {

bool eigenvalues(const float* x, int64_t n, float* values, float* vectors) {
  return self_adjoint_eigenvalues(x, n, values, vectors);
}

}  // namespace tarn
