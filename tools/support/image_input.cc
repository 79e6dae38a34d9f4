#include "tools/support/image_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tarn {
namespace {

constexpr int kDefaultSide = 299;  // of TensorFlow's label_image
constexpr int kMostSide = 8192;

// Values 0 to 255, rows from the top, channels last.
struct Plane {
  int width = 0, height = 0, channels = 0;
  std::vector<float> values;

  Plane(int w, int h, int c)
      : width(w),
        height(h),
        channels(c),
        values(static_cast<size_t>(w) * static_cast<size_t>(h) * static_cast<size_t>(c)) {}
  float& at(int x, int y, int c = 0) {
    return values[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
                      static_cast<size_t>(channels) +
                  static_cast<size_t>(c)];
  }
  float at(int x, int y, int c = 0) const { return const_cast<Plane*>(this)->at(x, y, c); }
};

Plane with_channels(const Image& image, int channels) {
  Plane plane(image.width, image.height, channels);
  size_t pixels = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  auto from = static_cast<size_t>(image.channels), to = static_cast<size_t>(channels);
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* pixel = image.pixels.data() + i * from;
    for (size_t c = 0; c < to; ++c) {
      // Gray as ITU-R BT.601 has it; libjpeg and TensorFlow too.
      bool to_gray = from == 3 && to == 1;
      plane.values[i * to + c] = to_gray ? 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2]
                                         : static_cast<float>(pixel[std::min(c, from - 1)]);
    }
  }
  return plane;
}

// Source position = target position * scale, corners not aligned: what TensorFlow 1.x's ResizeBilinear does.
Plane resize_bilinear(const Plane& from, int width, int height) {
  Plane to(width, height, from.channels);
  float scale_x = static_cast<float>(from.width) / static_cast<float>(width);
  float scale_y = static_cast<float>(from.height) / static_cast<float>(height);
  for (int y = 0; y < height; ++y) {
    float source_y = static_cast<float>(y) * scale_y;
    int top = std::min(static_cast<int>(source_y), from.height - 1), bottom = std::min(top + 1, from.height - 1);
    float down = source_y - static_cast<float>(top);
    for (int x = 0; x < width; ++x) {
      float source_x = static_cast<float>(x) * scale_x;
      int left = std::min(static_cast<int>(source_x), from.width - 1), right = std::min(left + 1, from.width - 1);
      float across = source_x - static_cast<float>(left);
      for (int c = 0; c < from.channels; ++c) {
        float upper = from.at(left, top, c) + (from.at(right, top, c) - from.at(left, top, c)) * across;
        float lower = from.at(left, bottom, c) + (from.at(right, bottom, c) - from.at(left, bottom, c)) * across;
        to.at(x, y, c) = upper + (lower - upper) * down;
      }
    }
  }
  return to;
}

// The mean of the pixels along the picture's edge.
float edge_value(const Plane& plane) {
  double sum = 0;
  int count = 0;
  for (int y = 0; y < plane.height; ++y) {
    bool is_edge_row = y == 0 || y == plane.height - 1;
    for (int x = 0; x < plane.width; x += is_edge_row || plane.width == 1 ? 1 : plane.width - 1) {
      sum += static_cast<double>(plane.at(x, y));
      ++count;
    }
  }
  return static_cast<float>(sum / count);
}

// Shrinks or stretches [left, left + width) x [top, top + height) of `from`: each target pixel is the mean of the part
// of the source that it covers, so that thin strokes do not fall between samples.
Plane resize_area(const Plane& from, int left, int top, int width, int height, int to_width, int to_height) {
  Plane to(to_width, to_height, 1);
  double step_x = static_cast<double>(width) / to_width, step_y = static_cast<double>(height) / to_height;
  for (int y = 0; y < to_height; ++y) {
    for (int x = 0; x < to_width; ++x) {
      double begin_x = x * step_x, end_x = begin_x + step_x, begin_y = y * step_y, end_y = begin_y + step_y;
      double sum = 0, weight = 0;
      for (int v = static_cast<int>(begin_y); v < std::min<double>(std::ceil(end_y), height); ++v) {
        double high = std::min<double>(v + 1, end_y) - std::max<double>(v, begin_y);
        for (int u = static_cast<int>(begin_x); u < std::min<double>(std::ceil(end_x), width); ++u) {
          double part = high * (std::min<double>(u + 1, end_x) - std::max<double>(u, begin_x));
          sum += part * static_cast<double>(from.at(left + u, top + v));
          weight += part;
        }
      }
      to.at(x, y) = weight > 0 ? static_cast<float>(sum / weight) : 0;
    }
  }
  return to;
}

