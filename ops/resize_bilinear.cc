// ResizeBilinear and ResizeBilinearGrad.
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/resize.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

// The two pixels an output pixel lies between, and how far it is from the lower one.
struct Between {
  int64_t lower, upper;
  float part;
};

Between between(int64_t i, int64_t pixels, float scale, bool half_pixel_centers) {
  float x = half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
  float floor = std::floor(x);
  // At the edges both are the edge's pixel. With aligned corners rounding may lead beyond it.
  int64_t last = pixels - 1;
  return {std::clamp(static_cast<int64_t>(floor), int64_t{0}, last),
          std::clamp(static_cast<int64_t>(std::ceil(x)), int64_t{0}, last), x - floor};
}

template <class T>
class BilinearKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, ResizeAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape& shape = *c.input(0).shape;
    TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    const T* in = c.input(0).as<T>();
    auto* out = y.as<float>();
    int64_t height = output.dim(1), width = output.dim(2), channels = shape.dim(3);
    int64_t in_height = shape.dim(1), in_width = shape.dim(2), in_row = in_width * channels;
    float y_scale = attrs_.scale(in_height, height), x_scale = attrs_.scale(in_width, width);
    bool half = attrs_.half_pixel_centers;
    c.threads().parallel_for(
        output.dim(0) * height, std::max<int64_t>(1, kElementsPerRange / 4 / (width * channels)),
        [&](int64_t begin, int64_t end, int) {
          for (int64_t row = begin; row < end; ++row) {
            Between v = between(row % height, in_height, y_scale, half);
            const T* image = in + row / height * in_height * in_row;
            const T *above = image + v.lower * in_row, *below = image + v.upper * in_row;
            float* to = out + row * width * channels;
            for (int64_t column = 0; column < width; ++column, to += channels) {
              Between h = between(column, in_width, x_scale, half);
              int64_t left = h.lower * channels, right = h.upper * channels;
              for (int64_t k = 0; k < channels; ++k) {
                float above_left = pixel_to_float(above[left + k]), above_right = pixel_to_float(above[right + k]);
                float below_left = pixel_to_float(below[left + k]), below_right = pixel_to_float(below[right + k]);
                float top = above_left + (above_right - above_left) * h.part;
                float bottom = below_left + (below_right - below_left) * h.part;
                to[k] = top + (bottom - top) * v.part;
              }
            }
          }
        });
    return {};
  }

 private:
  ResizeAttrs attrs_;
};

Result<Shape> grad_shape(const Shape& grads, const Shape& image) {
  for (const auto& [shape, name] : {std::pair(&grads, "grads"), std::pair(&image, "original_image")}) {
    if (shape->rank() != 4) return invalid_argument(name, " must have rank 4, have shape ", shape->to_string());
    for (int d = 1; d <= 2; ++d) {
      if (shape->dim(d) != 0 && shape->dim(d) <= INT32_MAX) continue;
      return invalid_argument(name, " must have pixels, and at most ", INT32_MAX, " along a dim: they have shape ",
                              shape->to_string());
    }
  }
  Shape output = image;
  for (int d : {0, 3}) {
    int64_t other = grads.dim(d);
    if (image.dim(d) == kUnknownDim) output.set_dim(d, other);
    if (other == kUnknownDim || image.dim(d) == kUnknownDim || other == image.dim(d)) continue;
    return invalid_argument("grads ", grads.to_string(), " and original_image ", image.to_string(), " differ in dim ",
                            d);
  }
  return output;
}

Status infer_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(ResizeAttrs::read(c.attrs()).status());
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "grads"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 4, "original_image"));
  Shape any = Shape::unknown_of_rank(4);
  const Shape &grads = c.shape(0).has_rank() ? c.shape(0) : any, &image = c.shape(1).has_rank() ? c.shape(1) : any;
  TARN_ASSIGN_OR_RETURN(Shape output, grad_shape(grads, image));
  return set_output_checked(c, 0, output);
}

