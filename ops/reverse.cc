// ReverseV2, and Reverse, its older form.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

using Reversed = bool[kMaxRank];

Status read_axes(const IntList& axes, int rank, Reversed& reversed) {
  for (int64_t i = 0; i < axes.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(axes[i], rank, "axis"));
    if (reversed[axis]) return invalid_argument("axis ", axis, " is there twice in ", axes.to_string());
    reversed[axis] = true;
  }
  return {};
}

Status infer_reverse_v2(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "axis"));
  std::optional<IntList> axes = IntList::known(c, 1);
  if (axes && c.shape(0).has_rank()) {
    Reversed reversed = {};
    TARN_RETURN_IF_ERROR(read_axes(*axes, c.shape(0).rank(), reversed));
  }
  return c.set_output(0, c.shape(0));
}

Status judge_dims(const Shape& dims, const Shape& x) {
  if (dims.is_compatible_with(Shape{x.rank()})) return {};
  return invalid_argument("dims must have one element a dim of ", x.to_string(), ", has shape ", dims.to_string());
}

Status infer_reverse(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "dims"));
  if (c.shape(0).has_rank()) TARN_RETURN_IF_ERROR(judge_dims(c.shape(1), c.shape(0)));
  return c.set_output(0, c.shape(0));
}

class ReverseKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    Reversed reversed = {};
    if (c.input(1).dtype == DType::kBool) {
      TARN_RETURN_IF_ERROR(judge_dims(*c.input(1).shape, shape));
      for (int d = 0; d < shape.rank(); ++d) reversed[d] = c.input(1).as<bool>()[d];
    } else {
      if (c.input(1).shape->rank() != 1) {
        return invalid_argument("input 'axis' must have rank 1, has shape ", c.input(1).shape->to_string());
      }
      TARN_RETURN_IF_ERROR(read_axes(IntList::of(c.input(1)), shape.rank(), reversed));
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    int64_t stride[kMaxRank], offset = 0;
    row_strides(shape, stride);
    StridedCopy copy;
    for (int d = 0; d < shape.rank(); ++d) {
      // Reversed dims are walked from their end.
      if (reversed[d]) offset += (shape.dim(d) - 1) * stride[d];
      TARN_RETURN_IF_ERROR(copy.add_dim(shape.dim(d), stride[d], reversed[d] ? -stride[d] : stride[d]));
    }
    copy.run(y.dtype, y.data, element_at(x, offset), c.threads());
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<ReverseKernel>()};

Status reverse_v2_gradient(GradContext& c) {
  c.set_grad(0, c.op("ReverseV2", {c.grad(), c.input(1)}));
  return {};
}

Status reverse_gradient(GradContext& c) {
  c.set_grad(0, c.op("Reverse", {c.grad(), c.input(1)}));
  return {};
}

constexpr std::string_view kV2Doc = R"(Reverses the order of elements along some dims.
  tensor  T[...]   axis  Tidx[n], dims in [-rank, rank), each once   returns  T, of the same shape
  Errors: InvalidArgument for an axis out of range or there twice.   Source: TensorFlow array_ops ReverseV2.)";
constexpr std::string_view kV1Doc = R"(Reverses the order of elements along the dims that are marked true.
  tensor  T[...]   dims  bool[rank]   returns  T, of the same shape
  Source: TensorFlow array_ops Reverse, before ReverseV2.)";

}  // namespace

extern const OpDef op_ReverseV2, op_Reverse;
const OpDef op_ReverseV2 = {
    .name = "ReverseV2",
    .inputs = "tensor: T, axis: Tidx",
    .outputs = "output: T",
    .attrs =
        "Tidx: {int32, int64} = int32; T: {uint8, int8, uint16, int16, int32, uint32, int64, uint64, bool, bfloat16, "
        "half, float, double, complex64, complex128, string}",
    .infer = infer_reverse_v2,
    .kernels = kKernels,
    .kernel_attr = "T",
};
const OpDef op_Reverse = {
    .name = "Reverse",
    .inputs = "tensor: T, dims: bool",
    .outputs = "output: T",
    .attrs =
        "T: {uint8, int8, uint16, int16, uint32, int32, uint64, int64, bool, bfloat16, half, float, double, complex64, "
        "complex128, string}",
    .infer = infer_reverse,
    .kernels = kKernels,
};

TARN_OP_FILE(reverse, {&op_ReverseV2, kV2Doc, reverse_v2_gradient}, {&op_Reverse, kV1Doc, reverse_gradient})

}  // namespace tarn