// As MNIST's digits were made (LeCun et al. 1998): fitted into 20 x 20, its center of mass in the middle of 28 x 28.
Plane center_digit(const Plane& plane, std::vector<std::string>& done) {
  constexpr int kSide = 28, kDigitSide = 20;
  float most = *std::max_element(plane.values.begin(), plane.values.end());
  // Paper is never quite even: what is darker than this of the strongest stroke is ground.
  float ink = std::max(most * 0.35f, 1.0f);
  int left = plane.width, right = -1, top = plane.height, bottom = -1;
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      if (plane.at(x, y) < ink) continue;
      left = std::min(left, x), right = std::max(right, x);
      top = std::min(top, y), bottom = std::max(bottom, y);
    }
  }
  if (right < 0) {
    done.emplace_back("nothing is drawn on it");
    return Plane(kSide, kSide, 1);
  }
  int width = right - left + 1, height = bottom - top + 1;
  double scale = static_cast<double>(kDigitSide) / std::max(width, height);
  int to_width = std::max(1, static_cast<int>(std::lround(width * scale)));
  int to_height = std::max(1, static_cast<int>(std::lround(height * scale)));
  Plane digit = resize_area(plane, left, top, width, height, to_width, to_height);
  double mass = 0, mass_x = 0, mass_y = 0;
  for (int y = 0; y < to_height; ++y) {
    for (int x = 0; x < to_width; ++x) {
      float& value = digit.at(x, y);
      value = value < ink / 2 ? 0 : std::min(255.0f, value * 255 / most);
      mass += static_cast<double>(value);
      mass_x += (x + 0.5) * static_cast<double>(value);
      mass_y += (y + 0.5) * static_cast<double>(value);
    }
  }
  auto offset = [&](double center, int size) {
    return std::clamp(static_cast<int>(std::lround(kSide / 2.0 - (mass > 0 ? center / mass : size / 2.0))), 0,
                      kSide - size);
  };
  int offset_x = offset(mass_x, to_width), offset_y = offset(mass_y, to_height);
  Plane centered(kSide, kSide, 1);
  for (int y = 0; y < to_height; ++y) {
    for (int x = 0; x < to_width; ++x) centered.at(offset_x + x, offset_y + y) = digit.at(x, y);
  }
  done.push_back(str_cat("the drawing (", width, " x ", height, ") fitted into 20 x 20 and centered in 28 x 28"));
  return centered;
}

template <class T>
void store(const Plane& plane, const ImageForm& form, const ImageOptions& options, std::span<T> to) {
  const int channels = plane.channels;
  auto of_channel = [](const std::vector<double>& numbers, int c) {
    return numbers[std::min(static_cast<size_t>(c), numbers.size() - 1)];
  };
  size_t next = 0;
  auto put = [&](int x, int y, int c) {
    double value = static_cast<double>(plane.at(x, y, options.is_bgr ? channels - 1 - c : c));
    if constexpr (std::is_floating_point_v<T>) {
      to[next++] = static_cast<T>((value - of_channel(options.mean, c)) / of_channel(options.std, c));
    } else {
      to[next++] = static_cast<T>(std::lround(value));
    }
  };
  if (!form.channels_first) {
    for (int y = 0; y < plane.height; ++y) {
      for (int x = 0; x < plane.width; ++x) {
        for (int c = 0; c < channels; ++c) put(x, y, c);
      }
    }
    return;
  }
  for (int c = 0; c < channels; ++c) {
    for (int y = 0; y < plane.height; ++y) {
      for (int x = 0; x < plane.width; ++x) put(x, y, c);
    }
  }
}

// The largest part in the middle with these proportions.
Plane cropped(const Plane& from, int to_width, int to_height) {
  int64_t width = from.width, height = from.height;
  if (width * to_height > height * to_width) {
    width = std::max<int64_t>(1, height * to_width / to_height);
  } else {
    height = std::max<int64_t>(1, width * to_height / to_width);
  }
  Plane to(static_cast<int>(width), static_cast<int>(height), from.channels);
  int left = (from.width - to.width) / 2, top = (from.height - to.height) / 2;
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < to.width; ++x) {
      for (int c = 0; c < to.channels; ++c) to.at(x, y, c) = from.at(left + x, top + y, c);
    }
  }
  return to;
}

bool are_channels(int64_t dim) {
  return dim == 1 || dim == 3;
}

}  // namespace

