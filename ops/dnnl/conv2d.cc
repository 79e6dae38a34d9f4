// oneDNN's Conv2D and its gradients over NHWC images; filters are reordered in each run, because training changes them
// between runs.
#include "core/backend_kernel.h"
#include "ops/dnnl/support/call.h"
#include "ops/window.h"

namespace tarn {
namespace {

// The three tensors of a convolution, in the layouts that ops have, and how the window slides.
struct Convolution {
  dnnl_memory_desc_t image, filter, output;
  dnnl_dims_t strides, dilations, pad_before, pad_after;

  static Result<Convolution> read(const AttrMap& attrs, const Shape& input, const Shape& filter) {
    if (!input.is_fully_known() || !filter.is_fully_known()) return dnnl::decline("no convolution of unknown shapes");
    TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(attrs));
    TARN_RETURN_IF_ERROR(expect_nhwc(window));
    TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window, input, filter));
    if (g.multiply_adds() == 0 || input.elements() == 0) return dnnl::decline("no convolution of nothing");
    auto after = [](int64_t out, int64_t stride, int64_t taps, int64_t dilation, int64_t in, int64_t before) {
      return (out - 1) * stride + (taps - 1) * dilation + 1 - in - before;
    };
    return Convolution{
        .image = dnnl::image_nhwc(g.batch, g.in_h, g.in_w, g.in_c),
        .filter = dnnl::filter_hwio(g.filter_h, g.filter_w, g.in_c, g.out_c),
        .output = dnnl::image_nhwc(g.batch, g.out_h, g.out_w, g.out_c),
        .strides = {g.stride_h, g.stride_w},
        .dilations = {g.dilation_h - 1, g.dilation_w - 1},
        .pad_before = {g.pad_top, g.pad_left},
        .pad_after = {after(g.out_h, g.stride_h, g.filter_h, g.dilation_h, g.in_h, g.pad_top),
                      after(g.out_w, g.stride_w, g.filter_w, g.dilation_w, g.in_w, g.pad_left)},
    };
  }

  Result<dnnl_convolution_desc_t> forward(dnnl_prop_kind_t kind, const dnnl_memory_desc_t* bias) const {
    const dnnl_memory_desc_t any_filter = dnnl::any_layout(filter);
    dnnl_convolution_desc_t desc;
    if (dnnl_dilated_convolution_forward_desc_init(&desc, kind, dnnl_convolution_direct, &image, &any_filter, bias,
                                                   &output, strides, dilations, pad_before,
                                                   pad_after) != dnnl_success) {
      return dnnl::decline("no such convolution");
    }
    return desc;
  }
};

class Conv2DKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(Convolution conv, Convolution::read(c.attrs(), c.input(0).shape, c.input(1).shape));
    has_bias_ = c.epilogue().has_bias;
    const dnnl_memory_desc_t bias = dnnl::row_major({conv.output.dims[1]});
    TARN_ASSIGN_OR_RETURN(dnnl_convolution_desc_t desc,
                          conv.forward(dnnl_forward_inference, has_bias_ ? &bias : nullptr));
    TARN_RETURN_IF_ERROR(call_.create(&desc, c.threads(), c.epilogue().activation));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SRC, conv.image, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_WEIGHTS, conv.filter, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DST, conv.output, dnnl::Call::kOut));
    if (has_bias_) TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_BIAS, bias, dnnl::Call::kIn));
    c.request_scratch(call_.scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(0).data, c.input(1).data, y.data, has_bias_ ? c.input(2).data : nullptr};
    return call_.run(c.threads().threads(), std::span(data, has_bias_ ? 4 : 3), scratch);
  }

 private:
  dnnl::Call call_;
  Shape shape_;
  bool has_bias_ = false;
};

// Inputs (input_sizes, filter, dy) or (input, filter_sizes, dy): the sizes are the inferred shape of the output.
template <bool kToFilter>
class BackpropKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    const Shape &input = kToFilter ? c.input(0).shape : c.output(0).shape,
                &filter = kToFilter ? c.output(0).shape : c.input(1).shape;
    TARN_ASSIGN_OR_RETURN(Convolution conv, Convolution::read(c.attrs(), input, filter));
    TARN_ASSIGN_OR_RETURN(dnnl_convolution_desc_t forward, conv.forward(dnnl_forward_training, nullptr));
    dnnl::Call hint;
    TARN_RETURN_IF_ERROR(hint.create(&forward, c.threads()));
    const dnnl_memory_desc_t any_filter = dnnl::any_layout(conv.filter);
    dnnl_convolution_desc_t desc;
    const dnnl_status_t status =
        kToFilter ? dnnl_dilated_convolution_backward_weights_desc_init(
                        &desc, dnnl_convolution_direct, &conv.image, &any_filter, nullptr, &conv.output, conv.strides,
                        conv.dilations, conv.pad_before, conv.pad_after)
                  : dnnl_dilated_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &conv.image,
                                                                     &any_filter, &conv.output, conv.strides,
                                                                     conv.dilations, conv.pad_before, conv.pad_after);
    if (status != dnnl_success) return dnnl::decline("no such gradient of a convolution");
    TARN_RETURN_IF_ERROR(call_.create(&desc, c.threads(), Activation::kNone, &hint));
    if (kToFilter) {
      TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SRC, conv.image, dnnl::Call::kIn));
      TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_WEIGHTS, conv.filter, dnnl::Call::kOut));
    } else {
      TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_WEIGHTS, conv.filter, dnnl::Call::kIn));
      TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_SRC, conv.image, dnnl::Call::kOut));
    }
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_DST, conv.output, dnnl::Call::kIn));
    c.request_scratch(call_.scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView gradient, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(kToFilter ? 0 : 1).data, gradient.data, c.input(2).data};
    return call_.run(c.threads().threads(), data, scratch);
  }

 private:
  dnnl::Call call_;
  Shape shape_;
};

// Measured with ops_bench (bench/README.md): 1x1 filters over many pixels alone; against Winograd's algorithm and the
// direct path it is slower or the same. Beside our own threads OpenMP's would spin, so only where there is one.
bool is_faster(const PrepareContext& c) {
  const Shape &input = c.input(0).shape, &filter = c.input(1).shape;
  if (c.threads() != 1 || !input.is_fully_known() || !filter.is_fully_known()) return false;
  constexpr int64_t kMinProducts = 100'000'000;
  return filter.dim(0) == 1 && filter.dim(1) == 1 && input.elements() * filter.dim(3) >= kMinProducts;
}

constexpr BackendKernel kKernels[] = {
    {"Conv2D", dnnl_kernel<Conv2DKernel>(DType::kFloat), is_faster},
    {"Conv2DBackpropInput", dnnl_kernel<BackpropKernel<false>>(DType::kFloat)},
    {"Conv2DBackpropFilter", dnnl_kernel<BackpropKernel<true>>(DType::kFloat)},
};

}  // namespace

extern const BackendKernelFile dnnl_conv2d;
constinit const BackendKernelFile dnnl_conv2d{kKernels};

}  // namespace tarn
