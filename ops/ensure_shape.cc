// EnsureShape.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_ensure_shape(InferContext& c) {
  const Shape& expected = c.attr<Shape>("shape");
  Result<Shape> both = c.shape(0).merge(expected);
  if (!both.ok()) {
    return invalid_argument("Shape of tensor ", c.shape(0).to_string(), " is not compatible with expected shape ",
                            expected.to_string());
  }
  return c.set_output(0, *both);
}

class EnsureShapeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    expected_ = c.attr<Shape>("shape");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    if (!expected_.is_compatible_with(*x.shape)) {
      return invalid_argument("Shape of tensor ", x.shape->to_string(), " is not compatible with expected shape ",
                              expected_.to_string());
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.data != x.data) copy_elements(x.dtype, y.data, x.data, x.count);
    return {};
  }

 private:
  Shape expected_;
};

Status ensure_shape_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  return {};
}

constexpr KernelDef kKernels[] = {portable_kernel<EnsureShapeKernel>()};

constexpr std::string_view kDoc = R"(A tensor as it is, if it has the shape that it is said to have.
  input  T[...]   shape: may leave sizes, or the rank, open   returns  T[...], the same
  Errors: InvalidArgument for another shape, when the graph is loaded if that is known, else when it runs.
  Source: TensorFlow array_ops EnsureShape.)";

}  // namespace

extern const OpDef op_EnsureShape;
const OpDef op_EnsureShape = {
    .name = "EnsureShape",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "shape: shape; T: type",
    .infer = infer_ensure_shape,
    .kernels = kKernels,
};

TARN_OP_FILE(ensure_shape, {&op_EnsureShape, kDoc, ensure_shape_gradient})

}  // namespace tarn
