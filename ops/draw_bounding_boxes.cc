// DrawBoundingBoxes and DrawBoundingBoxesV2.
#include <cmath>
#include <vector>

#include "core/op.h"
#include "ops/support/array.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

Status judge(const Shape& images, const Shape& boxes, const Shape* colors) {
  if (images.has_rank() && images.rank() != 4) {
    return invalid_argument("The rank of the images should be 4, they have shape ", images.to_string());
  }
  if (!boxes.is_compatible_with(Shape{images.has_rank() ? images.dim(0) : kUnknownDim, kUnknownDim, 4})) {
    return invalid_argument("boxes must have shape [batch, boxes, 4], have ", boxes.to_string(), " for images ",
                            images.to_string());
  }
  if (colors != nullptr && colors->has_rank() && colors->rank() != 2) {
    return invalid_argument("colors must be a 2-D matrix, have shape ", colors->to_string());
  }
  if (images.has_rank() && images.dim(3) != kUnknownDim &&
      (images.dim(3) < 1 || images.dim(3) > 4 || images.dim(3) == 2)) {
    return invalid_argument("channels must be 1, 3 or 4: images have shape ", images.to_string());
  }
  return {};
}

Status infer_draw(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge(c.shape(0), c.shape(1), c.input_count() > 2 ? &c.shape(2) : nullptr));
  return c.set_output(0, c.shape(0));
}

struct Palette {
  std::vector<float> colors = {1,    1,   0, 1, 0,    0, 1, 1, 1, 0, 0,   1, 0, 1, 0, 1, 0.5, 0, 0.5, 1,
                               0.5f, 0.5, 0, 1, 0.5f, 0, 0, 1, 0, 0, 0.5, 1, 0, 1, 1, 1, 1,   0, 1,   1};
  int64_t depth = 4;  // of each

  const float* color(int64_t i) const {
    return colors.data() + i % (static_cast<int64_t>(colors.size()) / depth) * depth;
  }
};

template <class T>
class DrawKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &images = c.input(0), &boxes = c.input(1);
    TARN_RETURN_IF_ERROR(judge(*images.shape, *boxes.shape, c.input_count() > 2 ? c.input(2).shape : nullptr));
    int64_t channels = images.shape->dim(3), count = boxes.shape->dim(1);
    Palette palette;
    if (channels == 1) std::fill(palette.colors.begin(), palette.colors.end(), 1.0f);  // gray: white lines
    if (c.input_count() > 2 && c.input(2).count > 0) {
      palette.depth = c.input(2).shape->dim(1);
      palette.colors.assign(c.input(2).as<float>(), c.input(2).as<float>() + c.input(2).count);
    }
    if (palette.depth < channels) {
      return invalid_argument("colors must have as many columns as images have channels, ", channels, ", not ",
                              palette.depth);
    }
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, *images.shape));
    copy_elements(output.dtype, output.data, images.data, images.count);
    if (output.count == 0) return {};
    int64_t size = output.count / images.shape->dim(0);
    for (int64_t image = 0; image < images.shape->dim(0); ++image) {
      for (int64_t box = 0; box < count; ++box) {
        draw(output.as<T>() + image * size, *images.shape, boxes.as<float>() + (image * count + box) * 4,
             palette.color(box));
      }
    }
    return {};
  }

 private:
  // Where a line at `place` of [0, 1] is; far outside if it is no number or beyond all images.
  static int64_t pixel(float place, int64_t pixels) {
    float at = place * static_cast<float>(pixels - 1);
    constexpr float kFar = 1e15f;
    if (std::isnan(at)) return static_cast<int64_t>(kFar);
    return static_cast<int64_t>(std::min(std::max(at, -kFar), kFar));
  }

  static void draw(T* image, const Shape& shape, const float* box, const float* color) {
    int64_t height = shape.dim(1), width = shape.dim(2), channels = shape.dim(3);
    int64_t top = pixel(box[0], height), left = pixel(box[1], width);
    int64_t bottom = pixel(box[2], height), right = pixel(box[3], width);
    if (top > bottom || left > right || top >= height || bottom < 0 || left >= width || right < 0) return;
    auto paint = [&](int64_t row, int64_t column) {
      for (int64_t k = 0; k < channels; ++k)
        image[(row * width + column) * channels + k] = pixel_from_float<T>(color[k]);
    };
    int64_t first_row = std::max<int64_t>(top, 0), last_row = std::min(bottom, height - 1);
    int64_t first_column = std::max<int64_t>(left, 0), last_column = std::min(right, width - 1);
    for (int64_t x = first_column; x <= last_column; ++x) {
      if (top >= 0) paint(top, x);
      if (bottom < height) paint(bottom, x);
    }
    for (int64_t y = first_row; y <= last_row; ++y) {
      if (left >= 0) paint(y, left);
      if (right < width) paint(y, right);
    }
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<DrawKernel<float>>(DType::kFloat),
                                  portable_kernel<DrawKernel<Half>>(DType::kHalf)};

constexpr std::string_view kNoGradient = "it draws for people to look at";
constexpr std::string_view kDoc = R"(Draws the outlines of boxes on images, in ten colors that take turns.
  images  T[batch, h, w, channels], values of 0 to 1   boxes  float[batch, n, 4]: y1, x1, y2, x2 of 0 to 1
  returns  T, of the shape of images. Boxes that are turned over or outside are left out; gray images get white ones.
  Errors: InvalidArgument for other shapes.   Source: TensorFlow image_ops DrawBoundingBoxes.)";
constexpr std::string_view kV2Doc = R"(Draws the outlines of boxes on images, in given colors that take turns.
  images, boxes  as DrawBoundingBoxes   colors  float[n, channels or more]; none: the ten of DrawBoundingBoxes
  Source: TensorFlow image_ops DrawBoundingBoxesV2.)";

}  // namespace

extern const OpDef op_DrawBoundingBoxes, op_DrawBoundingBoxesV2;
const OpDef op_DrawBoundingBoxes = {
    .name = "DrawBoundingBoxes",
    .inputs = "images: T, boxes: float",
    .outputs = "output: T",
    .attrs = "T: {float, half} = float",
    .infer = infer_draw,
    .kernels = kKernels,
};
const OpDef op_DrawBoundingBoxesV2 = {
    .name = "DrawBoundingBoxesV2",
    .inputs = "images: T, boxes: float, colors: float",
    .outputs = "output: T",
    .attrs = "T: {float, half} = float",
    .infer = infer_draw,
    .kernels = kKernels,
};

TARN_OP_FILE(draw_bounding_boxes, {&op_DrawBoundingBoxes, kDoc, nullptr, kNoGradient},
             {&op_DrawBoundingBoxesV2, kV2Doc, nullptr, kNoGradient})

}  // namespace tarn
