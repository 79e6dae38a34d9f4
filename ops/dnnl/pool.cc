// oneDNN's MaxPool and AvgPool with their gradients over NHWC images.
#include <algorithm>

#include "core/backend_kernel.h"
#include "ops/dnnl/support/call.h"
#include "ops/window.h"

namespace tarn {
namespace {

struct Pool {
  dnnl_memory_desc_t image, pooled;
  dnnl_dims_t strides, window, pad_before, pad_after;
  dnnl_alg_kind_t algorithm;

  static Result<Pool> read(const AttrMap& attrs, const Shape& input, dnnl_alg_kind_t algorithm) {
    if (!input.is_fully_known() || input.elements() == 0) return dnnl::decline("no pool of unknown or empty shapes");
    TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(attrs));
    TARN_RETURN_IF_ERROR(expect_nhwc(window));
    TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, input, "input"));
    const int64_t after_h = (g.out_h - 1) * g.stride_h + g.window_h - g.in_h - g.pad_top;
    const int64_t after_w = (g.out_w - 1) * g.stride_w + g.window_w - g.in_w - g.pad_left;
    // It takes no window that sees padding alone.
    if (std::max(g.pad_top, after_h) >= g.window_h || std::max(g.pad_left, after_w) >= g.window_w) {
      return dnnl::decline("no pool with that much padding");
    }
    return Pool{.image = dnnl::image_nhwc(g.batch, g.in_h, g.in_w, g.channels),
                .pooled = dnnl::image_nhwc(g.batch, g.out_h, g.out_w, g.channels),
                .strides = {g.stride_h, g.stride_w},
                .window = {g.window_h, g.window_w},
                .pad_before = {g.pad_top, g.pad_left},
                .pad_after = {after_h, after_w},
                .algorithm = algorithm};
  }

  Status forward(dnnl_prop_kind_t kind, int threads, dnnl::Call& call) const {
    dnnl_pooling_desc_t desc;
    if (dnnl_pooling_forward_desc_init(&desc, kind, algorithm, &image, &pooled, strides, window, pad_before,
                                       pad_after) != dnnl_success) {
      return dnnl::decline("no such pool");
    }
    TARN_RETURN_IF_ERROR(call.create(&desc, threads));
    TARN_RETURN_IF_ERROR(call.bind(DNNL_ARG_SRC, image, dnnl::Call::kIn));
    return call.bind(DNNL_ARG_DST, pooled, dnnl::Call::kOut);
  }
  Status backward(int threads, const dnnl::Call& hint, dnnl::Call& call) const {
    dnnl_pooling_desc_t desc;
    if (dnnl_pooling_backward_desc_init(&desc, algorithm, &image, &pooled, strides, window, pad_before, pad_after) !=
        dnnl_success) {
      return dnnl::decline("no such gradient of a pool");
    }
    TARN_RETURN_IF_ERROR(call.create(&desc, threads, Activation::kNone, &hint));
    TARN_RETURN_IF_ERROR(call.bind(DNNL_ARG_DIFF_DST, pooled, dnnl::Call::kIn));
    return call.bind(DNNL_ARG_DIFF_SRC, image, dnnl::Call::kOut);
  }
};

template <dnnl_alg_kind_t kAlgorithm>
class PoolKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(Pool pool, Pool::read(c.attrs(), c.input(0).shape, kAlgorithm));
    TARN_RETURN_IF_ERROR(pool.forward(dnnl_forward_inference, c.threads(), call_));
    c.request_scratch(call_.scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(0).data, y.data};
    return call_.run(c.threads().threads(), data, scratch);
  }

 private:
  dnnl::Call call_;
  Shape shape_;
};

class AvgPoolGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(Pool pool, Pool::read(c.attrs(), c.output(0).shape, dnnl_pooling_avg_exclude_padding));
    dnnl::Call hint;
    TARN_RETURN_IF_ERROR(pool.forward(dnnl_forward_training, c.threads(), hint));
    TARN_RETURN_IF_ERROR(pool.backward(c.threads(), hint, call_));
    c.request_scratch(call_.scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(1).data, dx.data};
    return call_.run(c.threads().threads(), data, scratch);
  }

 private:
  dnnl::Call call_;
  Shape shape_;
};

// TensorFlow's op is given x, not which cells were the largest, so the pool is run once more for that.
class MaxPoolGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(Pool pool, Pool::read(c.attrs(), c.input(0).shape, dnnl_pooling_max));
    if (!c.input(2).shape.is_fully_known()) return dnnl::decline("no gradient of unknown shape");
    TARN_RETURN_IF_ERROR(pool.forward(dnnl_forward_training, c.threads(), forward_));
    const dnnl_memory_desc_t largest = forward_.wanted(DNNL_ARG_WORKSPACE);
    TARN_RETURN_IF_ERROR(forward_.bind(DNNL_ARG_WORKSPACE, largest, dnnl::Call::kOut));
    TARN_RETURN_IF_ERROR(pool.backward(c.threads(), forward_, backward_));
    TARN_RETURN_IF_ERROR(backward_.bind(DNNL_ARG_WORKSPACE, largest, dnnl::Call::kIn));
    pooled_bytes_ = dnnl::aligned_bytes(dnnl::bytes_of(pool.pooled));
    largest_bytes_ = dnnl::aligned_bytes(dnnl::bytes_of(largest));
    c.request_scratch(scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes()));
    auto* pooled = static_cast<std::byte*>(scratch);
    std::byte *largest = pooled + pooled_bytes_, *rest = largest + largest_bytes_;
    void* const there[] = {c.input(0).data, pooled, largest};
    TARN_RETURN_IF_ERROR(forward_.run(c.threads().threads(), there, rest));
    void* const back[] = {c.input(2).data, dx.data, largest};
    return backward_.run(c.threads().threads(), back, rest);
  }

 private:
  size_t scratch_bytes() const {
    return pooled_bytes_ + largest_bytes_ + std::max(forward_.scratch_bytes(), backward_.scratch_bytes());
  }

  dnnl::Call forward_, backward_;
  size_t pooled_bytes_ = 0, largest_bytes_ = 0;
  Shape shape_;
};

constexpr BackendKernel kKernels[] = {
    {"MaxPool", dnnl_kernel<PoolKernel<dnnl_pooling_max>>(DType::kFloat)},
    {"MaxPoolGrad", dnnl_kernel<MaxPoolGradKernel>(DType::kFloat)},
    {"AvgPool", dnnl_kernel<PoolKernel<dnnl_pooling_avg_exclude_padding>>(DType::kFloat)},
    {"AvgPoolGrad", dnnl_kernel<AvgPoolGradKernel>(DType::kFloat)},
};

}  // namespace

extern const BackendKernelFile dnnl_pool;
constinit const BackendKernelFile dnnl_pool{kKernels};

}  // namespace tarn
