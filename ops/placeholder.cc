// Placeholder and PlaceholderWithDefault.
#include "core/op.h"

namespace tarn {
namespace {

Status infer_placeholder(InferContext& c) {
  return c.set_output(0, c.attr<Shape>("shape"));
}

Status infer_with_default(InferContext& c) {
  // A fed value need only fit the attr, not the default's shape.
  TARN_ASSIGN_OR_RETURN(Shape merged, c.attr<Shape>("shape").merge(c.shape(0)));
  (void)merged;
  return c.set_output(0, c.attr<Shape>("shape"));
}

class PlaceholderKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    return invalid_argument("You must feed a value for placeholder ", in_quotes(c.node_name()));
  }
};

class DefaultKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    shape_ = c.attr<Shape>("shape");
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape& shape = *c.input(0).shape;
    if (!shape_.is_compatible_with(shape)) {
      return invalid_argument("the default has shape ", shape, ", attr 'shape' is ", shape_);
    }
    return c.forward(0, 0, shape);
  }

 private:
  Shape shape_;
};

constexpr KernelDef kPlaceholderKernels[] = {portable_kernel<PlaceholderKernel>()};
constexpr KernelDef kDefaultKernels[] = {portable_kernel<DefaultKernel>()};

Status default_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  return {};
}

constexpr std::string_view kPlaceholderDoc = R"(A value that every run must be fed with.
  returns  dtype[shape]; dims of `shape` that are -1 may differ from run to run.
  Errors: InvalidArgument naming the node if a run needs it and it was not fed.
  Source: TensorFlow array_ops Placeholder.)";
constexpr std::string_view kDefaultDoc = R"(Passes `input` through unless a run feeds another value.
  input  dtype[...], must fit the attr `shape`   returns  dtype[shape]
  Source: TensorFlow array_ops PlaceholderWithDefault.)";

}  // namespace

extern const OpDef op_Placeholder, op_PlaceholderWithDefault;
const OpDef op_Placeholder = {
    .name = "Placeholder",
    .outputs = "output: dtype",
    .attrs = "dtype: type; shape: shape = ?",
    .traits = kSourceOp,
    .infer = infer_placeholder,
    .kernels = kPlaceholderKernels,
};
const OpDef op_PlaceholderWithDefault = {
    .name = "PlaceholderWithDefault",
    .inputs = "input: dtype",
    .outputs = "output: dtype",
    .attrs = "dtype: type; shape: shape",
    .traits = kView | kNoFold,  // a feed may replace it, so it is not its input
    .infer = infer_with_default,
    .kernels = kDefaultKernels,
};

TARN_OP_FILE(placeholder, {&op_Placeholder, kPlaceholderDoc, nullptr, "a fed value depends on nothing"},
             {&op_PlaceholderWithDefault, kDefaultDoc, default_gradient})

}  // namespace tarn
