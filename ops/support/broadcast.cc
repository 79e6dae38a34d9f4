#include "ops/elementwise.h"

namespace tarn {

Result<BroadcastPlan> BroadcastPlan::make(const Shape& a, const Shape& b) {
  BroadcastPlan plan;
  TARN_ASSIGN_OR_RETURN(plan.output, broadcast_shapes(a, b));
  // From the innermost dim outwards; neighbours that both inputs walk contiguously (or both stretch) become one dim.
  int64_t a_size = 1, b_size = 1;
  struct Dim {
    int64_t size, a_stride, b_stride;
  };
  Dim merged[kMostDims];
  int count = 0;
  for (int i = 1; i <= plan.output.rank(); ++i) {
    int64_t size = plan.output.dim(-i);
    int64_t a_dim = i <= a.rank() ? a.dim(-i) : 1;
    int64_t b_dim = i <= b.rank() ? b.dim(-i) : 1;
    int64_t a_stride = a_dim == 1 ? 0 : a_size;
    int64_t b_stride = b_dim == 1 ? 0 : b_size;
    a_size *= a_dim;
    b_size *= b_dim;
    if (size == 1) continue;
    if (count > 0 && a_stride == merged[count - 1].a_stride * merged[count - 1].size &&
        b_stride == merged[count - 1].b_stride * merged[count - 1].size) {
      merged[count - 1].size *= size;
      continue;
    }
    if (count == kMostDims) {
      return unimplemented("broadcasting ", a, " with ", b, " needs more than ", kMostDims, " dims");
    }
    merged[count++] = {size, a_stride, b_stride};
  }
  if (count == 0) merged[count++] = {1, 1, 1};  // scalars
  plan.rank = count;
  for (int i = 0; i < count; ++i) {
    plan.dims[i] = merged[count - 1 - i].size;
    plan.a_stride[i] = merged[count - 1 - i].a_stride;
    plan.b_stride[i] = merged[count - 1 - i].b_stride;
  }
  return plan;
}

}  // namespace tarn
