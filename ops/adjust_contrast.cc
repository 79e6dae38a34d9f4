// AdjustContrastv2.
#include <vector>

#include "core/op.h"
#include "ops/support/array.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

Status infer_contrast(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 3, "images"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "contrast_factor"));
  return c.set_output(0, c.shape(0));
}

template <class T>
class ContrastKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& images = c.input(0);
    const Shape& shape = *images.shape;
    if (shape.rank() < 3) return invalid_argument("images must be at least 3-D, have shape ", shape.to_string());
    if (c.input(1).shape->rank() != 0) return invalid_argument("contrast_factor must be a scalar");
    auto factor = c.input(1).item<float>();
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, shape));
    if (output.count == 0) return {};
    int64_t channels = shape.dim(-1), pixels = shape.dim(-2) * shape.dim(-3);
    int64_t batch = output.count / (channels * pixels);
    c.threads().parallel_for(batch, 1, [&](int64_t begin, int64_t end, int) {
      std::vector<double> means(static_cast<size_t>(channels));
      for (int64_t image = begin; image < end; ++image) {
        const T* from = images.as<T>() + image * pixels * channels;
        T* to = output.as<T>() + image * pixels * channels;
        std::fill(means.begin(), means.end(), 0.0);
        for (int64_t i = 0; i < pixels * channels; ++i) {
          means[static_cast<size_t>(i % channels)] += static_cast<double>(pixel_to_float(from[i]));
        }
        for (double& mean : means) mean /= static_cast<double>(pixels);
        for (int64_t i = 0; i < pixels * channels; ++i) {
          auto mean = static_cast<float>(means[static_cast<size_t>(i % channels)]);
          to[i] = pixel_from_float<T>((pixel_to_float(from[i]) - mean) * factor + mean);
        }
      }
    });
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<ContrastKernel<float>>(DType::kFloat),
                                  portable_kernel<ContrastKernel<Half>>(DType::kHalf)};

constexpr std::string_view kDoc = R"(Moves pixels away from their image's mean, or towards it.
  images  T[..., h, w, channels]   contrast_factor  float
  returns  (x - mean) * contrast_factor + mean, where mean is that of x's channel in its image
  Errors: InvalidArgument for fewer than 3 dims.   Source: TensorFlow image_ops AdjustContrastv2.)";

}  // namespace

extern const OpDef op_AdjustContrastv2;
const OpDef op_AdjustContrastv2 = {
    .name = "AdjustContrastv2",
    .inputs = "images: T, contrast_factor: float",
    .outputs = "output: T",
    .attrs = "T: {half, float} = float",
    .infer = infer_contrast,
    .kernels = kKernels,
};

TARN_OP_FILE(adjust_contrast, {&op_AdjustContrastv2, kDoc, nullptr, "TensorFlow has none: it prepares pictures"})

}  // namespace tarn
