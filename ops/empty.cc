// Empty and DeepCopy.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_empty(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "shape"));
  TARN_ASSIGN_OR_RETURN(Shape shape, known_shape(c, 0, "shape"));
  return set_output_checked(c, 0, shape);
}

class EmptyKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    if (c.input(0).shape->rank() != 1) {
      return invalid_argument("input 'shape' must have rank 1, has shape ", c.input(0).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_from(IntList::of(c.input(0)), "shape"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    zero_elements(y.dtype, y.data, y.count);
    return {};
  }
};

class CopyKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    copy_elements(y.dtype, y.data, x.data, x.count);
    return {};
  }
};

constexpr KernelDef kEmptyKernels[] = {portable_kernel<EmptyKernel>()};
constexpr KernelDef kCopyKernels[] = {portable_kernel<CopyKernel>()};

constexpr std::string_view kEmptyDoc = R"(A tensor of the given shape.
  shape  int32, a vector   returns  dtype[shape], all zeros or empty strings, whether `init` asks for it or not
  Errors: InvalidArgument if a dim is negative.   Source: TensorFlow inplace_ops Empty.)";
constexpr std::string_view kCopyDoc = R"(A copy of a tensor, in memory of its own.
  x  T[...]   returns  T[...], the same elements   Source: TensorFlow inplace_ops DeepCopy.)";

}  // namespace

extern const OpDef op_Empty, op_DeepCopy;
const OpDef op_Empty = {
    .name = "Empty",
    .inputs = "shape: int32",
    .outputs = "output: dtype",
    .attrs = "dtype: type; init: bool = false",
    .traits = kStateful,
    .infer = infer_empty,
    .kernels = kEmptyKernels,
};
const OpDef op_DeepCopy = {
    .name = "DeepCopy",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: type",
    .traits = kStateful,
    .infer = infer_unchanged,
    .kernels = kCopyKernels,
};

TARN_OP_FILE(empty, {&op_Empty, kEmptyDoc, nullptr, "there is nothing it depends on but a shape"},
             {&op_DeepCopy, kCopyDoc, nullptr, "TensorFlow has none: it is for updates in place"})

}  // namespace tarn
