#include "ops/support/householder_impl.h"

namespace tarn {

void householder_qr(const float* x, int64_t m, int64_t n, int64_t inner, float* q, float* r) {
  eigen_qr(x, m, n, inner, q, r);
}

}  // namespace tarn
