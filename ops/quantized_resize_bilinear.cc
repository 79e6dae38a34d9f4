// QuantizedResizeBilinear.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"
#include "ops/resize.h"

namespace tarn {
namespace {

Status infer_quantized_resize(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 2, "min", "max"));
  TARN_RETURN_IF_ERROR(infer_resize(c));
  return set_range(c, 1);
}

// How codes are mixed: parts are fractions of 2^kBits, in integers as wide as needed.   Source: TensorFlow
// quantized_resize_bilinear_op.
template <class T>
struct Mixer {
  using Part = std::conditional_t<sizeof(T) == 1, int32_t, int64_t>;
  static constexpr int kBits = sizeof(T) == 1 ? 7 : 30;
  static constexpr Part kOne = Part{1} << kBits;
  static Part part(float x) { return static_cast<Part>(x * static_cast<float>(kOne)); }
  static Part along_row(T left, T right, Part part) {
    const auto from = static_cast<Part>(code_number(left)), to = static_cast<Part>(code_number(right));
    return from * kOne + (to - from) * part;
  }
  static T between_rows(Part above, Part below, Part part) {
    return static_cast<T>((above + (below - above) / kOne * part + kOne / 2) / kOne);  // 2^31 wraps
  }
};
template <>
struct Mixer<float> {
  using Part = float;
  static float part(float x) { return x; }
  static float along_row(float left, float right, float part) { return left + (right - left) * part; }
  static float between_rows(float above, float below, float part) { return above + (below - above) * part; }
};

template <class T>
class QuantizedResizeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, ResizeAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CodeRange range, read_range(c, 2, "min", "max"));
    TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    const Shape& shape = *c.input(0).shape;
    if (y.count > 0 && shape == output) {  // with half_pixel_centers or without
      std::copy_n(c.input(0).as<T>(), y.count, y.as<T>());
    } else if (y.count > 0) {
      resize(c.threads(), shape, c.input(0).as<T>(), output, y.as<T>());
    }
    return write_range(c, 1, range);
  }

 private:
  using Part = typename Mixer<T>::Part;

  // The two pixels an output pixel lies between, and how far it is from the lower one.
  struct Between {
    int64_t lower, upper;
    Part part;
  };
  Between between(int64_t i, int64_t pixels, float scale) const {
    const float x =
        attrs_.half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
    const float floor = std::floor(x);
    const int64_t upper = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(x)), 0, pixels - 1);
    return {std::min(std::max<int64_t>(static_cast<int64_t>(floor), 0), upper), upper, Mixer<T>::part(x - floor)};
  }

  void resize(ThreadPool& threads, const Shape& shape, const T* x, const Shape& output, T* y) const {
    const int64_t height = output.dim(1), width = output.dim(2), channels = shape.dim(3);
    const int64_t in_height = shape.dim(1), in_width = shape.dim(2), in_row = in_width * channels;
    const float y_scale = attrs_.scale(in_height, height), x_scale = attrs_.scale(in_width, width);
    threads.parallel_for(output.dim(0) * height, std::max<int64_t>(1, kElementsPerRange / 4 / (width * channels)),
                         [&](int64_t begin, int64_t end, int) {
                           for (int64_t row = begin; row < end; ++row) {
                             const Between v = between(row % height, in_height, y_scale);
                             const T* image = x + row / height * in_height * in_row;
                             const T *above = image + v.lower * in_row, *below = image + v.upper * in_row;
                             T* to = y + row * width * channels;
                             for (int64_t column = 0; column < width; ++column, to += channels) {
                               const Between h = between(column, in_width, x_scale);
                               const int64_t left = h.lower * channels, right = h.upper * channels;
                               for (int64_t k = 0; k < channels; ++k) {
                                 to[k] = Mixer<T>::between_rows(
                                     Mixer<T>::along_row(above[left + k], above[right + k], h.part),
                                     Mixer<T>::along_row(below[left + k], below[right + k], h.part), v.part);
                               }
                             }
                           }
                         });
  }

  ResizeAttrs attrs_;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<QuantizedResizeKernel<uint8_t>>(DType::kQUInt8),
    portable_kernel<QuantizedResizeKernel<int32_t>>(DType::kQInt32),
    portable_kernel<QuantizedResizeKernel<float>>(DType::kFloat),
};

constexpr std::string_view kDoc = R"(Resizes images of codes, each new pixel mixed from the four around its place.
  images  T[batch, h, w, channels]   size  int32[2]: new height and width   min, max  float, one element each
  returns  resized_images  T[batch, height, width, channels]   out_min, out_max  float: the range given
  Places as in ResizeBilinear; codes are mixed in fixed point, with 7 bits behind the point for quint8, 30 for qint32.
  Errors: InvalidArgument for a size below 1, images without pixels, both attrs at once, a range that is none.
  Source: TensorFlow image_ops QuantizedResizeBilinear.)";

}  // namespace

extern const OpDef op_QuantizedResizeBilinear;
const OpDef op_QuantizedResizeBilinear = {
    .name = "QuantizedResizeBilinear",
    .inputs = "images: T, size: int32, min: float, max: float",
    .outputs = "resized_images: T, out_min: float, out_max: float",
    .attrs = "T: {quint8, qint32, float}; align_corners: bool = false; half_pixel_centers: bool = false",
    .infer = infer_quantized_resize,
    .kernels = kKernels,
};

TARN_OP_FILE(quantized_resize_bilinear,
             {&op_QuantizedResizeBilinear, kDoc, nullptr, "its input is quantized: whole numbers"})

}  // namespace tarn
