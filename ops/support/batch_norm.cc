#include "ops/batch_norm.h"

#include "ops/gradients.h"

namespace tarn {

int batch_norm_channel_dim(const AttrMap& attrs, const Shape& x) {
  return attrs.get<std::string>("data_format").starts_with("NC") ? 1 : x.rank() - 1;
}

Result<BatchNormSizes> batch_norm_sizes(const AttrMap& attrs, const Shape& x) {
  float epsilon = attrs.get<float>("epsilon");
  if (!(epsilon >= 0)) return invalid_argument("attr 'epsilon' must not be negative, is ", epsilon);
  BatchNormSizes sizes;
  if (!x.has_rank()) return sizes;
  int rank = static_cast<int>(attrs.get<std::string>("data_format").size());
  if (x.rank() != rank) {
    return invalid_argument("input 'x' must have rank ", rank, " for ", attrs.get<std::string>("data_format"),
                            ", has shape ", x);
  }
  int channel_dim = batch_norm_channel_dim(attrs, x);
  sizes.channels = x.dim(channel_dim);
  sizes.rows = 1;
  for (int i = 0; i < rank; ++i) {
    if (i == channel_dim) continue;
    if (x.dim(i) == kUnknownDim) {
      sizes.rows = kUnknownDim;
      break;
    }
    TARN_ASSIGN_OR_RETURN(sizes.rows, checked_multiply(sizes.rows, x.dim(i)));
  }
  return sizes;
}

Status expect_batch_norm_kernel(const AttrMap& attrs) {
  const auto& format = attrs.get<std::string>("data_format");
  if (format.starts_with("NC")) return unimplemented("data_format ", format, " has no kernel; N...C has");
  const AttrValue* parameters = attrs.find("U");
  if (parameters != nullptr && parameters->as<DType>() != attrs.get<DType>("T")) {
    return unimplemented("there is no kernel for T = ", attrs.get<DType>("T"), " with U = ", parameters->as<DType>());
  }
  return {};
}

Status expect_channels(const Shape& vector, int64_t channels, std::string_view name, bool may_be_empty) {
  if (!vector.has_rank()) return {};
  if (vector.rank() != 1) {
    return invalid_argument("input '", name, "' must have rank 1, has shape ", vector);
  }
  int64_t length = vector.dim(0);
  if (length == kUnknownDim || channels == kUnknownDim || length == channels || (may_be_empty && length == 0)) {
    return {};
  }
  return invalid_argument(name, " has ", length, " elements but x has ", channels, " channels");
}

Status batch_norm_gradient(GradContext& c, std::string_view grad_op) {
  if (c.grad(0).is_none()) return {};
  static constexpr std::string_view kKept[] = {"epsilon", "data_format", "is_training"};
  AttrMap attrs = kept_attrs(c, kKept);
  // Statistics: those of the batch, which the op kept; at inference those that were given.
  bool is_training = c.attr<bool>("is_training");
  Wire mean = is_training ? c.output(3) : c.input(3);
  Wire variance = is_training ? c.output(4) : c.input(4);
  Wire dx = grad_op == "FusedBatchNormGradV3"
                ? c.op(grad_op, {c.grad(0), c.input(0), c.input(1), mean, variance, c.output(5)}, attrs)
                : c.op(grad_op, {c.grad(0), c.input(0), c.input(1), mean, variance}, attrs);
  // (dx, dscale, doffset) = FusedBatchNormGrad(dy, x, scale, mean, variance)
  c.set_grad(0, dx);
  c.set_grad(1, c.slot(dx, 1));
  c.set_grad(2, c.slot(dx, 2));
  return {};
}

}  // namespace tarn
