// RGBToHSV and HSVToRGB.
#include <algorithm>
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

template <class T>
struct Color {
  T a, b, c;
};

struct ToHsv {
  template <class T>
  Color<T> operator()(Color<T> p) const {
    T r = p.a, g = p.b, b = p.c;
    T value = std::max(std::max(r, g), b), range = value - std::min(std::min(r, g), b);
    T saturation = value > T(0) ? range / value : value * T(0);
    T norm = (T(1) / range) * (T(1) / T(6));
    T hue = r == value ? norm * (g - b) : g == value ? norm * (b - r) + T(2) / T(6) : norm * (r - g) + T(4) / T(6);
    if (!(range > T(0))) hue = 0;
    if (hue < T(0)) hue = hue + T(1);
    return {hue, saturation, value};
  }
};

struct ToRgb {
  template <class T>
  Color<T> operator()(Color<T> p) const {
    T sixths = p.a * T(6), saturation = p.b, value = p.c, rest = T(1) - saturation;
    auto part = [&](T x) { return (rest + saturation * std::min(std::max(x, T(0)), T(1))) * value; };
    return {part(std::fabs(sixths - T(3)) - T(1)), part(T(2) - std::fabs(sixths - T(2))),
            part(T(2) - std::fabs(sixths - T(4)))};
  }
};

Status judge(const Shape& shape) {
  if (shape.rank() >= 1 && (shape.dim(-1) == 3 || shape.dim(-1) == kUnknownDim)) return {};
  return invalid_argument("images must have 3 channels along their last dim, have shape ", shape.to_string());
}

Status infer_colors(InferContext& c) {
  Shape output = c.shape(0);
  if (output.has_rank()) {
    TARN_RETURN_IF_ERROR(judge(output));
    output.set_dim(-1, 3);
  }
  return c.set_output(0, output);
}

// half and bfloat16 are computed in float and rounded once.
template <class T, class F>
class ColorKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge(*c.input(0).shape));
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, *c.input(0).shape));
    const T* from = c.input(0).as<T>();
    T* to = output.as<T>();
    c.threads().parallel_for(output.count / 3, kElementsPerRange / 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = 3 * begin; i < 3 * end; i += 3) {
        if constexpr (std::is_floating_point_v<T>) {
          Color<T> color = F()(Color<T>{from[i], from[i + 1], from[i + 2]});
          to[i] = color.a, to[i + 1] = color.b, to[i + 2] = color.c;
        } else {
          Color<float> color =
              F()(Color<float>{pixel_to_float(from[i]), pixel_to_float(from[i + 1]), pixel_to_float(from[i + 2])});
          to[i] = pixel_from_float<T>(color.a);
          to[i + 1] = pixel_from_float<T>(color.b);
          to[i + 2] = pixel_from_float<T>(color.c);
        }
      }
    });
    return {};
  }
};

template <class F, class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<ColorKernel<Ts, F>>(dtype_of<Ts>())...};

constexpr std::string_view kNoGradient = "no model seen so far trains through it";
constexpr std::string_view kHsvDoc = R"(Colors as hue, saturation and value.
  images  T[..., 3]: red, green, blue   returns  T[..., 3], of the same shape: hue and saturation in [0, 1]
  Gray has hue 0.   Errors: InvalidArgument if the last dim is not 3.   Source: TensorFlow image_ops RGBToHSV.)";
constexpr std::string_view kRgbDoc = R"(Colors given as hue, saturation and value, as red, green and blue.
  images  T[..., 3]: hue, saturation, value   returns  T[..., 3]
  Errors: InvalidArgument if the last dim is not 3.   Source: TensorFlow image_ops HSVToRGB.)";

}  // namespace

extern const OpDef op_RGBToHSV, op_HSVToRGB;
const OpDef op_RGBToHSV = {
    .name = "RGBToHSV",
    .inputs = "images: T",
    .outputs = "output: T",
    .attrs = "T: {half, bfloat16, float, double} = float",
    .infer = infer_colors,
    .kernels = kKernels<ToHsv, float, double, Half, BFloat16>,
};
const OpDef op_HSVToRGB = {
    .name = "HSVToRGB",
    .inputs = "images: T",
    .outputs = "output: T",
    .attrs = "T: {half, bfloat16, float, double} = float",
    .infer = infer_colors,
    .kernels = kKernels<ToRgb, float, double, Half, BFloat16>,
};

TARN_OP_FILE(rgb_to_hsv, {&op_RGBToHSV, kHsvDoc, nullptr, kNoGradient}, {&op_HSVToRGB, kRgbDoc, nullptr, kNoGradient})

}  // namespace tarn
