// CropAndResize.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

Status judge_shapes(const Shape& image, const Shape& boxes, const Shape& box_ind, const Shape& crop_size) {
  for (const auto& [shape, rank, name] : {std::tuple(&image, 4, "image"), std::tuple(&boxes, 2, "boxes"),
                                          std::tuple(&box_ind, 1, "box_ind"), std::tuple(&crop_size, 1, "crop_size")}) {
    if (shape->has_rank() && shape->rank() != rank) {
      return invalid_argument(name, " must have rank ", rank, ", has shape ", shape->to_string());
    }
  }
  if (!boxes.is_compatible_with(Shape{kUnknownDim, 4})) {
    return invalid_argument("boxes must have 4 columns, have shape ", boxes.to_string());
  }
  if (boxes.has_rank() && !box_ind.is_compatible_with(Shape{boxes.dim(0)})) {
    return invalid_argument("box_ind must have an element for each of boxes ", boxes.to_string(), ", has shape ",
                            box_ind.to_string());
  }
  if (!crop_size.is_compatible_with(Shape{2})) {
    return invalid_argument("crop_size must be a height and a width, has shape ", crop_size.to_string());
  }
  // Places are computed in float and kept as int32.
  for (int d = 1; d <= 2 && image.has_rank(); ++d) {
    if (image.dim(d) != 0 && image.dim(d) <= INT32_MAX) continue;
    return invalid_argument("image must have pixels, and at most ", INT32_MAX, " along a dim: it has shape ",
                            image.to_string());
  }
  return {};
}

Status judge_size(const IntList& size) {
  if (size[0] > 0 && size[1] > 0) return {};
  return invalid_argument("crop dimensions must be positive, are ", size.to_string());
}

Status infer_crop(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_shapes(c.shape(0), c.shape(1), c.shape(2), c.shape(3)));
  Shape output = Shape::unknown_of_rank(4);
  if (c.shape(2).has_rank()) output.set_dim(0, c.shape(2).dim(0));
  if (c.shape(1).has_rank() && c.shape(1).dim(0) != kUnknownDim) output.set_dim(0, c.shape(1).dim(0));
  if (c.shape(0).has_rank()) output.set_dim(3, c.shape(0).dim(3));
  if (std::optional<IntList> size = IntList::known(c, 3)) {
    TARN_RETURN_IF_ERROR(judge_size(*size));
    output.set_dim(1, (*size)[0]);
    output.set_dim(2, (*size)[1]);
  }
  return set_output_checked(c, 0, output);
}

// Where row (or column) i of a crop lies in an image of `pixels`, for a box from `low` to `high` of [0, 1].
float place(int64_t i, int64_t crop, int64_t pixels, float low, float high) {
  auto last = static_cast<float>(pixels - 1);
  if (crop <= 1) return static_cast<float>(0.5 * static_cast<double>(low + high) * static_cast<double>(pixels - 1));
  float scale = (high - low) * last / static_cast<float>(crop - 1);
  return low * last + static_cast<float>(i) * scale;
}

