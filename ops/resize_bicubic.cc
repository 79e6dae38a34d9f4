// ResizeBicubic.
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/resize.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

constexpr int64_t kTableSize = 1024;  // steps between two pixels; TensorFlow rounds places to these

// Cubic convolution (Keys 1981) at distances 0 to 2, interleaved: i / size, 1 + i / size. a = -1/2 is Keys' own; old
// graphs have -3/4.
std::vector<float> cubic_table(double a) {
  std::vector<float> table;
  for (int64_t i = 0; i <= kTableSize; ++i) {
    auto x = static_cast<float>(static_cast<double>(i) / kTableSize);
    table.push_back(static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1));
    x += 1.0f;
    table.push_back(static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a));
  }
  return table;
}

struct Taps {
  std::array<int64_t, 4> pixel;
  std::array<float, 4> weight;

  template <class F>
  float mix(const F& value) const {
    return value(pixel[0]) * weight[0] + value(pixel[1]) * weight[1] + value(pixel[2]) * weight[2] +
           value(pixel[3]) * weight[3];
  }
};

Taps taps_at(int64_t i, int64_t pixels, float scale, bool half_pixel_centers, const std::vector<float>& table) {
  float place = half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
  auto first = static_cast<int64_t>(std::floor(place));
  float delta = place - static_cast<float>(first);
  auto step = static_cast<size_t>(std::lrint(delta * static_cast<float>(kTableSize)));
  size_t back = kTableSize - step;
  Taps taps;
  taps.weight = {table[2 * step + 1], table[2 * step], table[2 * back], table[2 * back + 1]};
  for (size_t k = 0; k < 4; ++k) {
    int64_t wanted = first - 1 + static_cast<int64_t>(k);
    taps.pixel[k] = std::clamp<int64_t>(wanted, 0, pixels - 1);
    // Beyond the edge: the edge's pixel again, as it always was; with half pixel centers nothing, and the others more.
    if (half_pixel_centers && taps.pixel[k] != wanted) taps.weight[k] = 0;
  }
  if (!half_pixel_centers) return taps;
  float sum = taps.weight[0] + taps.weight[1] + taps.weight[2] + taps.weight[3];
  if (std::fabs(sum) >= 1000.0f * std::numeric_limits<float>::min()) {
    float factor = 1.0f / sum;
    for (float& weight : taps.weight) weight *= factor;
  }
  return taps;
}

template <class T>
class BicubicKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, ResizeAttrs::read(c.attrs()));
    table_ = cubic_table(attrs_.half_pixel_centers ? -0.5 : -0.75);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Shape output, resized_shape(c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    const Shape& shape = *c.input(0).shape;
    const T* images = c.input(0).as<T>();
    int64_t in_height = shape.dim(1), in_width = shape.dim(2), channels = shape.dim(3), in_row = in_width * channels;
    int64_t height = output.dim(1), width = output.dim(2);
    float y_scale = attrs_.scale(in_height, height), x_scale = attrs_.scale(in_width, width);
    bool half = attrs_.half_pixel_centers;
    auto* out = y.as<float>();
    int64_t range = std::max<int64_t>(1, kElementsPerRange / 16 / (width * channels));
    c.threads().parallel_for(output.dim(0) * height, range, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        Taps down = taps_at(row % height, in_height, y_scale, half, table_);
        const T* image = images + row / height * in_height * in_row;
        float* to = out + row * width * channels;
        for (int64_t x = 0; x < width; ++x, to += channels) {
          Taps along = taps_at(x, in_width, x_scale, half, table_);
          for (int64_t k = 0; k < channels; ++k) {
            to[k] = along.mix([&](int64_t column) {
              const T* from = image + column * channels + k;
              return down.mix([&](int64_t line) { return pixel_to_float(from[line * in_row]); });
            });
          }
        }
      }
    });
    return {};
  }

 private:
  ResizeAttrs attrs_;
  std::vector<float> table_;
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<BicubicKernel<Ts>>(dtype_of<Ts>())...};

constexpr std::string_view kDoc = R"(Resizes images, each new pixel mixed from sixteen by cubic convolution.
  images  T[batch, h, w, channels]   size  int32[2]: new height and width
  returns  resized_images  float[batch, height, width, channels]
  Places as in ResizeBilinear, rounded to 1024ths of a pixel. The cubic has a = -3/4, and at the edges the last pixel
  counts again; with half_pixel_centers a = -1/2, and weights beyond the edges go to the others.
  Errors: as ResizeBilinear.   Source: TensorFlow image_ops ResizeBicubic; Keys 1981.)";

}  // namespace

extern const OpDef op_ResizeBicubic;
const OpDef op_ResizeBicubic = {
    .name = "ResizeBicubic",
    .inputs = "images: T, size: int32",
    .outputs = "resized_images: float",
    .attrs =
        "T: {int8, uint8, int16, uint16, int32, int64, half, float, double, bfloat16}; align_corners: bool = false; "
        "half_pixel_centers: bool = false",
    .infer = infer_resize,
    .kernels = kKernels<float, double, uint8_t, int8_t, int16_t, uint16_t, int32_t, int64_t, Half, BFloat16>,
};

TARN_OP_FILE(resize_bicubic, {&op_ResizeBicubic, kDoc, nullptr, "no model seen so far trains through it"})

}  // namespace tarn
