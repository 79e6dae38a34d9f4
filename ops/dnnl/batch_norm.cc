// oneDNN's FusedBatchNorm and FusedBatchNormGrad while training, over channels that are last.
#include "ops/batch_norm.h"
#include "core/backend_kernel.h"
#include "ops/dnnl/support/call.h"

namespace tarn {
namespace {

constexpr unsigned kFlags = dnnl_use_scale | dnnl_use_shift;

struct BatchNorm {
  BatchNormSizes sizes;
  dnnl_memory_desc_t data, channels;
  float epsilon = 0;

  static Result<BatchNorm> read(const AttrMap& attrs, const Shape& x) {
    TARN_RETURN_IF_ERROR(expect_batch_norm_kernel(attrs));
    if (!attrs.get<bool>("is_training")) return dnnl::decline("no batch norm of given statistics");
    if (!x.is_fully_known() || x.elements() == 0) return dnnl::decline("no batch norm of unknown or empty shapes");
    TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(attrs, x));
    return BatchNorm{.sizes = sizes,
                     .data = dnnl::image_nhwc(1, sizes.rows, 1, sizes.channels),
                     .channels = dnnl::row_major({sizes.channels}),
                     .epsilon = attrs.get<float>("epsilon")};
  }

  Status forward(int threads, dnnl::Call& call) const {
    dnnl_batch_normalization_desc_t desc;
    if (dnnl_batch_normalization_forward_desc_init(&desc, dnnl_forward_training, &data, epsilon, kFlags) !=
        dnnl_success) {
      return dnnl::decline("no such batch norm");
    }
    return call.create(&desc, threads);
  }
};

class BatchNormKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(norm_, BatchNorm::read(c.attrs(), c.input(0).shape));
    factor_ = c.attr<float>("exponential_avg_factor");
    outputs_ = c.output_count();
    TARN_RETURN_IF_ERROR(norm_.forward(c.threads(), call_));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SRC, norm_.data, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SCALE, norm_.channels, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SHIFT, norm_.channels, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DST, norm_.data, dnnl::Call::kOut));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_MEAN, norm_.channels, dnnl::Call::kOut));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_VARIANCE, norm_.channels, dnnl::Call::kOut));
    c.request_scratch(call_.scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }

  Status run(RunContext& c) const override {
    const int64_t rows = norm_.sizes.rows, channels = norm_.sizes.channels;
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape_));
    TensorView vectors[4];  // running mean and variance; those of the batch
    for (int i = 0; i < 4; ++i) {
      TARN_ASSIGN_OR_RETURN(vectors[i], c.output(i + 1, Shape{channels}));
    }
    if (outputs_ > 5) {
      TARN_ASSIGN_OR_RETURN(TensorView third, c.output(5, Shape()));
      *third.as<float>() = 0;
    }
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(0).data, c.input(1).data, c.input(2).data, y.data, vectors[2].data, vectors[3].data};
    TARN_RETURN_IF_ERROR(call_.run(c.threads().threads(), data, scratch));
    // Bessel's correction for the running variance; running = (1 - factor) * old + factor * batch
    const float correction = static_cast<float>(rows) / static_cast<float>(std::max<int64_t>(1, rows - 1));
    for (int64_t i = 0; i < channels; ++i) {
      const float mean = vectors[2].as<float>()[i], variance = vectors[3].as<float>()[i] * correction;
      const bool averages = factor_ != 1;
      vectors[0].as<float>()[i] = averages ? (1 - factor_) * c.input(3).as<float>()[i] + factor_ * mean : mean;
      vectors[1].as<float>()[i] = averages ? (1 - factor_) * c.input(4).as<float>()[i] + factor_ * variance : variance;
    }
    return {};
  }

 private:
  dnnl::Call call_;
  BatchNorm norm_;
  float factor_ = 1;
  int outputs_ = 0;
  Shape shape_;
};

class BatchNormGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(norm_, BatchNorm::read(c.attrs(), c.input(1).shape));
    dnnl::Call hint;
    TARN_RETURN_IF_ERROR(norm_.forward(c.threads(), hint));
    dnnl_batch_normalization_desc_t desc;
    if (dnnl_batch_normalization_backward_desc_init(&desc, dnnl_backward, &norm_.data, &norm_.data, norm_.epsilon,
                                                    kFlags) != dnnl_success) {
      return dnnl::decline("no such gradient of a batch norm");
    }
    TARN_RETURN_IF_ERROR(call_.create(&desc, c.threads(), Activation::kNone, &hint));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_DST, norm_.data, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SRC, norm_.data, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SCALE, norm_.channels, dnnl::Call::kIn));
    // The shift changes no gradient, but the primitive asks for it: any vector will do.
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SHIFT, norm_.channels, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_MEAN, norm_.channels, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_VARIANCE, norm_.channels, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_SRC, norm_.data, dnnl::Call::kOut));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_SCALE, norm_.channels, dnnl::Call::kOut));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DIFF_SHIFT, norm_.channels, dnnl::Call::kOut));
    c.request_scratch(call_.scratch_bytes());
    shape_ = c.output(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape vector{norm_.sizes.channels};
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(TensorView dscale, c.output(1, vector));
    TARN_ASSIGN_OR_RETURN(TensorView doffset, c.output(2, vector));
    TARN_RETURN_IF_ERROR(c.output(3, Shape{0}).status());
    TARN_RETURN_IF_ERROR(c.output(4, Shape{0}).status());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(0).data, c.input(1).data, c.input(2).data, c.input(2).data, c.input(3).data,
                          c.input(4).data, dx.data,         dscale.data,     doffset.data};
    return call_.run(c.threads().threads(), data, scratch);
  }

 private:
  dnnl::Call call_;
  BatchNorm norm_;
  Shape shape_;
};

constexpr BackendKernel kKernels[] = {
    {"FusedBatchNorm", dnnl_kernel<BatchNormKernel>(DType::kFloat)},
    {"FusedBatchNormV2", dnnl_kernel<BatchNormKernel>(DType::kFloat)},
    {"FusedBatchNormV3", dnnl_kernel<BatchNormKernel>(DType::kFloat)},
    {"FusedBatchNormGrad", dnnl_kernel<BatchNormGradKernel>(DType::kFloat)},
    {"FusedBatchNormGradV2", dnnl_kernel<BatchNormGradKernel>(DType::kFloat)},
    {"FusedBatchNormGradV3", dnnl_kernel<BatchNormGradKernel>(DType::kFloat)},
};

}  // namespace

extern const BackendKernelFile dnnl_batch_norm;
constinit const BackendKernelFile dnnl_batch_norm{kKernels};

}  // namespace tarn
