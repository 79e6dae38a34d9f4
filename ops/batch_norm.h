// What FusedBatchNorm and its gradients share: who is how long.
//
//   TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(attrs, *x.shape));      // sizes.rows * sizes.channels
#pragma once

#include "core/op.h"

namespace tarn {

struct BatchNormSizes {
  int64_t rows = kUnknownDim, channels = kUnknownDim;
};

// The image seen as [rows, channels]. Errors: rank, a NaN or negative epsilon.
Result<BatchNormSizes> batch_norm_sizes(const AttrMap& attrs, const Shape& x);
// Unimplemented unless channels are last, and the dtype attrs T and U agree.
Status expect_batch_norm_kernel(const AttrMap& attrs);
// Where the channels of a rank-4 or rank-5 image are.
int batch_norm_channel_dim(const AttrMap& attrs, const Shape& x);
// Errors: `vector` is not of rank 1 and length `channels` (or 0, where it may be empty).
Status expect_channels(const Shape& vector, int64_t channels, std::string_view name, bool may_be_empty = false);

// The gradient of every version of FusedBatchNorm, through `grad_op`.
Status batch_norm_gradient(GradContext& c, std::string_view grad_op);

}  // namespace tarn
