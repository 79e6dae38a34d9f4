// DepthwiseConv2dNative.
#include "core/op.h"
#include "ops/kernels/depthwise.h"
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

template <class T>
class DepthwiseKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    has_bias_ = c.epilogue().has_bias;
    activation_ = kernel_activation(c.epilogue().activation);
    return expect_nhwc(window_);
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &filter = c.input(1);
    TARN_ASSIGN_OR_RETURN(Depthwise depthwise, depthwise_geometry(window_, *x.shape, *filter.shape));
    const kernels::Conv2DGeometry& g = depthwise.window;
    TARN_ASSIGN_OR_RETURN(Shape shape, conv_output(window_, g));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    kernels::DepthwiseGeometry geometry{.batch = g.batch,
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
    kernels::Epilogue<T> epilogue{.bias = has_bias_ ? c.input(2).as<T>() : nullptr, .activation = activation_};
    kernels::depthwise_conv2d<T>(c.threads(), geometry, x.as<T>(), filter.as<T>(), y.as<T>(), epilogue);
    return {};
  }

 private:
  WindowAttrs window_;
  bool has_bias_ = false;
  kernels::Activation activation_ = kernels::Activation::kNone;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<DepthwiseKernel<float>>(DType::kFloat),
    portable_kernel<DepthwiseKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(Convolves each channel with filters of its own.
  input  T[N, H, W, C]   filter  T[kh, kw, C, M]   returns  T[N, H', W', C * M], channel c * M + m from filter [.., c, m]
  strides, dilations: one number a dim of the input, 1 for batch and channels; padding as in Conv2D.
  Errors: InvalidArgument if C differs, naming both, or the filter does not fit; Unimplemented for NCHW.
  Source: TensorFlow nn_ops DepthwiseConv2dNative.)";

}  // namespace

extern const OpDef op_DepthwiseConv2dNative;
const OpDef op_DepthwiseConv2dNative = {
    .name = "DepthwiseConv2dNative",
    .inputs = "input: T, filter: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double}; strides: list(int); padding: {'SAME', 'VALID'}; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]",
    .traits = kTakesEpilogue,
    .infer = infer_depthwise,
    .kernels = kKernels,
};

TARN_OP_FILE(depthwise_conv2d,
             {&op_DepthwiseConv2dNative, kDoc, nullptr, "DepthwiseConv2dNativeBackprop* are not there yet"})

}  // namespace tarn
