// SparseSlice and its gradient op.
#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/sparse.h"

namespace tarn {
namespace {

Status judge_bounds(const Shape& bounds, const Shape& shape, std::string_view name) {
  if (bounds.is_compatible_with(shape)) return {};
  return invalid_argument("Expected ", name, " to be a vector of length ", shape.dim(0), ", has shape ",
                          bounds.to_string());
}

Status infer_slice(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_sparse(c.shape(0), c.shape(1), c.shape(2), "shape"));
  int64_t rank = dim_or_unknown(c.shape(2), 0);
  TARN_RETURN_IF_ERROR(judge_bounds(c.shape(3), Shape{rank}, "start"));
  TARN_RETURN_IF_ERROR(judge_bounds(c.shape(4), Shape{rank}, "size"));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim, rank}));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape{kUnknownDim}));
  return c.set_output(2, Shape{rank});
}

class SliceKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &indices = c.input(0), &values = c.input(1), &shape = c.input(2);
    TARN_RETURN_IF_ERROR(judge_sparse(*indices.shape, *values.shape, *shape.shape, "shape"));
    TARN_RETURN_IF_ERROR(judge_bounds(*c.input(3).shape, *shape.shape, "start"));
    TARN_RETURN_IF_ERROR(judge_bounds(*c.input(4).shape, *shape.shape, "size"));
    int64_t rank = shape.count;
    const auto *start = c.input(3).as<int64_t>(), *size = c.input(4).as<int64_t>(), *index = indices.as<int64_t>();
    for (int64_t d = 0; d < rank; ++d) {
      if (start[d] < 0) return invalid_argument("Expected a non-negative start, got ", start[d]);
      if (size[d] < 0) return invalid_argument("Expected a non-negative size, got ", size[d]);
    }
    auto is_inside = [&](int64_t i) {
      for (int64_t d = 0; d < rank; ++d) {
        int64_t at = index[i * rank + d];
        if (at < start[d] || at - start[d] >= size[d]) return false;
      }
      return true;
    };
    int64_t count = 0;
    for (int64_t i = 0; i < values.count; ++i) count += is_inside(i) ? 1 : 0;
    TARN_ASSIGN_OR_RETURN(TensorView y_indices, c.output(0, Shape{count, rank}));
    TARN_ASSIGN_OR_RETURN(TensorView y_values, c.output(1, Shape{count}));
    TARN_ASSIGN_OR_RETURN(TensorView y_shape, c.output(2, Shape{rank}));
    for (int64_t d = 0; d < rank; ++d) {
      int64_t left = std::max<int64_t>(0, shape.as<int64_t>()[d] - std::min(start[d], shape.as<int64_t>()[d]));
      y_shape.as<int64_t>()[d] = std::min(size[d], left);
    }
    int64_t to = 0;
    for (int64_t i = 0; i < values.count; ++i) {
      if (!is_inside(i)) continue;
      for (int64_t d = 0; d < rank; ++d) y_indices.as<int64_t>()[to * rank + d] = index[i * rank + d] - start[d];
      copy_elements(values.dtype, mutable_element_at(y_values, to++), element_at(values, i), 1);
    }
    return {};
  }
};

Status infer_slice_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "backprop_val_grad"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 2, "input_indices"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 1, "input_start"));
  TARN_RETURN_IF_ERROR(c.expect_rank(3, 2, "output_indices"));
  return c.set_output(0, Shape{dim_or_unknown(c.shape(1), 0)});
}

// Both lists of indices are in one order: that of the elements kept.
class SliceGradKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &dy = c.input(0), &indices = c.input(1), &start = c.input(2), &kept = c.input(3);
    TARN_RETURN_IF_ERROR(expect_rank(dy, 1, "backprop_val_grad"));
    TARN_RETURN_IF_ERROR(expect_rank(indices, 2, "input_indices"));
    TARN_RETURN_IF_ERROR(expect_rank(start, 1, "input_start"));
    TARN_RETURN_IF_ERROR(expect_rank(kept, 2, "output_indices"));
    int64_t rank = start.count;
    if (indices.shape->dim(1) != rank || kept.shape->dim(1) != rank || kept.shape->dim(0) != dy.count) {
      return invalid_argument("input_indices ", indices.shape->to_string(), ", input_start ", start.shape->to_string(),
                              ", output_indices ", kept.shape->to_string(), " and backprop_val_grad ",
                              dy.shape->to_string(), " do not fit");
    }
    int64_t count = indices.shape->dim(0), next = 0;
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, Shape{count}));
    zero_elements(dx.dtype, dx.data, dx.count);
    auto is_next = [&](int64_t i) {
      for (int64_t d = 0; d < rank; ++d) {
        auto at =
            static_cast<uint64_t>(kept.as<int64_t>()[next * rank + d]) + static_cast<uint64_t>(start.as<int64_t>()[d]);
        if (at != static_cast<uint64_t>(indices.as<int64_t>()[i * rank + d])) return false;
      }
      return true;
    };
    for (int64_t i = 0; i < count && next < dy.count; ++i) {
      if (is_next(i)) copy_elements(dx.dtype, mutable_element_at(dx, i), element_at(dy, next++), 1);
    }
    return {};
  }
};

constexpr KernelDef kSliceKernels[] = {portable_kernel<SliceKernel>()};
constexpr KernelDef kSliceGradKernels[] = {portable_kernel<SliceGradKernel>()};

Status slice_gradient(GradContext& c) {
  if (!c.grad(1).is_none()) c.set_grad(1, c.op("SparseSliceGrad", {c.grad(1), c.input(0), c.input(3), c.output(0)}));
  return {};
}

constexpr std::string_view kSliceDoc = R"(A box out of a sparse tensor.
  indices  int64[n, rank]   values  T[n]   shape  int64[rank]   start, size  int64[rank], not negative
  returns  output_indices  int64[m, rank], output_values  T[m]: the elements inside, in their order;
  output_shape  int64[rank]: size, cut where the tensor ends
  Errors: InvalidArgument for a negative start or size.   Source: TensorFlow sparse_ops SparseSlice.)";
constexpr std::string_view kSliceGradDoc = R"(The gradient of SparseSlice.
  backprop_val_grad  T[m]   input_indices  int64[n, rank]   input_start  int64[rank]   output_indices  int64[m, rank]
  returns  val_grad  T[n]: 0 for elements that were outside.   Source: TensorFlow sparse_ops SparseSliceGrad.)";

}  // namespace

extern const OpDef op_SparseSlice, op_SparseSliceGrad;
const OpDef op_SparseSlice = {
    .name = "SparseSlice",
    .inputs = "indices: int64, values: T, shape: int64, start: int64, size: int64",
    .outputs = "output_indices: int64, output_values: T, output_shape: int64",
    .attrs = "T: type",
    .infer = infer_slice,
    .kernels = kSliceKernels,
};
const OpDef op_SparseSliceGrad = {
    .name = "SparseSliceGrad",
    .inputs = "backprop_val_grad: T, input_indices: int64, input_start: int64, output_indices: int64",
    .outputs = "val_grad: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}",
    .infer = infer_slice_grad,
    .kernels = kSliceGradKernels,
};

TARN_OP_FILE(sparse_slice, {&op_SparseSlice, kSliceDoc, slice_gradient},
             {&op_SparseSliceGrad, kSliceGradDoc, nullptr, "TensorFlow has none: it is a gradient itself"})

}  // namespace tarn
