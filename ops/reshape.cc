// Reshape, ExpandDims, Squeeze: the same elements under another shape.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/reshaping.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Result<Shape> expanded(const Shape& input, int64_t dim) {
  if (input.rank() >= kMaxRank) return invalid_argument("the input has ", input.rank(), " dims already");
  TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(dim, input.rank() + 1, "dim"));
  Shape output;
  for (int d = 0; d <= input.rank(); ++d) {
    if (d == axis) output.add_dim(1);
    if (d < input.rank()) output.add_dim(input.dim(d));
  }
  return output;
}

Status infer_expand_dims(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_single(c, 1, "dim"));
  if (!c.shape(0).has_rank()) return {};
  std::optional<IntList> dim = IntList::known(c, 1);
  if (!dim) return c.set_output(0, Shape::unknown_of_rank(c.shape(0).rank() + 1));
  TARN_ASSIGN_OR_RETURN(int64_t at, single_int(*dim, "dim"));
  TARN_ASSIGN_OR_RETURN(Shape output, expanded(c.shape(0), at));
  if (c.input(0).has_value()) {
    TARN_ASSIGN_OR_RETURN(Tensor value, c.input(0).value.reshaped(output));
    c.set_value(0, value);
  }
  return c.set_output(0, output);
}

// Unknown rank if dims that may or may not be 1 decide about it.
Result<Shape> squeezed(const Shape& input, std::span<const int64_t> dims) {
  bool drop[kMaxRank] = {};
  for (int64_t dim : dims) {
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(dim, input.rank(), "squeeze_dims"));
    if (input.dim(axis) != 1 && input.dim(axis) != kUnknownDim) {
      return invalid_argument("can not squeeze dim ", dim, " of squeeze_dims, expected a dimension of 1, got ",
                              input.dim(axis));
    }
    drop[axis] = true;
  }
  Shape output;
  for (int d = 0; d < input.rank(); ++d) {
    if (dims.empty() && input.dim(d) == kUnknownDim) return Shape::unknown();
    if (dims.empty() ? input.dim(d) != 1 : !drop[d]) output.add_dim(input.dim(d));
  }
  return output;
}

Status infer_squeeze(InferContext& c) {
  if (!c.shape(0).has_rank()) return {};
  TARN_ASSIGN_OR_RETURN(Shape output, squeezed(c.shape(0), c.attr<std::vector<int64_t>>("squeeze_dims")));
  if (c.input(0).has_value()) {
    TARN_ASSIGN_OR_RETURN(Tensor value, c.input(0).value.reshaped(output));
    c.set_value(0, value);
  }
  return c.set_output(0, output);
}

class ReshapeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_rank(c.input(1), 1, "shape"));
    TARN_ASSIGN_OR_RETURN(Shape output, reshaped(*c.input(0).shape, IntList::of(c.input(1))));
    return c.forward(0, 0, output);
  }
};

class ExpandDimsKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(int64_t dim, single_int(IntList::of(c.input(1)), "dim"));
    TARN_ASSIGN_OR_RETURN(Shape output, expanded(*c.input(0).shape, dim));
    return c.forward(0, 0, output);
  }
};

class SqueezeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dims_ = c.attr<std::vector<int64_t>>("squeeze_dims");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Shape output, squeezed(*c.input(0).shape, dims_));
    return c.forward(0, 0, output);
  }

 private:
  std::vector<int64_t> dims_;
};

constexpr KernelDef kReshapeKernels[] = {portable_kernel<ReshapeKernel>()};
constexpr KernelDef kExpandDimsKernels[] = {portable_kernel<ExpandDimsKernel>()};
constexpr KernelDef kSqueezeKernels[] = {portable_kernel<SqueezeKernel>()};

Status back_to_input_shape(GradContext& c) {
  c.set_grad(0, c.op("Reshape", {c.grad(), shape_of(c, c.input(0))}));
  return {};
}

constexpr std::string_view kReshapeDoc = R"(The elements of `tensor`, row by row, under another shape.
  tensor  T[...]   shape  Tshape[rank], at most one of them -1: what is left   returns  T[shape]
  An empty tensor and a size 0 beside the -1: zero dims of the input do not count, so [0, 3] as [-1, 0] is [3, 0].
  Errors: InvalidArgument naming both shapes if the number of elements differs.
  Source: TensorFlow array_ops Reshape.)";
constexpr std::string_view kExpandDimsDoc = R"(Inserts a dim of size 1.
  input  T[...]   dim  where, in [-rank - 1, rank]: 0 puts it first, -1 last   returns  T[... with a 1]
  Source: TensorFlow array_ops ExpandDims.)";
constexpr std::string_view kSqueezeDoc = R"(Removes dims of size 1.
  input  T[...]   returns  T[... without them]: those of `squeeze_dims`, or all if that is empty
  Errors: InvalidArgument if one of `squeeze_dims` is not 1.   Source: TensorFlow array_ops Squeeze.)";

}  // namespace

extern const OpDef op_Reshape, op_ExpandDims, op_Squeeze;
const OpDef op_Reshape = {
    .name = "Reshape",
    .inputs = "tensor: T, shape: Tshape",
    .outputs = "output: T",
    .attrs = "T: type; Tshape: {int32, int64} = int32",
    .traits = kView,
    .infer = infer_reshape,
    .kernels = kReshapeKernels,
};
const OpDef op_ExpandDims = {
    .name = "ExpandDims",
    .inputs = "input: T, dim: Tdim",
    .outputs = "output: T",
    .attrs = "T: type; Tdim: {int32, int64} = int32",
    .traits = kView,
    .infer = infer_expand_dims,
    .kernels = kExpandDimsKernels,
};
const OpDef op_Squeeze = {
    .name = "Squeeze",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: type; squeeze_dims: list(int) >= 0 = []",
    .traits = kView,
    .infer = infer_squeeze,
    .kernels = kSqueezeKernels,
};

TARN_OP_FILE(reshape, {&op_Reshape, kReshapeDoc, back_to_input_shape},
             {&op_ExpandDims, kExpandDimsDoc, back_to_input_shape}, {&op_Squeeze, kSqueezeDoc, back_to_input_shape})

}  // namespace tarn
