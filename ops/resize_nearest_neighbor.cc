// ResizeNearestNeighbor and ResizeNearestNeighborGrad.
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/resize.h"

namespace tarn {
namespace {

// The pixel of the input that pixel i of the output is a copy of.
int64_t nearest(int64_t i, int64_t pixels, float scale, const ResizeAttrs& attrs) {
  float x = attrs.half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale : static_cast<float>(i) * scale;
  float whole = attrs.align_corners ? std::round(x) : std::floor(x);
  return std::min(static_cast<int64_t>(whole), pixels - 1);
}

class NearestKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, ResizeAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    int64_t height = output.dim(1), width = output.dim(2), channels = shape.dim(3);
    int64_t in_height = shape.dim(1), in_width = shape.dim(2);
    float y_scale = attrs_.scale(in_height, height), x_scale = attrs_.scale(in_width, width);
    c.threads().parallel_for(output.dim(0) * height, std::max<int64_t>(1, kElementsPerRange / (width * channels)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = begin; row < end; ++row) {
                                 int64_t from =
                                     row / height * in_height + nearest(row % height, in_height, y_scale, attrs_);
                                 for (int64_t column = 0; column < width; ++column) {
                                   int64_t pixel = from * in_width + nearest(column, in_width, x_scale, attrs_);
                                   copy_elements(y.dtype, mutable_element_at(y, (row * width + column) * channels),
                                                 element_at(x, pixel * channels), channels);
                                 }
                               }
                             });
    return {};
  }

 private:
  ResizeAttrs attrs_;
};

template <class T>
class NearestGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, ResizeAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape& grads = *c.input(0).shape;
    TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(c));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, output));
    zero_elements(dx.dtype, dx.data, dx.count);
    if (c.input(0).count == 0) return {};
    int64_t pixels = grads.dim(1) * grads.dim(2);
    // Threads share images and channels, so every sum is taken in the order of the pixels.
    for_each_channel_range(c.threads(), output, kElementsPerRange / pixels,
                           [&](int64_t image, int64_t first, int64_t count) {
                             scatter(c.input(0).as<T>(), dx.as<T>(), grads, output, image, first, count);
                           });
    return {};
  }

 private:
  void scatter(const T* dy, T* dx, const Shape& grads, const Shape& shape, int64_t image, int64_t first,
               int64_t count) const {
    int64_t height = grads.dim(1), width = grads.dim(2), in_height = shape.dim(1), in_width = shape.dim(2);
    int64_t channels = shape.dim(3);
    float y_scale = attrs_.scale(in_height, height), x_scale = attrs_.scale(in_width, width);
    dy += image * height * width * channels + first;
    dx += image * in_height * in_width * channels + first;
    for (int64_t i = 0; i < height; ++i) {
      T* row = dx + nearest(i, in_height, y_scale, attrs_) * in_width * channels;
      for (int64_t j = 0; j < width; ++j, dy += channels) {
        T* to = row + nearest(j, in_width, x_scale, attrs_) * channels;
        for (int64_t k = 0; k < count; ++k) to[k] = wrap_add(to[k], dy[k]);
      }
    }
  }

  ResizeAttrs attrs_;
};

constexpr KernelDef kKernels[] = {portable_kernel<NearestKernel>()};

// The height and width of `wire`, int32.
Wire image_size(GradContext& c, Wire wire) {
  const Shape& shape = c.fact(wire).shape;
  if (shape.rank() == 4 && shape.dim(1) != kUnknownDim && shape.dim(2) != kUnknownDim) {
    return c.int_vector(shape.dims().subspan(1, 2));
  }
  return c.op("Slice",
              {shape_of(c, wire), c.int_vector(std::vector<int64_t>{1}), c.int_vector(std::vector<int64_t>{2})});
}

constexpr std::string_view kKept[] = {"align_corners", "half_pixel_centers"};

Status nearest_gradient(GradContext& c) {
  DType dtype = c.attr<DType>("T");
  if (dtype != DType::kFloat && dtype != DType::kDouble) return {};  // pixels of integers have none
  c.set_grad(0, c.op("ResizeNearestNeighborGrad", {c.grad(), image_size(c, c.input(0))}, kept_attrs(c, kKept)));
  return {};
}

Status nearest_grad_gradient(GradContext& c) {
  c.set_grad(0, c.op("ResizeNearestNeighbor", {c.grad(), image_size(c, c.input(0))}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kDoc = R"(Resizes images, each new pixel a copy of the nearest one.
  images  T[batch, h, w, channels]   size  int32[2]: new height and width   returns  T[batch, height, width, channels]
  Pixel i is a copy of floor(i * h / height); with align_corners of round(i * (h - 1) / (height - 1)); with
  half_pixel_centers of floor((i + 0.5) * h / height).
  Errors: InvalidArgument for a size below 1, images without pixels, or both attrs at once.
  Source: TensorFlow image_ops ResizeNearestNeighbor.)";
constexpr std::string_view kGradDoc = R"(The gradient of ResizeNearestNeighbor: adds up what each pixel was copied to.
  grads  T[batch, height, width, channels]   size  int32[2]: h and w of the original images
  returns  T[batch, h, w, channels]; integers wrap.   Source: TensorFlow image_ops ResizeNearestNeighborGrad.)";

}  // namespace

extern const OpDef op_ResizeNearestNeighbor, op_ResizeNearestNeighborGrad;
const OpDef op_ResizeNearestNeighbor = {
    .name = "ResizeNearestNeighbor",
    .inputs = "images: T, size: int32",
    .outputs = "resized_images: T",
    .attrs =
        "T: {int8, uint8, int16, uint16, int32, int64, half, float, double, bfloat16}; align_corners: bool = false; "
        "half_pixel_centers: bool = false",
    .infer = infer_resize,
    .kernels = kKernels,
};
const OpDef op_ResizeNearestNeighborGrad = {
    .name = "ResizeNearestNeighborGrad",
    .inputs = "grads: T, size: int32",
    .outputs = "output: T",
    .attrs =
        "T: {uint8, int8, int32, half, float, double, bfloat16}; align_corners: bool = false; "
        "half_pixel_centers: bool = false",
    .infer = infer_resize,
    .kernels = kKernelsFor<NearestGradKernel, float, double, Half, BFloat16, int32_t, uint8_t, int8_t>,
};

TARN_OP_FILE(resize_nearest_neighbor, {&op_ResizeNearestNeighbor, kDoc, nearest_gradient},
             {&op_ResizeNearestNeighborGrad, kGradDoc, nearest_grad_gradient})

}  // namespace tarn
