// Conv2DBackpropInput and Conv2DBackpropFilter: the gradients of Conv2D; the first is also "transposed convolution".
#include <cstring>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/gradients.h"
#include "ops/support/array.h"
#include "ops/window.h"

namespace tarn {
namespace {

// `sizes` may leave out batch and channels: then they are those of out_backprop and filter.
Result<Shape> input_shape(const WindowAttrs& window, const Shape& sizes, const Shape& filter, const Shape& dy) {
  if (sizes.rank() == 4) return sizes;
  if (sizes.rank() != 2) {
    return invalid_argument("'input_sizes' must hold 4 sizes, or height and width, holds ", sizes.rank());
  }
  int64_t batch = dy.has_rank() && dy.rank() == 4 ? dy.dim(0) : kUnknownDim;
  int64_t channels = filter.has_rank() && filter.rank() == 4 ? filter.dim(2) : kUnknownDim;
  return window.image_shape(batch, sizes.dim(0), sizes.dim(1), channels);
}

// The sizes of the convolution that gave `dy`. Errors: it gives another shape.
Result<kernels::Conv2DGeometry> backprop_geometry(const WindowAttrs& window, const Shape& input, const Shape& filter,
                                                  const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window, input, filter));
  TARN_ASSIGN_OR_RETURN(Shape output, conv_output(window, g));
  TARN_RETURN_IF_ERROR(expect_backprop_shape(dy, output, input, filter));
  return g;
}

Status judge_backprop(const AttrMap& attrs, const Shape& input, const Shape& filter, const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(attrs));
  return backprop_geometry(window, input, filter, dy).status();
}

Status infer_to_input(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "input_sizes"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 4, "filter"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 4, "out_backprop"));
  std::optional<IntList> sizes = IntList::known(c, 0);
  if (!sizes) return c.set_output(0, Shape::unknown_of_rank(4));
  TARN_ASSIGN_OR_RETURN(Shape shape, shape_from(*sizes, "input_sizes"));
  TARN_ASSIGN_OR_RETURN(Shape input, input_shape(window, shape, c.shape(1), c.shape(2)));
  TARN_RETURN_IF_ERROR(backprop_geometry(window, input, c.shape(1), c.shape(2)).status());
  return c.set_output(0, input);
}

Status infer_to_filter(InferContext& c) {
  return infer_backprop_filter(c, 4, judge_backprop);
}

bool is_empty(const kernels::Conv2DGeometry& g) {
  return g.batch * g.in_h * g.in_w == 0 || g.out_h * g.out_w * g.out_c == 0;
}

template <class T>
class Conv2DBackpropInputKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    const Shape &input = c.output(0).shape, &filter = c.input(1).shape;
    if (input.is_fully_known() && filter.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window_, input, filter));
      if (!is_empty(g)) c.request_scratch(kernels::conv2d_backward_input_scratch_bytes<T>(g, c.threads()));
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &filter = c.input(1), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape sizes, shape_from(IntList::of(c.input(0)), "input_sizes"));
    TARN_ASSIGN_OR_RETURN(Shape input, input_shape(window_, sizes, *filter.shape, *dy.shape));
    TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, backprop_geometry(window_, input, *filter.shape, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, input));
    if (is_empty(g)) {
      std::fill_n(dx.as<T>(), dx.count, T(0));
      return {};
    }
    size_t bytes = kernels::conv2d_backward_input_scratch_bytes<T>(g, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(bytes));
    kernels::conv2d_backward_input<T>(c.threads(), g, filter.as<T>(), dy.as<T>(), dx.as<T>(), scratch);
    return {};
  }

 private:
  WindowAttrs window_;
};

template <class T>
class Conv2DBackpropFilterKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    const Shape &input = c.input(0).shape, &filter = c.output(0).shape;
    if (input.is_fully_known() && filter.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window_, input, filter));
      if (!is_empty(g)) c.request_scratch(kernels::conv2d_backward_filter_scratch_bytes<T>(g, c.threads()));
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape filter, shape_from(IntList::of(c.input(1)), "filter_sizes"));
    TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, backprop_geometry(window_, *x.shape, filter, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dfilter, c.output(0, filter));
    if (is_empty(g)) {
      std::fill_n(dfilter.as<T>(), dfilter.count, T(0));
      return {};
    }
    size_t bytes = kernels::conv2d_backward_filter_scratch_bytes<T>(g, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(bytes));
    kernels::conv2d_backward_filter<T>(c.threads(), g, x.as<T>(), dy.as<T>(), dfilter.as<T>(), scratch);
    return {};
  }

 private:
  WindowAttrs window_;
};

constexpr Layout kInputLayout{.inputs = {Operand::kSizes, Operand::kPlain, Operand::kImage},
                              .outputs = {Operand::kImage}};
constexpr Layout kFilterLayout{.inputs = {Operand::kImage, Operand::kPlain, Operand::kImage},
                               .outputs = {Operand::kPlain}};

Status to_input_gradient(GradContext& c) {
  return backprop_input_gradient(c, kConv2DOps);
}
Status to_filter_gradient(GradContext& c) {
  return backprop_filter_gradient(c, kConv2DOps);
}

constexpr std::string_view kInputDoc = R"(The gradient of Conv2D with respect to its input.
  input_sizes   int32[4], the shape of the input (or [2], its height and width)
  filter        T[kh, kw, C, K]   out_backprop  T[N, H', W', K]   returns  T[N, H, W, C]
  Errors: InvalidArgument if Conv2D of these sizes does not give out_backprop's shape.
  Source: TensorFlow nn_ops Conv2DBackpropInput.)";
constexpr std::string_view kFilterDoc = R"(The gradient of Conv2D with respect to its filter.
  input         T[N, H, W, C]   filter_sizes  int32[4], the shape of the filter
  out_backprop  T[N, H', W', K]   returns  T[kh, kw, C, K]
  Errors: InvalidArgument if Conv2D of these sizes does not give out_backprop's shape.
  Source: TensorFlow nn_ops Conv2DBackpropFilter.)";

}  // namespace

extern const OpDef op_Conv2DBackpropInput, op_Conv2DBackpropFilter;
const OpDef op_Conv2DBackpropInput = {
    .name = "Conv2DBackpropInput",
    .inputs = "input_sizes: int32, filter: T, out_backprop: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double, int32}; strides: list(int); use_cudnn_on_gpu: bool = true; "
        "padding: {'SAME', 'VALID', 'EXPLICIT'}; explicit_paddings: list(int) = []; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]",
    .infer = infer_to_input,
    .kernels = kFloatingKernels<Conv2DBackpropInputKernel, kInputLayout>,
};
const OpDef op_Conv2DBackpropFilter = {
    .name = "Conv2DBackpropFilter",
    .inputs = "input: T, filter_sizes: int32, out_backprop: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double}; strides: list(int); use_cudnn_on_gpu: bool = true; "
        "padding: {'SAME', 'VALID', 'EXPLICIT'}; explicit_paddings: list(int) = []; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]",
    .infer = infer_to_filter,
    .kernels = kFloatingKernels<Conv2DBackpropFilterKernel, kFilterLayout>,
};

TARN_OP_FILE(conv2d_backprop, {&op_Conv2DBackpropInput, kInputDoc, to_input_gradient},
             {&op_Conv2DBackpropFilter, kFilterDoc, to_filter_gradient})

}  // namespace tarn
