// BroadcastTo.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Result<Shape> wanted_shape(const IntList& dims) {
  if (dims.size() > kMaxRank) return invalid_argument("'shape' holds ", dims.size(), " dims, at most ", kMaxRank);
  Shape shape;
  for (int64_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 0) return invalid_argument("'shape' holds the negative size ", dims[i]);
    shape.add_dim(dims[i]);
  }
  TARN_RETURN_IF_ERROR(shape.element_count().status());
  return shape;
}

Status judge(const Shape& input, const Shape& shape) {
  if (!input.has_rank()) return {};
  bool fits = input.rank() <= shape.rank();
  for (int i = 1; fits && i <= input.rank(); ++i) {
    fits = input.dim(-i) == 1 || input.dim(-i) == kUnknownDim || input.dim(-i) == shape.dim(-i);
  }
  return fits ? Status() : invalid_argument(input.to_string(), " cannot be stretched to ", shape.to_string());
}

Status infer_broadcast_to(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "shape"));
  if (std::optional<IntList> dims = IntList::known(c, 1)) {
    TARN_ASSIGN_OR_RETURN(Shape shape, wanted_shape(*dims));
    TARN_RETURN_IF_ERROR(judge(c.shape(0), shape));
    return c.set_output(0, shape);
  }
  const Shape& dims = c.shape(1);
  if (!dims.is_fully_known()) return c.set_output(0, Shape::unknown());
  if (dims.dim(0) > kMaxRank) return invalid_argument("'shape' holds ", dims.dim(0), " dims, at most ", kMaxRank);
  if (c.shape(0).has_rank() && c.shape(0).rank() > dims.dim(0)) {
    return invalid_argument(c.shape(0).to_string(), " cannot be stretched to rank ", dims.dim(0));
  }
  return c.set_output(0, Shape::unknown_of_rank(static_cast<int>(dims.dim(0))));
}

class BroadcastToKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    if (c.input(1).shape->rank() != 1) return invalid_argument("input 'shape' must have rank 1");
    TARN_ASSIGN_OR_RETURN(Shape shape, wanted_shape(IntList::of(c.input(1))));
    TARN_RETURN_IF_ERROR(judge(*x.shape, shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    int64_t from[kMaxRank], to[kMaxRank];
    size_t rank = static_cast<size_t>(shape.rank()), missing = rank - static_cast<size_t>(x.shape->rank());
    row_strides(shape, std::span<int64_t>(to, rank));
    row_strides(*x.shape, std::span<int64_t>(from + missing, rank - missing));
    StridedCopy copy;
    for (size_t i = 0; i < rank; ++i) {
      bool stretched = i < missing || x.shape->dim(static_cast<int>(i - missing)) == 1;
      TARN_RETURN_IF_ERROR(copy.add_dim(shape.dim(static_cast<int>(i)), to[i], stretched ? 0 : from[i]));
    }
    copy.run(y.dtype, y.data, x.data, c.threads());
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<BroadcastToKernel>()};

Status broadcast_to_gradient(GradContext& c) {
  // dinput = dy, summed over the dims that were stretched
  c.set_grad(0, sum_to_shape_of(c, c.input(0), c.grad()));
  return {};
}

constexpr std::string_view kDoc = R"(The input repeated along dims of size 1, and along new dims in front.
  input  T[...]   shape  int32 or int64 vector   returns  T of that shape
  Errors: InvalidArgument if a dim is neither 1 nor what `shape` asks for, or a size is negative.
  Source: TensorFlow array_ops BroadcastTo.)";

}  // namespace

extern const OpDef op_BroadcastTo;
const OpDef op_BroadcastTo = {
    .name = "BroadcastTo",
    .inputs = "input: T, shape: Tidx",
    .outputs = "output: T",
    .attrs = "T: type; Tidx: {int32, int64} = int32",
    .infer = infer_broadcast_to,
    .kernels = kKernels,
};

TARN_OP_FILE(broadcast_to, {&op_BroadcastTo, kDoc, broadcast_to_gradient})

}  // namespace tarn
