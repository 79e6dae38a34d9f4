#include "ops/resize.h"

namespace tarn {

Result<ResizeAttrs> ResizeAttrs::read(const AttrMap& attrs) {
  ResizeAttrs read{attrs.get<bool>("align_corners"), attrs.get_or<bool>("half_pixel_centers", false)};
  if (read.align_corners && read.half_pixel_centers) {
    return invalid_argument("attrs 'align_corners' and 'half_pixel_centers' must not both be true");
  }
  return read;
}

float ResizeAttrs::scale(int64_t input, int64_t output) const {
  if (align_corners && output > 1) return static_cast<float>(input - 1) / static_cast<float>(output - 1);
  return static_cast<float>(input) / static_cast<float>(output);
}

Result<Shape> resized_shape(const Shape& images, const std::optional<IntList>& size) {
  if (images.rank() != 4) return invalid_argument("images must have rank 4, have shape ", images.to_string());
  Shape output = images;
  for (int d = 1; d <= 2; ++d) {
    // Places are computed in float and kept as int32.
    if (images.dim(d) == 0 || images.dim(d) > INT32_MAX) {
      return invalid_argument("images must have pixels, and at most ", INT32_MAX, " along a dim: they have shape ",
                              images.to_string());
    }
    output.set_dim(d, kUnknownDim);
    if (!size) continue;
    int64_t pixels = (*size)[d - 1];
    if (pixels < 1) return invalid_argument("size must be positive, is ", size->to_string());
    output.set_dim(d, pixels);
  }
  return output;
}

Status infer_resize(InferContext& c) {
  TARN_RETURN_IF_ERROR(ResizeAttrs::read(c.attrs()).status());
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "images"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "size"));
  if (!c.shape(1).is_compatible_with(Shape{2})) {
    return invalid_argument("size must be a height and a width, has shape ", c.shape(1).to_string());
  }
  Shape images = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(4);
  TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(images, IntList::known(c, 1)));
  return set_output_checked(c, 0, output);
}

Result<Shape> resized_shape(const RunContext& c) {
  if (!(*c.input(1).shape == Shape{2})) {
    return invalid_argument("size must be a height and a width, has shape ", c.input(1).shape->to_string());
  }
  return resized_shape(*c.input(0).shape, IntList::of(c.input(1)));
}

}  // namespace tarn
