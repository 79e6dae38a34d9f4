// DepthwiseConv2dNative, DepthwiseConv2dNativeBackpropInput and DepthwiseConv2dNativeBackpropFilter.
#include <algorithm>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/kernels/depthwise.h"
#include "ops/support/array.h"
#include "ops/window.h"

namespace tarn {
namespace {

// Each input channel has `multiplier` filters of its own, so out_c = in_c * multiplier.
struct Depthwise {
  kernels::Conv2DGeometry window;  // of a convolution with out_c output channels
  int64_t multiplier = kUnknownDim;
};

Result<Depthwise> depthwise_geometry(const WindowAttrs& window, const Shape& input, const Shape& filter) {
  Depthwise result;
  TARN_ASSIGN_OR_RETURN(result.window, conv_geometry(window, input, filter));
  kernels::Conv2DGeometry& g = result.window;
  result.multiplier = g.out_c;
  if (g.in_c != kUnknownDim && g.out_c != kUnknownDim) {
    TARN_ASSIGN_OR_RETURN(g.out_c, checked_multiply(g.in_c, result.multiplier));
  } else {
    g.out_c = kUnknownDim;
  }
  return result;
}

Status infer_depthwise(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(Depthwise depthwise, depthwise_geometry(window, c.shape(0), c.shape(1)));
  return c.set_output(0, conv_output(window, depthwise.window));
}

// The sizes of the convolution that gave `dy`. Errors: it gives another shape.
Result<Depthwise> backprop_geometry(const WindowAttrs& window, const Shape& input, const Shape& filter,
                                    const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(Depthwise depthwise, depthwise_geometry(window, input, filter));
  TARN_ASSIGN_OR_RETURN(Shape output, conv_output(window, depthwise.window));
  TARN_RETURN_IF_ERROR(expect_backprop_shape(dy, output, input, filter));
  return depthwise;
}

Status judge_backprop(const AttrMap& attrs, const Shape& input, const Shape& filter, const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(attrs));
  return backprop_geometry(window, input, filter, dy).status();
}

Status infer_to_input(InferContext& c) {
  return infer_backprop_input(c, 4, judge_backprop);
}

Status infer_to_filter(InferContext& c) {
  return infer_backprop_filter(c, 4, judge_backprop);
}

kernels::DepthwiseGeometry kernel_geometry(const Depthwise& depthwise) {
  const kernels::Conv2DGeometry& g = depthwise.window;
  return {.batch = g.batch,
          .in_h = g.in_h,
          .in_w = g.in_w,
          .in_c = g.in_c,
          .filter_h = g.filter_h,
          .filter_w = g.filter_w,
          .multiplier = depthwise.multiplier,
          .stride_h = g.stride_h,
          .stride_w = g.stride_w,
          .dilation_h = g.dilation_h,
          .dilation_w = g.dilation_w,
          .pad_top = g.pad_top,
          .pad_left = g.pad_left,
          .out_h = g.out_h,
          .out_w = g.out_w};
}

template <class T>
class DepthwiseKernel : public Kernel, public RowKernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    has_bias_ = c.epilogue().has_bias;
    activation_ = kernel_activation(c.epilogue().activation);
    if (!c.input(0).shape.is_fully_known() || !c.input(1).shape.is_fully_known()) return {};
    TARN_ASSIGN_OR_RETURN(Depthwise depthwise, depthwise_geometry(window_, c.input(0).shape, c.input(1).shape));
    geometry_ = kernel_geometry(depthwise);
    rows_ = tarn::row_window(depthwise.window, sizeof(T));
    rows_.work = 4 * rows_.work / static_cast<double>(std::max<int64_t>(1, depthwise.window.in_c));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &filter = c.input(1);
    TARN_ASSIGN_OR_RETURN(Depthwise depthwise, depthwise_geometry(window_, *x.shape, *filter.shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, conv_output(window_, depthwise.window));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    const T* bias = has_bias_ ? c.input(2).as<T>() : nullptr;
    kernels::depthwise_conv2d<T>(c.threads(), kernel_geometry(depthwise), x.as<T>(), filter.as<T>(), y.as<T>(),
                                 {.bias = bias, .activation = activation_});
    return {};
  }
  RowKernel* by_rows() override { return kHasStreaming && rows_.images > 0 ? this : nullptr; }
  const RowWindow& row_window() const override { return rows_; }
  size_t row_scratch_bytes(int64_t) const override { return 0; }
  void run_rows(const RowBand& band) const override {
    const T* bias = has_bias_ ? band.inputs[2].as<T>() : nullptr;
    kernels::depthwise_conv2d<T>(band.pool, band_geometry(geometry_, rows_, band.first, band.rows),
                                 static_cast<const T*>(band.x), band.inputs[1].as<T>(), static_cast<T*>(band.y),
                                 {.bias = bias, .activation = activation_});
  }

