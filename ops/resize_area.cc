// ResizeArea.
#include <cmath>
#include <vector>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/resize.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

// The pixels that a resized one covers: [begin, end), those at the ends in part. All in float, as in TensorFlow.
struct Cover {
  int64_t begin, end;
  float low, high;  // the resized pixel's edges
  float scale;

  static Cover of(int64_t i, float scale) {
    float low = static_cast<float>(i) * scale, high = static_cast<float>(i + 1) * scale;
    return {static_cast<int64_t>(std::floor(low)), static_cast<int64_t>(std::ceil(high)), low, high, scale};
  }
  float weight(int64_t pixel) const {
    auto begins = static_cast<float>(pixel), ends = static_cast<float>(pixel + 1);
    if (begins < low) return ends > high ? scale : ends - low;
    return ends > high ? high - begins : 1.0f;
  }
};

template <class T>
class AreaKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    align_corners_ = c.attr<bool>("align_corners");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    const Shape& shape = *c.input(0).shape;
    const T* images = c.input(0).as<T>();
    ResizeAttrs attrs{align_corners_, false};
    int64_t height = output.dim(1), width = output.dim(2), channels = output.dim(3);
    float y_scale = attrs.scale(shape.dim(1), height), x_scale = attrs.scale(shape.dim(2), width);
    auto* to = y.as<float>();
    c.threads().parallel_for(output.dim(0) * height, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        Cover rows = Cover::of(row % height, y_scale);
        const T* image = images + row / height * shape.dim(1) * shape.dim(2) * channels;
        for (int64_t x = 0; x < width; ++x) {
          Cover columns = Cover::of(x, x_scale);
          for (int64_t k = 0; k < channels; ++k) {
            to[(row * width + x) * channels + k] = mean(image + k, shape, rows, columns) * (1.0f / (y_scale * x_scale));
          }
        }
      }
    });
    return {};
  }

 private:
  static float mean(const T* image, const Shape& shape, const Cover& rows, const Cover& columns) {
    int64_t width = shape.dim(2), channels = shape.dim(3);
    float sum = 0;
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const T* row = image + std::clamp<int64_t>(i, 0, shape.dim(1) - 1) * width * channels;
      auto pixel = [&](int64_t j) { return pixel_to_float(row[std::clamp<int64_t>(j, 0, width - 1) * channels]); };
      float row_sum = pixel(columns.begin) * columns.weight(columns.begin);
      if (columns.begin + 1 != columns.end) {
        for (int64_t j = columns.begin + 1; j < columns.end - 1; ++j) row_sum += pixel(j);
        row_sum += pixel(columns.end - 1) * columns.weight(columns.end - 1);
      }
      sum += row_sum * rows.weight(i);
    }
    return sum;
  }

  bool align_corners_ = false;
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<AreaKernel<Ts>>(dtype_of<Ts>())...};

constexpr std::string_view kDoc = R"(Resizes images, each new pixel the mean of the area that it covers.
  images  T[batch, h, w, channels]   size  int32[2]: new height and width
  returns  resized_images  float[batch, height, width, channels]
  With align_corners a pixel covers (h - 1) / (height - 1) of the old ones.
  Errors: InvalidArgument for a size below 1, images without pixels.   Source: TensorFlow image_ops ResizeArea.)";

}  // namespace

extern const OpDef op_ResizeArea;
const OpDef op_ResizeArea = {
    .name = "ResizeArea",
    .inputs = "images: T, size: int32",
    .outputs = "resized_images: float",
    .attrs =
        "T: {int8, uint8, int16, uint16, int32, int64, half, float, double, bfloat16}; align_corners: bool = false",
    .infer = infer_resize,
    .kernels = kKernels<float, double, uint8_t, int8_t, int16_t, uint16_t, int32_t, int64_t, Half, BFloat16>,
};

TARN_OP_FILE(resize_area, {&op_ResizeArea, kDoc, nullptr, "TensorFlow has none"})

}  // namespace tarn
