// AvgPool and AvgPoolGrad.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/gradients.h"
#include "ops/support/array.h"
#include "ops/window.h"

namespace tarn {
namespace {

Status infer_avg_pool(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, c.shape(0), "value"));
  return c.set_output(0, pool_output(window, g));
}

// The sizes of the pooling that gave `dy`. Errors: it gives another shape.
Result<kernels::Pool2DGeometry> grad_geometry(const WindowAttrs& window, const Shape& input, const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, input, "orig_input"));
  TARN_ASSIGN_OR_RETURN(Shape pooled, pool_output(window, g));
  if (!dy.is_compatible_with(pooled)) {
    return invalid_argument("'grad' has shape ", dy, ", but pooling ", input, " gives ", pooled);
  }
  return g;
}

Status infer_avg_pool_grad(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "orig_input_shape"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 4, "grad"));
  if (c.shape(0).is_fully_known() && c.shape(0).dim(0) != 4) {
    return invalid_argument("'orig_input_shape' must hold 4 sizes, holds ", c.shape(0).dim(0));
  }
  std::optional<IntList> sizes = IntList::known(c, 0);
  if (!sizes) return c.set_output(0, Shape::unknown_of_rank(4));
  TARN_ASSIGN_OR_RETURN(Shape input, shape_from(*sizes, "orig_input_shape"));
  TARN_RETURN_IF_ERROR(grad_geometry(window, input, c.shape(1)).status());
  return c.set_output(0, input);
}

template <class T>
class AvgPoolKernel : public Kernel, public RowKernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    if (!c.input(0).shape.is_fully_known()) return {};
    TARN_ASSIGN_OR_RETURN(geometry_, pool_geometry(window_, c.input(0).shape, "value"));
    rows_ = tarn::row_window(geometry_, sizeof(T));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window_, *x.shape, "value"));
    TARN_ASSIGN_OR_RETURN(Shape shape, pool_output(window_, g));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count > 0) kernels::average_pool<T>(c.threads(), g, x.as<T>(), y.as<T>());
    return {};
  }
  RowKernel* by_rows() override { return kHasStreaming && rows_.images > 0 ? this : nullptr; }
  const RowWindow& row_window() const override { return rows_; }
  size_t row_scratch_bytes(int64_t) const override { return 0; }
  void run_rows(const RowBand& band) const override {
    kernels::average_pool<T>(band.pool, band_geometry(geometry_, rows_, band.first, band.rows),
                             static_cast<const T*>(band.x), static_cast<T*>(band.y));
  }

 private:
  WindowAttrs window_;
  kernels::Pool2DGeometry geometry_;
  RowWindow rows_;
};

template <class T>
class AvgPoolGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& dy = c.input(1);
    TARN_ASSIGN_OR_RETURN(Shape input, shape_from(IntList::of(c.input(0)), "orig_input_shape"));
    TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, grad_geometry(window_, input, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, input));
    if (dx.count == 0) return {};
    if (dy.count == 0) {
      std::fill_n(dx.as<T>(), dx.count, T(0));
      return {};
    }
    kernels::average_pool_backward<T>(c.threads(), g, dy.as<T>(), dx.as<T>());
    return {};
  }

 private:
  WindowAttrs window_;
};

constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};
constexpr Layout kGradLayout{.inputs = {Operand::kSizes, Operand::kImage}, .outputs = {Operand::kImage}};

Status avg_pool_gradient(GradContext& c) {
  // dx = dy / (cells of the window inside the image), spread over them
  c.set_grad(0, c.op("AvgPoolGrad", {shape_of(c, c.input(0)), c.grad()}, kept_attrs(c, kPoolAttrs)));
  return {};
}

Status avg_pool_grad_gradient(GradContext& c) {
  // AvgPool is linear, so the gradient of its transpose is AvgPool itself
  c.set_grad(1, c.op("AvgPool", {c.grad()}, kept_attrs(c, kPoolAttrs)));
  return {};
}

constexpr std::string_view kDoc = R"(The mean of each window, channel by channel.
  value  T[N, H, W, C]   returns  T[N, H', W', C]
  ksize, strides: one number a dim of the input, 1 for batch and channels. Only cells inside the image count.
  SAME: H' = ceil(H / stride), half of the missing cells in front;  VALID: H' = ceil((H - kh + 1) / stride).
  Errors: InvalidArgument if the window does not fit.  Source: TensorFlow nn_ops AvgPool.)";
constexpr std::string_view kGradDoc = R"(The gradient of AvgPool: grad spread evenly over the cells of each window.
  orig_input_shape  int32[4], the shape of AvgPool's input   grad  T[N, H', W', C]   returns  T[N, H, W, C]
  Errors: InvalidArgument if the shapes do not belong together.
  Source: TensorFlow nn_ops AvgPoolGrad.)";

}  // namespace

extern const OpDef op_AvgPool, op_AvgPoolGrad;
const OpDef op_AvgPool = {
    .name = "AvgPool",
    .inputs = "value: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 4; strides: list(int) >= 4; padding: {'SAME', 'VALID'}; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; T: {half, bfloat16, float, double}",
    .infer = infer_avg_pool,
    .kernels = kFloatingKernels<AvgPoolKernel, kLayout>,
};
const OpDef op_AvgPoolGrad = {
    .name = "AvgPoolGrad",
    .inputs = "orig_input_shape: int32, grad: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 4; strides: list(int) >= 4; padding: {'SAME', 'VALID'}; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; T: {half, bfloat16, float, double}",
    .infer = infer_avg_pool_grad,
    .kernels = kFloatingKernels<AvgPoolGradKernel, kGradLayout>,
};

TARN_OP_FILE(avg_pool, {&op_AvgPool, kDoc, avg_pool_gradient}, {&op_AvgPoolGrad, kGradDoc, avg_pool_grad_gradient})

}  // namespace tarn
