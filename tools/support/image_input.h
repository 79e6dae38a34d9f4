// From a picture to what a network takes: its size, its channels, its range of values.
//
//   TARN_ASSIGN_OR_RETURN(ImageForm form, image_form(declared_shape, DType::kFloat, {}));
//   TARN_ASSIGN_OR_RETURN(ImageInput input, make_image_input(image, form, {.mean = {0}, .std = {255}}));
//   input.tensor      // f32[1,28,28,1]
//   input.done        // {"gray", "inverted: a dark drawing on a light ground", …}
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "tools/support/image_file.h"

namespace tarn {

struct ImageForm {
  Shape shape;  // of the tensor, with a batch of 1
  DType dtype = DType::kFloat;
  int height = 0, width = 0, channels = 0;
  bool channels_first = false;  // NCHW

  // 28 x 28 gray: MNIST's digits, light strokes on black, centered.
  bool is_digit() const { return height == 28 && width == 28 && channels == 1; }
};

struct ImageSize {
  std::optional<int> width = std::nullopt, height = std::nullopt;
};
// What an input of this shape takes: [?,H,W,C], [?,C,H,W], [?,H,W], [?,H*W*C] of a square picture. `size` fills in what
// the shape leaves open; without either it is 299 x 299, as in TensorFlow's label_image.
Result<ImageForm> image_form(const Shape& declared, DType dtype, const ImageSize& size);

struct ImageOptions {
  // value = (pixel - mean) / std, a number a channel or one for all; integers take the pixels themselves.
  std::vector<double> mean = {0}, std = {255};
  bool is_bgr = false;       // the network takes blue first
  bool crop_center = false;  // the largest part in the middle that has the network's proportions, instead of all of it
  // Swap black and white; by default where the network takes digits and the picture's edge is light.
  std::optional<bool> invert = std::nullopt;
};
struct ImageInput {
  Tensor tensor;
  std::vector<std::string> done;  // to the picture, for a person to read
};
// Pictures are stretched to the size asked for (bilinear, as TensorFlow's ResizeBilinear without align_corners); for a
// network that takes digits, one of another size is cut out and centered the way MNIST's were.
Result<ImageInput> make_image_input(const Image& image, const ImageForm& form, const ImageOptions& options);

// Several pictures' tensors, each with a batch of 1, as one batch, which is filled up with zeros to `least`.
Result<Tensor> make_batch(std::span<const Tensor> tensors, int64_t least = 0);

}  // namespace tarn