 private:
  WindowAttrs window_;
  bool has_bias_ = false;
  kernels::Activation activation_ = kernels::Activation::kNone;
  kernels::DepthwiseGeometry geometry_;  // if the sizes are known
  RowWindow rows_;
};

// Row `row` of dx, of all images' rows, in the order of the taps.
template <class T>
void backward_input_row(const kernels::Conv2DGeometry& g, int64_t multiplier, int64_t row, const T* filter, const T* dy,
                        T* dx) {
  std::fill_n(dx, g.in_w * g.in_c, T(0));
  for (int64_t tap = 0; tap < g.filter_h * g.filter_w; ++tap) {
    int64_t offset = row % g.in_h + g.pad_top - tap / g.filter_w * g.dilation_h;
    if (offset < 0 || offset % g.stride_h != 0 || offset / g.stride_h >= g.out_h) continue;
    const T* dy_row = dy + (row / g.in_h * g.out_h + offset / g.stride_h) * g.out_w * g.out_c;
    const T* weights = filter + tap * g.out_c;
    for (int64_t j = 0; j < g.out_w; ++j) {
      int64_t x = j * g.stride_w - g.pad_left + tap % g.filter_w * g.dilation_w;
      if (x < 0 || x >= g.in_w) continue;
      const T* gradient = dy_row + j * g.out_c;
      T* cell = dx + x * g.in_c;
      if (multiplier == 1) {
        for (int64_t c = 0; c < g.in_c; ++c) cell[c] += gradient[c] * weights[c];
      } else {
        for (int64_t k = 0; k < g.out_c; ++k) cell[k / multiplier] += gradient[k] * weights[k];
      }
    }
  }
}

template <class T>
void backward_input(ThreadPool& threads, const kernels::Conv2DGeometry& g, int64_t multiplier, const T* filter,
                    const T* dy, T* dx) {
  int64_t row_size = g.in_w * g.in_c;
  int64_t min_rows = std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, row_size * g.filter_h));
  threads.parallel_for(g.batch * g.in_h, min_rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      backward_input_row(g, multiplier, row, filter, dy, dx + row * row_size);
    }
  });
}

// One tap of up to kChannelBlock output channels at a time; rows are summed apart before they are added to the rest,
// which keeps rounding errors small.
constexpr int64_t kChannelBlock = 64;

template <class T>
void sum_tap(const kernels::Conv2DGeometry& g, int64_t multiplier, int64_t h, int64_t w, int64_t first, int64_t count,
             const T* x, const T* dy, T* sums) {
  int64_t input_channel[kChannelBlock];
  for (int64_t k = 0; k < count; ++k) input_channel[k] = (first + k) / multiplier;
  std::fill_n(sums, count, T(0));
  for (int64_t row = 0; row < g.batch * g.out_h; ++row) {
    int64_t y = row % g.out_h * g.stride_h - g.pad_top + h * g.dilation_h;
    if (y < 0 || y >= g.in_h) continue;
    const T* x_row = x + (row / g.out_h * g.in_h + y) * g.in_w * g.in_c;
    const T* dy_row = dy + row * g.out_w * g.out_c + first;
    T row_sums[kChannelBlock] = {};
    for (int64_t j = 0; j < g.out_w; ++j) {
      int64_t column = j * g.stride_w - g.pad_left + w * g.dilation_w;
      if (column < 0 || column >= g.in_w) continue;
      const T *cell = x_row + column * g.in_c, *gradient = dy_row + j * g.out_c;
      if (multiplier == 1) {
        for (int64_t k = 0; k < count; ++k) row_sums[k] += cell[first + k] * gradient[k];
      } else {
        for (int64_t k = 0; k < count; ++k) row_sums[k] += cell[input_channel[k]] * gradient[k];
      }
    }
    for (int64_t k = 0; k < count; ++k) sums[k] += row_sums[k];
  }
}

template <class T>
void backward_filter(ThreadPool& threads, const kernels::Conv2DGeometry& g, int64_t multiplier, const T* x, const T* dy,
                     T* dfilter) {
  int64_t blocks = (g.out_c + kChannelBlock - 1) / kChannelBlock;
  threads.parallel_for(g.filter_h * g.filter_w * blocks, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      int64_t tap = unit / blocks, first = unit % blocks * kChannelBlock;
      sum_tap(g, multiplier, tap / g.filter_w, tap % g.filter_w, first, std::min(kChannelBlock, g.out_c - first), x, dy,
              dfilter + tap * g.out_c + first);
    }
  });
}

template <class T>
class DepthwiseBackpropInputKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &filter = c.input(1), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape input, shape_from(IntList::of(c.input(0)), "input_sizes"));
    TARN_ASSIGN_OR_RETURN(Depthwise depthwise, backprop_geometry(window_, input, *filter.shape, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, input));
    if (dy.count == 0) {
      std::fill_n(dx.as<T>(), dx.count, T(0));
    } else if (dx.count > 0) {
      backward_input<T>(c.threads(), depthwise.window, depthwise.multiplier, filter.as<T>(), dy.as<T>(), dx.as<T>());
    }
    return {};
  }

 private:
  WindowAttrs window_;
};