template <class T>
class BilinearGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, ResizeAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape& grads = *c.input(0).shape;
    TARN_ASSIGN_OR_RETURN(Shape output, grad_shape(grads, *c.input(1).shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, output));
    zero_elements(dx.dtype, dx.data, dx.count);
    if (c.input(0).count == 0) return {};
    int64_t pixels = grads.dim(1) * grads.dim(2);
    // Threads share images and channels, so every sum is taken in the order of the pixels.
    for_each_channel_range(c.threads(), output, kElementsPerRange / 4 / pixels,
                           [&](int64_t image, int64_t first, int64_t count) {
                             scatter(c.input(0).as<float>(), dx.as<T>(), grads, output, image, first, count);
                           });
    return {};
  }

 private:
  // Shares each pixel's gradient out over the four pixels it was made of, for some channels of one image.
  void scatter(const float* dy, T* dx, const Shape& grads, const Shape& shape, int64_t image, int64_t first,
               int64_t count) const {
    int64_t height = grads.dim(1), width = grads.dim(2), in_height = shape.dim(1), in_width = shape.dim(2);
    int64_t channels = shape.dim(3), row = in_width * channels;
    float y_scale = attrs_.scale(in_height, height), x_scale = attrs_.scale(in_width, width);
    dy += image * height * width * channels + first;
    dx += image * in_height * row + first;
    for (int64_t i = 0; i < height; ++i) {
      Between v = between(i, in_height, y_scale, attrs_.half_pixel_centers);
      T *above = dx + v.lower * row, *below = dx + v.upper * row;
      for (int64_t j = 0; j < width; ++j, dy += channels) {
        Between h = between(j, in_width, x_scale, attrs_.half_pixel_centers);
        int64_t left = h.lower * channels, right = h.upper * channels;
        for (int64_t k = 0; k < count; ++k) {
          float top = dy[k] * (1 - v.part), bottom = dy[k] * v.part;
          above[left + k] += static_cast<T>(top * (1 - h.part));
          above[right + k] += static_cast<T>(top * h.part);
          below[left + k] += static_cast<T>(bottom * (1 - h.part));
          below[right + k] += static_cast<T>(bottom * h.part);
        }
      }
    }
  }

  ResizeAttrs attrs_;
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<BilinearKernel<Ts>>(dtype_of<Ts>())...};

Status bilinear_gradient(GradContext& c) {
  constexpr std::string_view kKept[] = {"align_corners", "half_pixel_centers"};
  DType dtype = c.attr<DType>("T");
  if (dtype != DType::kFloat && dtype != DType::kDouble) return {};  // pixels of integers have none
  c.set_grad(0, c.op("ResizeBilinearGrad", {c.grad(), c.input(0)}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kDoc = R"(Resizes images, each new pixel mixed from the four around its place.
  images  T[batch, h, w, channels]   size  int32[2]: new height and width
  returns  float[batch, height, width, channels]
  Pixel i lies at i * h / height; with align_corners at i * (h - 1) / (height - 1), so that corners meet; with
  half_pixel_centers at (i + 0.5) * h / height - 0.5.
  Errors: InvalidArgument for a size below 1, images without pixels, or both attrs at once.
  Source: TensorFlow image_ops ResizeBilinear.)";
constexpr std::string_view kGradDoc = R"(The gradient of ResizeBilinear.
  grads  float[batch, height, width, channels]   original_image  T[batch, h, w, channels]
  returns  T, of the shape of original_image
  Each gradient is shared out over the pixels it was mixed from. Source: TensorFlow image_ops ResizeBilinearGrad.)";

}  // namespace

extern const OpDef op_ResizeBilinear, op_ResizeBilinearGrad;
const OpDef op_ResizeBilinear = {
    .name = "ResizeBilinear",
    .inputs = "images: T, size: int32",
    .outputs = "resized_images: float",
    .attrs =
        "T: {int8, uint8, int16, uint16, int32, int64, bfloat16, half, float, double}; align_corners: bool = false; "
        "half_pixel_centers: bool = false",
    .infer = infer_resize,
    .kernels = kKernels<float, double, uint8_t, int8_t, int16_t, uint16_t, int32_t, int64_t, Half, BFloat16>,
};
const OpDef op_ResizeBilinearGrad = {
    .name = "ResizeBilinearGrad",
    .inputs = "grads: float, original_image: T",
    .outputs = "output: T",
    .attrs = "T: {float, bfloat16, half, double}; align_corners: bool = false; half_pixel_centers: bool = false",
    .infer = infer_grad,
    .kernels = kKernelsFor<BilinearGradKernel, float, double, Half, BFloat16>,
};

TARN_OP_FILE(resize_bilinear, {&op_ResizeBilinear, kDoc, bilinear_gradient},
             {&op_ResizeBilinearGrad, kGradDoc, nullptr, "second derivatives of resizing are not needed yet"})

}  // namespace tarn