template <class T>
class CropKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    nearest_ = c.attr<std::string>("method") == "nearest";
    outside_ = c.attr<float>("extrapolation_value");
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &image = c.input(0), &boxes = c.input(1), &box_ind = c.input(2);
    TARN_RETURN_IF_ERROR(judge_shapes(*image.shape, *boxes.shape, *box_ind.shape, *c.input(3).shape));
    IntList size = IntList::of(c.input(3));
    TARN_RETURN_IF_ERROR(judge_size(size));
    int64_t count = boxes.shape->dim(0), images = image.shape->dim(0), height = size[0], width = size[1];
    for (int64_t b = 0; b < count; ++b) {
      int32_t index = box_ind.as<int32_t>()[b];
      if (index < 0 || index >= images) {
        return out_of_range("box_ind[", b, "] = ", index, " has values outside [0, ", images, ")");
      }
    }
    int64_t channels = image.shape->dim(3);
    TARN_ASSIGN_OR_RETURN(TensorView crops, c.output(0, Shape{count, height, width, channels}));
    if (crops.count == 0) return {};
    c.threads().parallel_for(count * height, std::max<int64_t>(1, kElementsPerRange / 4 / (width * channels)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = begin; row < end; ++row) {
                                 int64_t b = row / height;
                                 crop_row(image, boxes.as<float>() + 4 * b, box_ind.as<int32_t>()[b], row % height,
                                          height, width, crops.as<float>() + row * width * channels);
                               }
                             });
    return {};
  }

 private:
  void crop_row(const TensorView& image, const float* box, int64_t b, int64_t y, int64_t crop_height,
                int64_t crop_width, float* to) const {
    int64_t height = image.shape->dim(1), width = image.shape->dim(2), channels = image.shape->dim(3);
    const T* from = image.as<T>() + b * height * width * channels;
    float in_y = place(y, crop_height, height, box[0], box[2]);
    bool row_is_inside = in_y >= 0 && in_y <= static_cast<float>(height - 1);  // NaN is not
    for (int64_t x = 0; x < crop_width; ++x, to += channels) {
      float in_x = place(x, crop_width, width, box[1], box[3]);
      if (!row_is_inside || !(in_x >= 0 && in_x <= static_cast<float>(width - 1))) {
        std::fill_n(to, channels, outside_);
        continue;
      }
      auto pixel = [&](float row, float column) {
        // A float of a large image may round up past its last pixel.
        int64_t i = std::min(static_cast<int64_t>(row), height - 1),
                j = std::min(static_cast<int64_t>(column), width - 1);
        return from + (i * width + j) * channels;
      };
      if (nearest_) {
        const T* near = pixel(std::round(in_y), std::round(in_x));
        for (int64_t k = 0; k < channels; ++k) to[k] = pixel_to_float(near[k]);
        continue;
      }
      float top = std::floor(in_y), bottom = std::ceil(in_y), left = std::floor(in_x), right = std::ceil(in_x);
      const T *top_left = pixel(top, left), *top_right = pixel(top, right);
      const T *bottom_left = pixel(bottom, left), *bottom_right = pixel(bottom, right);
      float down = in_y - top, along = in_x - left;
      for (int64_t k = 0; k < channels; ++k) {
        float a = pixel_to_float(top_left[k]), b_ = pixel_to_float(bottom_left[k]);
        float above = a + (pixel_to_float(top_right[k]) - a) * along;
        float below = b_ + (pixel_to_float(bottom_right[k]) - b_) * along;
        to[k] = above + (below - above) * down;
      }
    }
  }

  bool nearest_ = false;
  float outside_ = 0;
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<CropKernel<Ts>>(dtype_of<Ts>())...};

constexpr std::string_view kDoc = R"(Cuts boxes out of images and resizes them all to one size.
  image  T[batch, h, w, channels]   boxes  float[n, 4]: y1, x1, y2, x2, where 0 to 1 is the first to the last pixel
  box_ind  int32[n]: of which image   crop_size  int32[2]: height and width
  returns  crops  float[n, height, width, channels]
  method bilinear mixes the four pixels around a place, nearest takes one; y1 > y2 turns the box over. Places outside
  the image become extrapolation_value.
  Errors: OutOfRange for an image that there is not; InvalidArgument for shapes and sizes.
  Source: TensorFlow image_ops CropAndResize.)";

}  // namespace

extern const OpDef op_CropAndResize;
const OpDef op_CropAndResize = {
    .name = "CropAndResize",
    .inputs = "image: T, boxes: float, box_ind: int32, crop_size: int32",
    .outputs = "crops: float",
    .attrs =
        "T: {uint8, uint16, int8, int16, int32, int64, half, float, double}; method: {'bilinear', 'nearest'} = "
        "'bilinear'; extrapolation_value: float = 0",
    .infer = infer_crop,
    .kernels = kKernels<float, double, uint8_t, uint16_t, int8_t, int16_t, int32_t, int64_t, Half>,
};

TARN_OP_FILE(crop_and_resize,
             {&op_CropAndResize, kDoc, nullptr, "crops are taken from what a detector found, where training stops"})

}  // namespace tarn
