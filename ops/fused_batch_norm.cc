// FusedBatchNorm, V2 and V3. Gradients are in fused_batch_norm_grad.cc.
#include <limits>

#include "ops/adapted_kernel.h"
#include "ops/batch_norm.h"
#include "ops/kernels/batch_norm.h"

namespace tarn {
namespace {

// Whether the given mean and variance are looked at: at inference, or as the old value of a running average.
bool uses_statistics(const AttrMap& attrs) {
  return !attrs.get<bool>("is_training") || attrs.get<float>("exponential_avg_factor") != 1;
}

Status judge_vectors(const AttrMap& attrs, int64_t channels, const Shape& scale, const Shape& offset, const Shape& mean,
                     const Shape& variance) {
  bool may_be_empty = !uses_statistics(attrs);
  TARN_RETURN_IF_ERROR(expect_channels(scale, channels, "scale"));
  TARN_RETURN_IF_ERROR(expect_channels(offset, channels, "offset"));
  TARN_RETURN_IF_ERROR(expect_channels(mean, channels, "mean", may_be_empty));
  return expect_channels(variance, channels, "variance", may_be_empty);
}

Status infer_batch_norm(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(c.attrs(), c.shape(0)));
  Shape y = c.shape(0);
  if (sizes.channels == kUnknownDim && c.shape(1).has_rank() && c.shape(1).rank() == 1) {
    sizes.channels = c.shape(1).dim(0);
    if (y.has_rank()) y.set_dim(batch_norm_channel_dim(c.attrs(), y), sizes.channels);
  }
  TARN_RETURN_IF_ERROR(judge_vectors(c.attrs(), sizes.channels, c.shape(1), c.shape(2), c.shape(3), c.shape(4)));
  TARN_RETURN_IF_ERROR(c.set_output(0, y));
  for (int i = 1; i < 5; ++i) TARN_RETURN_IF_ERROR(c.set_output(i, Shape{sizes.channels}));
  return c.output_count() > 5 ? c.set_output(5, Shape()) : Status();
}

template <class T>
class BatchNormKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_batch_norm_kernel(c.attrs()));
    attrs_ = c.attrs();
    has_third_reserve_ = c.output_count() > 5;
    TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(attrs_, c.input(0).shape));
    if (sizes.rows > 0 && sizes.channels > 0) {
      c.request_scratch(kernels::batch_norm_scratch_bytes<T>(sizes.rows, sizes.channels));
    }
    c.may_reuse(0, 0);
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &scale = c.input(1), &offset = c.input(2), &mean = c.input(3),
                     &variance = c.input(4);
    TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(attrs_, *x.shape));
    auto [rows, channels] = sizes;
    TARN_RETURN_IF_ERROR(judge_vectors(attrs_, channels, *scale.shape, *offset.shape, *mean.shape, *variance.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    TensorView vectors[4];  // batch mean and variance; the same as the gradient wants them
    for (int i = 0; i < 4; ++i) {
      TARN_ASSIGN_OR_RETURN(vectors[i], c.output(i + 1, Shape{channels}));
    }
    if (has_third_reserve_) {
      TARN_ASSIGN_OR_RETURN(TensorView third, c.output(5, Shape()));
      *third.as<T>() = 0;
    }
    T epsilon = static_cast<T>(attrs_.get<float>("epsilon"));
    void* scratch = nullptr;
    if (x.count > 0) {
      TARN_ASSIGN_OR_RETURN(scratch, c.scratch(kernels::batch_norm_scratch_bytes<T>(rows, channels)));
    }
    T *out_mean = vectors[0].as<T>(), *out_variance = vectors[1].as<T>();
    T *saved_mean = vectors[2].as<T>(), *saved_variance = vectors[3].as<T>();
    if (!attrs_.get<bool>("is_training")) {
      for (T* to : {out_mean, saved_mean}) std::copy_n(mean.as<T>(), channels, to);
      for (T* to : {out_variance, saved_variance}) std::copy_n(variance.as<T>(), channels, to);
      if (x.count > 0) {
        kernels::batch_norm_inference<T>(c.threads(), rows, channels, x.as<T>(), scale.as<T>(), offset.as<T>(),
                                         mean.as<T>(), variance.as<T>(), epsilon, y.as<T>(), scratch);
      }
      return {};
    }
    if (rows == 0) {  // there is no mean of nothing
      for (const TensorView& vector : vectors) {
        std::fill_n(vector.as<T>(), channels, std::numeric_limits<T>::quiet_NaN());
      }
      return {};
    }
    if (x.count > 0) {
      kernels::batch_norm_train<T>(c.threads(), rows, channels, x.as<T>(), scale.as<T>(), offset.as<T>(), epsilon,
                                   y.as<T>(), saved_mean, saved_variance, scratch);
    }
    // Bessel's correction for the running variance; of a single row there is nothing to correct.
    T correction = static_cast<T>(rows) / static_cast<T>(std::max<int64_t>(1, rows - 1));
    T factor = static_cast<T>(attrs_.get<float>("exponential_avg_factor"));
    bool averages = uses_statistics(attrs_);
    for (int64_t i = 0; i < channels; ++i) {
      // running = (1 - factor) * old + factor * batch
      T corrected = saved_variance[i] * correction;
      out_mean[i] = averages ? (1 - factor) * mean.as<T>()[i] + factor * saved_mean[i] : saved_mean[i];
      out_variance[i] = averages ? (1 - factor) * variance.as<T>()[i] + factor * corrected : corrected;
    }
    return {};
  }

 private:
  AttrMap attrs_;
  bool has_third_reserve_ = false;
};

constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};
constexpr KernelDef kKernels[] = {
    adapted_kernel<BatchNormKernel<float>, DType::kFloat, kLayout>(),
    adapted_kernel<BatchNormKernel<double>, DType::kDouble, kLayout>(),
};

Status gradient(GradContext& c) {
  return batch_norm_gradient(c, "FusedBatchNormGrad");
}
Status gradient_v2(GradContext& c) {
  return batch_norm_gradient(c, "FusedBatchNormGradV2");
}
Status gradient_v3(GradContext& c) {
  return batch_norm_gradient(c, "FusedBatchNormGradV3");
}

constexpr std::string_view kDoc = R"(Batch normalization: (x - mean) / sqrt(variance + epsilon) * scale + offset.
  x  T[N, H, W, C] (V3 also [N, D, H, W, C])   scale, offset  [C]
  mean, variance  [C]; with is_training and exponential_avg_factor = 1 not looked at, and may be empty
  returns  y, as x;  batch_mean, batch_variance [C]: of the batch with is_training, the variance divided by rows - 1, or
           running averages (1 - factor) * given + factor * batch; without is_training what was given;
           reserve_space_1, 2 [C]: mean and variance that y was made with, the variance divided by rows (V3: and a 0)
  With is_training, statistics of no rows are NaN. T = double, which TensorFlow lacks, is for tests of gradients.
  Errors: InvalidArgument if lengths differ or epsilon is negative.
  Source: TensorFlow nn_ops FusedBatchNorm; Ioffe and Szegedy 2015.)";

}  // namespace

extern const OpDef op_FusedBatchNorm, op_FusedBatchNormV2, op_FusedBatchNormV3;
const OpDef op_FusedBatchNorm = {
    .name = "FusedBatchNorm",
    .inputs = "x: T, scale: T, offset: T, mean: T, variance: T",
    .outputs = "y: T, batch_mean: T, batch_variance: T, reserve_space_1: T, reserve_space_2: T",
    .attrs =
        "T: {float, double}; epsilon: float = 0.0001; exponential_avg_factor: float = 1.0; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; is_training: bool = true",
    .infer = infer_batch_norm,
    .kernels = kKernels,
};
const OpDef op_FusedBatchNormV2 = {
    .name = "FusedBatchNormV2",
    .inputs = "x: T, scale: U, offset: U, mean: U, variance: U",
    .outputs = "y: T, batch_mean: U, batch_variance: U, reserve_space_1: U, reserve_space_2: U",
    .attrs =
        "T: {half, bfloat16, float, double}; U: {float, double}; epsilon: float = 0.0001; "
        "exponential_avg_factor: float = 1.0; data_format: {'NHWC', 'NCHW'} = 'NHWC'; is_training: bool = true",
    .infer = infer_batch_norm,
    .kernels = kFloatingKernels<BatchNormKernel, kLayout>,
};
const OpDef op_FusedBatchNormV3 = {
    .name = "FusedBatchNormV3",
    .inputs = "x: T, scale: U, offset: U, mean: U, variance: U",
    .outputs = "y: T, batch_mean: U, batch_variance: U, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U",
    .attrs =
        "T: {half, bfloat16, float, double}; U: {bfloat16, float, double}; epsilon: float = 0.0001; "
        "exponential_avg_factor: float = 1.0; data_format: {'NHWC', 'NCHW', 'NDHWC', 'NCDHW'} = 'NHWC'; "
        "is_training: bool = true",
    .infer = infer_batch_norm,
    .kernels = kFloatingKernels<BatchNormKernel, kLayout>,
};

TARN_OP_FILE(fused_batch_norm, {&op_FusedBatchNorm, kDoc, gradient}, {&op_FusedBatchNormV2, kDoc, gradient_v2},
             {&op_FusedBatchNormV3, kDoc, gradient_v3})

}  // namespace tarn