Result<ImageForm> image_form(const Shape& declared, DType dtype, const ImageSize& size) {
  constexpr std::string_view kHint = "; a picture needs [?,H,W,C], [?,C,H,W], [?,H,W] or [?,H*W*C]";
  ImageForm form;
  form.dtype = dtype;
  if (dtype != DType::kFloat && dtype != DType::kUInt8 && dtype != DType::kInt32) {
    return invalid_argument("takes ", dtype_name(dtype), "; pictures are fed as float, uint8 or int32");
  }
  Shape shape = declared.has_rank() ? declared : Shape{-1, -1, -1, -1};
  int64_t height = -1, width = -1;
  if (shape.rank() == 4) {
    form.channels_first = are_channels(shape.dim(1)) && !are_channels(shape.dim(3)) && shape.dim(3) >= 0;
    int64_t channels = shape.dim(form.channels_first ? 1 : 3);
    height = shape.dim(form.channels_first ? 2 : 1);
    width = shape.dim(form.channels_first ? 3 : 2);
    form.channels = channels < 0 ? 3 : static_cast<int>(channels);
  } else if (shape.rank() == 3) {
    bool has_channels = are_channels(shape.dim(2));  // a single picture, no batch
    height = shape.dim(has_channels ? 0 : 1);
    width = shape.dim(has_channels ? 1 : 2);
    form.channels = has_channels ? static_cast<int>(shape.dim(2)) : 1;
  } else if (shape.rank() == 1 || shape.rank() == 2) {
    int64_t values = shape.dim(shape.rank() - 1);
    for (int channels : {1, 3}) {
      int64_t area = values / channels;
      auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(std::max<int64_t>(area, 0)))));
      int64_t h = size.height.value_or(side), w = size.width.value_or(side);
      if (values > 1 && h * w * channels == values) {
        height = h, width = w, form.channels = channels;
        break;
      }
    }
    if (form.channels == 0) return invalid_argument("takes ", declared, kHint);
  }
  if (!are_channels(form.channels)) return invalid_argument("takes ", declared, kHint, " with 1 or 3 channels");
  auto side = [](int64_t known, std::optional<int> asked, std::string_view what) -> Result<int> {
    if (known >= 0 && asked && *asked != known) {
      return invalid_argument("--input_", what, " is ", *asked, " but the network takes ", known);
    }
    int64_t value = known >= 0 ? known : asked.value_or(kDefaultSide);
    if (value < 1 || value > kMostSide) {
      return invalid_argument("takes a ", what, " of ", value, "; 1 to ", kMostSide, " is possible");
    }
    return static_cast<int>(value);
  };
  TARN_ASSIGN_OR_RETURN(form.height, side(height, size.height, "height"));
  TARN_ASSIGN_OR_RETURN(form.width, side(width, size.width, "width"));
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] < 0 || (d == 0 && dims.size() > 1 && dims.size() != 3)) dims[d] = 1;
  }
  if (dims.size() == 4) {
    dims[form.channels_first ? 1 : 3] = form.channels;
    dims[form.channels_first ? 2 : 1] = form.height;
    dims[form.channels_first ? 3 : 2] = form.width;
  } else if (dims.size() == 3) {
    size_t first = form.channels == 1 && dims[2] != 1 ? 1 : 0;
    if (first == 1) dims[0] = 1;
    dims[first] = form.height;
    dims[first + 1] = form.width;
  }
  form.shape = Shape(dims);
  return form;
}

Result<ImageInput> make_image_input(const Image& image, const ImageForm& form, const ImageOptions& options) {
  ImageInput input;
  input.done = image.done;
  if (image.channels == 3 && form.channels == 1) input.done.emplace_back("made gray");
  Plane plane = with_channels(image, form.channels);
  bool invert = options.invert.value_or(form.is_digit() && edge_value(plane) > 127.5f);
  if (invert) {
    for (float& value : plane.values) value = 255 - value;
    input.done.emplace_back(options.invert ? "inverted"
                                           : "inverted: its edge is light, and digits are light strokes on black");
  }
  if (options.crop_center) {
    plane = cropped(plane, form.width, form.height);
    if (plane.width != image.width || plane.height != image.height)
      input.done.push_back(str_cat("cropped to ", plane.width, " x ", plane.height, " in the middle"));
  }
  bool fits = plane.width == form.width && plane.height == form.height;
  if (!fits && form.is_digit()) {
    plane = center_digit(plane, input.done);
  } else if (!fits) {
    plane = resize_bilinear(plane, form.width, form.height);
    input.done.push_back(str_cat("stretched to ", form.width, " x ", form.height));
  }
  TARN_ASSIGN_OR_RETURN(input.tensor, Tensor::allocate(form.dtype, form.shape));
  if (form.dtype == DType::kFloat) {
    store(plane, form, options, input.tensor.mutable_flat<float>());
  } else if (form.dtype == DType::kUInt8) {
    store(plane, form, options, input.tensor.mutable_flat<uint8_t>());
  } else {
    store(plane, form, options, input.tensor.mutable_flat<int32_t>());
  }
  return input;
}

Result<Tensor> make_batch(std::span<const Tensor> tensors, int64_t least) {
  const Tensor& first = tensors[0];
  auto count = static_cast<int64_t>(tensors.size());
  if (count == 1 && least <= 1) return first;
  std::vector<int64_t> dims(first.shape().dims().begin(), first.shape().dims().end());
  dims[0] = std::max(count, least);
  TARN_ASSIGN_OR_RETURN(Tensor batch, Tensor::zeros(first.dtype(), Shape(dims)));
  auto* to = static_cast<char*>(batch.mutable_data());
  for (const Tensor& tensor : tensors) {
    std::memcpy(to, tensor.data(), tensor.byte_size());
    to += tensor.byte_size();
  }
  return batch;
}

}  // namespace tarn