template <class T>
class DepthwiseBackpropFilterKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape filter, shape_from(IntList::of(c.input(1)), "filter_sizes"));
    TARN_ASSIGN_OR_RETURN(Depthwise depthwise, backprop_geometry(window_, *x.shape, filter, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dfilter, c.output(0, filter));
    if (dy.count == 0 || x.count == 0) {
      std::fill_n(dfilter.as<T>(), dfilter.count, T(0));
    } else if (dfilter.count > 0) {
      backward_filter<T>(c.threads(), depthwise.window, depthwise.multiplier, x.as<T>(), dy.as<T>(), dfilter.as<T>());
    }
    return {};
  }

 private:
  WindowAttrs window_;
};

constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};
constexpr Layout kInputLayout{.inputs = {Operand::kSizes, Operand::kPlain, Operand::kImage},
                              .outputs = {Operand::kImage}};
constexpr Layout kFilterLayout{.inputs = {Operand::kImage, Operand::kPlain, Operand::kImage},
                               .outputs = {Operand::kPlain}};

constexpr std::string_view kKept[] = {"strides", "padding", "explicit_paddings", "data_format", "dilations"};
constexpr ConvolutionOps kOps{"DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput",
                              "DepthwiseConv2dNativeBackpropFilter", kKept};

Status depthwise_gradient(GradContext& c) {
  return convolution_gradient(c, kOps);
}
Status to_input_gradient(GradContext& c) {
  return backprop_input_gradient(c, kOps);
}
Status to_filter_gradient(GradContext& c) {
  return backprop_filter_gradient(c, kOps);
}

constexpr std::string_view kDoc = R"(Convolves each channel with filters of its own.
  input  T[N, H, W, C]   filter  T[kh, kw, C, M]   returns  T[N, H', W', C * M], channel c * M + m from filter [.., c, m]
  strides, dilations: one number a dim of the input, 1 for batch and channels; padding as in Conv2D.
  Errors: InvalidArgument if C differs, naming both, or the filter does not fit.
  Source: TensorFlow nn_ops DepthwiseConv2dNative.)";
constexpr std::string_view kInputDoc = R"(The gradient of DepthwiseConv2dNative with respect to its input.
  input_sizes   int32[4], the shape of the input
  filter        T[kh, kw, C, M]   out_backprop  T[N, H', W', C * M]   returns  T[N, H, W, C]
  Errors: InvalidArgument if the convolution of these sizes does not give out_backprop's shape.
  Source: TensorFlow nn_ops DepthwiseConv2dNativeBackpropInput.)";
constexpr std::string_view kFilterDoc = R"(The gradient of DepthwiseConv2dNative with respect to its filter.
  input         T[N, H, W, C]   filter_sizes  int32[4], the shape of the filter
  out_backprop  T[N, H', W', C * M]   returns  T[kh, kw, C, M]
  Errors: InvalidArgument if the convolution of these sizes does not give out_backprop's shape.
  Source: TensorFlow nn_ops DepthwiseConv2dNativeBackpropFilter.)";

constexpr std::string_view kAttrs =
    "T: {half, bfloat16, float, double}; strides: list(int); padding: {'SAME', 'VALID', 'EXPLICIT'}; "
    "explicit_paddings: list(int) = []; data_format: {'NHWC', 'NCHW'} = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]";

}  // namespace

extern const OpDef op_DepthwiseConv2dNative, op_DepthwiseConv2dNativeBackpropInput,
    op_DepthwiseConv2dNativeBackpropFilter;
const OpDef op_DepthwiseConv2dNative = {
    .name = "DepthwiseConv2dNative",
    .inputs = "input: T, filter: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .traits = kTakesEpilogue,
    .infer = infer_depthwise,
    .kernels = kFloatingKernels<DepthwiseKernel, kLayout>,
};
const OpDef op_DepthwiseConv2dNativeBackpropInput = {
    .name = "DepthwiseConv2dNativeBackpropInput",
    .inputs = "input_sizes: int32, filter: T, out_backprop: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_to_input,
    .kernels = kFloatingKernels<DepthwiseBackpropInputKernel, kInputLayout>,
};
const OpDef op_DepthwiseConv2dNativeBackpropFilter = {
    .name = "DepthwiseConv2dNativeBackpropFilter",
    .inputs = "input: T, filter_sizes: int32, out_backprop: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_to_filter,
    .kernels = kFloatingKernels<DepthwiseBackpropFilterKernel, kFilterLayout>,
};

TARN_OP_FILE(depthwise_conv2d, {&op_DepthwiseConv2dNative, kDoc, depthwise_gradient},
             {&op_DepthwiseConv2dNativeBackpropInput, kInputDoc, to_input_gradient},
             {&op_DepthwiseConv2dNativeBackpropFilter, kFilterDoc, to_filter_gradient})

}  // namespace tarn
