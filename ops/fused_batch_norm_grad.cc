// FusedBatchNormGrad, V2 and V3.
#include "ops/adapted_kernel.h"
#include "ops/batch_norm.h"
#include "ops/kernels/batch_norm.h"

namespace tarn {
namespace {

Status judge(int64_t channels, const Shape& dy, const Shape& x, const Shape& scale, const Shape& mean,
             const Shape& variance) {
  if (!dy.is_compatible_with(x)) {
    return invalid_argument("y_backprop ", dy.to_string(), " and x ", x.to_string(), " differ in shape");
  }
  TARN_RETURN_IF_ERROR(expect_channels(scale, channels, "scale"));
  TARN_RETURN_IF_ERROR(expect_channels(mean, channels, "reserve_space_1"));
  return expect_channels(variance, channels, "reserve_space_2");
}

Status infer_grad(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape x, c.shape(1).merge(c.shape(0)));
  TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(c.attrs(), x));
  TARN_RETURN_IF_ERROR(judge(sizes.channels, c.shape(0), x, c.shape(2), c.shape(3), c.shape(4)));
  TARN_RETURN_IF_ERROR(c.set_output(0, x));
  for (int i : {1, 2}) TARN_RETURN_IF_ERROR(c.set_output(i, Shape{sizes.channels}));
  for (int i : {3, 4}) TARN_RETURN_IF_ERROR(c.set_output(i, Shape{0}));
  return {};
}

template <class T>
class BatchNormGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_batch_norm_kernel(c.attrs()));
    attrs_ = c.attrs();
    TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(attrs_, c.input(1).shape));
    if (sizes.rows > 0 && sizes.channels > 0) {
      c.request_scratch(kernels::batch_norm_scratch_bytes<T>(sizes.rows, sizes.channels));
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &dy = c.input(0), &x = c.input(1), &scale = c.input(2), &mean = c.input(3), &variance = c.input(4);
    TARN_ASSIGN_OR_RETURN(BatchNormSizes sizes, batch_norm_sizes(attrs_, *x.shape));
    auto [rows, channels] = sizes;
    TARN_RETURN_IF_ERROR(judge(channels, *dy.shape, *x.shape, *scale.shape, *mean.shape, *variance.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dscale, c.output(1, Shape{channels}));
    TARN_ASSIGN_OR_RETURN(TensorView doffset, c.output(2, Shape{channels}));
    TARN_RETURN_IF_ERROR(c.output(3, Shape{0}).status());
    TARN_RETURN_IF_ERROR(c.output(4, Shape{0}).status());
    if (x.count == 0) {
      std::fill_n(dscale.as<T>(), channels, T(0));
      std::fill_n(doffset.as<T>(), channels, T(0));
      return {};
    }
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(kernels::batch_norm_scratch_bytes<T>(rows, channels)));
    auto backward =
        attrs_.get<bool>("is_training") ? kernels::batch_norm_backward<T> : kernels::batch_norm_inference_backward<T>;
    backward(c.threads(), rows, channels, dy.as<T>(), x.as<T>(), scale.as<T>(), mean.as<T>(), variance.as<T>(),
             static_cast<T>(attrs_.get<float>("epsilon")), dx.as<T>(), dscale.as<T>(), doffset.as<T>(), scratch,
             kernels::best_isa());
    return {};
  }

 private:
  AttrMap attrs_;
};

constexpr Layout kLayout{.inputs = {Operand::kImage, Operand::kImage}, .outputs = {Operand::kImage}};
constexpr KernelDef kKernels[] = {
    adapted_kernel<BatchNormGradKernel<float>, DType::kFloat, kLayout>(),
    adapted_kernel<BatchNormGradKernel<double>, DType::kDouble, kLayout>(),
};

constexpr std::string_view kNoGradient = "second derivatives of batch normalization are not needed yet";

constexpr std::string_view kDoc = R"(The gradient of FusedBatchNorm.
  y_backprop, x  T[N, H, W, C]   scale  [C]
  reserve_space_1, 2  [C]: with is_training what FusedBatchNorm kept, else the mean and variance it was given
  returns  x_backprop, as x;  scale_backprop, offset_backprop [C];  two empty tensors
  With n = (x - mean) / s, s = sqrt(variance + epsilon):  doffset = sum(dy),  dscale = sum(dy * n),
  dx = scale / s * (dy - doffset / rows - n * dscale / rows), or scale / s * dy without is_training.
  Errors: InvalidArgument if sizes differ or epsilon is negative.
  Source: TensorFlow nn_ops FusedBatchNormGrad; Ioffe and Szegedy 2015, sec. 3.)";

}  // namespace

extern const OpDef op_FusedBatchNormGrad, op_FusedBatchNormGradV2, op_FusedBatchNormGradV3;
const OpDef op_FusedBatchNormGrad = {
    .name = "FusedBatchNormGrad",
    .inputs = "y_backprop: T, x: T, scale: T, reserve_space_1: T, reserve_space_2: T",
    .outputs = "x_backprop: T, scale_backprop: T, offset_backprop: T, reserve_space_3: T, reserve_space_4: T",
    .attrs =
        "T: {float, double}; epsilon: float = 0.0001; data_format: {'NHWC', 'NCHW'} = 'NHWC'; "
        "is_training: bool = true",
    .infer = infer_grad,
    .kernels = kKernels,
};
// TensorFlow's scale is float; its U can be nothing else.
const OpDef op_FusedBatchNormGradV2 = {
    .name = "FusedBatchNormGradV2",
    .inputs = "y_backprop: T, x: T, scale: U, reserve_space_1: U, reserve_space_2: U",
    .outputs = "x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_3: U, reserve_space_4: U",
    .attrs =
        "T: {half, bfloat16, float, double}; U: {float, double}; epsilon: float = 0.0001; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; is_training: bool = true",
    .infer = infer_grad,
    .kernels = kFloatingKernels<BatchNormGradKernel, kLayout>,
};
const OpDef op_FusedBatchNormGradV3 = {
    .name = "FusedBatchNormGradV3",
    .inputs = "y_backprop: T, x: T, scale: U, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U",
    .outputs = "x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U",
    .attrs =
        "T: {half, bfloat16, float, double}; U: {float, double}; epsilon: float = 0.0001; "
        "data_format: {'NHWC', 'NCHW', 'NDHWC', 'NCDHW'} = 'NHWC'; is_training: bool = true",
    .infer = infer_grad,
    .kernels = kFloatingKernels<BatchNormGradKernel, kLayout>,
};

TARN_OP_FILE(fused_batch_norm_grad, {&op_FusedBatchNormGrad, kDoc, nullptr, kNoGradient},
             {&op_FusedBatchNormGradV2, kDoc, nullptr, kNoGradient},
             {&op_FusedBatchNormGradV3, kDoc, nullptr, kNoGradient})

}  // namespace tarn
