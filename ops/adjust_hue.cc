// AdjustHue and AdjustSaturation.
#include <algorithm>
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

struct Rgb {
  float r, g, b;
};

// The hue in sixths of the circle, and the least and largest of the three colors: all that turning needs.
struct Turned {
  float hue, low, high;

  static Turned of(const Rgb& p) {
    float high = 0, mid = 0, low = 0;
    int sixth = 0;
    if (p.r < p.g) {
      high = p.g, mid = p.b, low = p.r, sixth = 2;
      if (p.b < p.r) mid = p.r, low = p.b, sixth = 1;
      if (p.b > p.g) high = p.b, mid = p.g, sixth = 3;
    } else {
      high = p.r, mid = p.b, low = p.g, sixth = 5;
      if (p.b < p.g) mid = p.g, low = p.b, sixth = 0;
      if (p.b > p.r) high = p.b, mid = p.r, sixth = 4;
    }
    if (high == low) return {0, low, high};
    float ratio = (mid - low) / (high - low);
    return {static_cast<float>(sixth) + (sixth % 2 == 0 ? ratio : 1 - ratio), low, high};
  }

  Rgb rgb() const {
    int sixth = static_cast<int>(hue);
    float ratio = hue - static_cast<float>(sixth);
    float mid = low + (sixth % 2 == 0 ? ratio : 1 - ratio) * (high - low);
    switch (sixth) {
      case 0: return {high, mid, low};
      case 1: return {mid, high, low};
      case 2: return {low, high, mid};
      case 3: return {low, mid, high};
      case 4: return {mid, low, high};
      default: return {high, low, mid};
    }
  }
};

struct TurnHue {
  static constexpr std::string_view kFactor = "delta";
  Rgb operator()(const Rgb& pixel, float delta) const {
    constexpr float kCircle = 6;
    Turned turned = Turned::of(pixel);
    turned.hue += delta * kCircle;
    if (!(std::fabs(turned.hue) < 1e4f)) turned.hue = std::isfinite(turned.hue) ? std::fmod(turned.hue, kCircle) : 0;
    while (turned.hue < 0) turned.hue += kCircle;
    while (turned.hue >= kCircle) turned.hue -= kCircle;
    return turned.rgb();
  }
};

struct ScaleSaturation {
  static constexpr std::string_view kFactor = "scale";
  Rgb operator()(const Rgb& p, float scale) const {
    float value = std::max(p.r, std::max(p.g, p.b)), range = value - std::min(p.r, std::min(p.g, p.b));
    float saturation = value > 0 ? range / value : 0;
    float norm = 1.0f / (6.0f * range), hue = 0;
    if (p.r == value) {
      hue = norm * (p.g - p.b);
    } else if (p.g == value) {
      hue = static_cast<float>(static_cast<double>(norm * (p.b - p.r)) + 2.0 / 6.0);
    } else {
      hue = static_cast<float>(static_cast<double>(norm * (p.r - p.g)) + 4.0 / 6.0);
    }
    if (range <= 0) hue = 0;
    if (hue < 0) hue += 1;

    saturation = std::min(1.0f, std::max(0.0f, saturation * scale));
    float chroma = saturation * value, rest = value - chroma, sixths = hue * 6, fold = sixths;
    if (!(std::fabs(fold) < 1e4f)) return {rest, rest, rest};  // of NaN and infinities; a hue is in [0, 6]
    while (fold <= 0) fold += 2;
    while (fold >= 2) fold -= 2;
    float x = chroma * (1 - std::fabs(fold - 1));
    switch (static_cast<int>(sixths)) {
      case 0: return {chroma + rest, x + rest, rest};
      case 1: return {x + rest, chroma + rest, rest};
      case 2: return {rest, chroma + rest, x + rest};
      case 3: return {rest, x + rest, chroma + rest};
      case 4: return {x + rest, rest, chroma + rest};
      case 5: return {chroma + rest, rest, x + rest};
      default: return {rest, rest, rest};
    }
  }
};

template <class F>
Status infer_adjust(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 3, "images"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, F::kFactor));
  Shape output = c.shape(0);
  if (output.has_rank()) {
    if (output.dim(-1) != 3 && output.dim(-1) != kUnknownDim) {
      return invalid_argument("input must have 3 channels, has shape ", output.to_string());
    }
    output.set_dim(-1, 3);
  }
  return c.set_output(0, output);
}

template <class T, class F>
class AdjustKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape& shape = *c.input(0).shape;
    if (shape.rank() < 3 || shape.dim(-1) != 3) {
      return invalid_argument("input must be at least 3-D with 3 channels, has shape ", shape.to_string());
    }
    if (c.input(1).shape->rank() != 0) return invalid_argument(F::kFactor, " must be a scalar");
    auto factor = c.input(1).item<float>();
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, shape));
    const T* from = c.input(0).as<T>();
    T* to = output.as<T>();
    c.threads().parallel_for(output.count / 3, kElementsPerRange / 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = 3 * begin; i < 3 * end; i += 3) {
        Rgb pixel = F()({pixel_to_float(from[i]), pixel_to_float(from[i + 1]), pixel_to_float(from[i + 2])}, factor);
        to[i] = pixel_from_float<T>(pixel.r);
        to[i + 1] = pixel_from_float<T>(pixel.g);
        to[i + 2] = pixel_from_float<T>(pixel.b);
      }
    });
    return {};
  }
};

template <class F>
constexpr KernelDef kKernels[] = {portable_kernel<AdjustKernel<float, F>>(DType::kFloat),
                                  portable_kernel<AdjustKernel<Half, F>>(DType::kHalf)};

constexpr std::string_view kNoGradient = "TensorFlow has none: it prepares pictures";
constexpr std::string_view kHueDoc = R"(Turns the hue of colors.
  images  T[..., 3]: red, green, blue   delta  float: 1 is all the way round
  returns  T, of the shape of images.   Errors: InvalidArgument for fewer than 3 dims, other than 3 channels.
  Source: TensorFlow image_ops AdjustHue.)";
constexpr std::string_view kSaturationDoc = R"(Makes colors stronger or weaker.
  images  T[..., 3]: red, green, blue   scale  float: of the saturation, which stays in [0, 1]
  returns  T, of the shape of images.   Errors: InvalidArgument for fewer than 3 dims, other than 3 channels.
  Source: TensorFlow image_ops AdjustSaturation.)";

}  // namespace

extern const OpDef op_AdjustHue, op_AdjustSaturation;
const OpDef op_AdjustHue = {
    .name = "AdjustHue",
    .inputs = "images: T, delta: float",
    .outputs = "output: T",
    .attrs = "T: {half, float} = float",
    .infer = infer_adjust<TurnHue>,
    .kernels = kKernels<TurnHue>,
};
const OpDef op_AdjustSaturation = {
    .name = "AdjustSaturation",
    .inputs = "images: T, scale: float",
    .outputs = "output: T",
    .attrs = "T: {half, float} = float",
    .infer = infer_adjust<ScaleSaturation>,
    .kernels = kKernels<ScaleSaturation>,
};

TARN_OP_FILE(adjust_hue, {&op_AdjustHue, kHueDoc, nullptr, kNoGradient},
             {&op_AdjustSaturation, kSaturationDoc, nullptr, kNoGradient})

}  // namespace tarn
