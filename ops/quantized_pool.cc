// QuantizedMaxPool, QuantizedAvgPool.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"
#include "ops/window.h"

namespace tarn {
namespace {

using kernels::Pool2DGeometry;

// The ops have no data_format: they are NHWC.
Result<WindowAttrs> read_window(const AttrMap& attrs) {
  AttrMap with_format = attrs;
  with_format.set("data_format", "NHWC");
  return WindowAttrs::read(with_format);
}

Result<Pool2DGeometry> geometry_of(const WindowAttrs& window, const Shape& input, Shape& output) {
  TARN_ASSIGN_OR_RETURN(Pool2DGeometry g, pool_geometry(window, input, "input"));
  TARN_ASSIGN_OR_RETURN(output, pool_output(window, g));
  return g;
}

Status infer_pool(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 1, "min_input", "max_input"));
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, read_window(c.attrs()));
  Shape output;
  TARN_RETURN_IF_ERROR(geometry_of(window, c.shape(0), output).status());
  TARN_RETURN_IF_ERROR(c.set_output(0, output));
  return set_range(c, 1);
}

// The largest code of a window.
template <class T>
struct Largest {
  static constexpr T kFirst = std::numeric_limits<T>::lowest();
  using Sum = T;
  static T add(T largest, T code) { return std::max(largest, code); }
  static T finish(T largest, float) { return largest; }
};

// The mean code of the window's cells inside the image, to the nearest, half to even. That is TensorFlow 2's kernel on
// x86-64 (oneDNN), with its product instead of a quotient; the plain one, and TensorFlow 1's, rounds towards 0.
template <class T>
struct Mean {
  static constexpr int32_t kFirst = 0;
  using Sum = int32_t;
  static int32_t add(int32_t sum, T code) {
    return static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(int32_t{code}));
  }
  static T finish(int32_t sum, float part) { return static_cast<T>(std::nearbyint(static_cast<float>(sum) * part)); }
};

template <class T, template <class> class F>
class QuantizedPoolKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, read_window(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    Shape shape;
    TARN_ASSIGN_OR_RETURN(Pool2DGeometry g, geometry_of(window_, *c.input(0).shape, shape));
    TARN_ASSIGN_OR_RETURN(CodeRange range, read_range(c, 1, "min_input", "max_input"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count > 0) pool(c.threads(), g, c.input(0).as<T>(), y.as<T>());
    return write_range(c, 1, range);
  }

 private:
  // Channels of a pixel whose sums are kept at a time.
  static constexpr int64_t kChannels = 256;

  static void pool(ThreadPool& threads, const Pool2DGeometry& g, const T* x, T* y) {
    const int64_t pixels = g.batch * g.out_h * g.out_w;
    const int64_t work = std::max<int64_t>(1, g.channels * std::min(g.window_h * g.window_w, kElementsPerRange));
    threads.parallel_for(pixels, std::max<int64_t>(1, kElementsPerRange / work), [&](int64_t begin, int64_t end, int) {
      for (int64_t pixel = begin; pixel < end; ++pixel) {
        const int64_t top = pixel / g.out_w % g.out_h * g.stride_h - g.pad_top;
        const int64_t left = pixel % g.out_w * g.stride_w - g.pad_left;
        const T* image = x + pixel / (g.out_w * g.out_h) * g.in_h * g.in_w * g.channels;
        const int64_t first_row = std::max<int64_t>(0, top), last_row = std::min(g.in_h, top + g.window_h);
        const int64_t first = std::max<int64_t>(0, left), last = std::min(g.in_w, left + g.window_w);
        const float part = 1.0f / static_cast<float>((last_row - first_row) * (last - first));
        for (int64_t channel = 0; channel < g.channels; channel += kChannels) {
          const int64_t channels = std::min(kChannels, g.channels - channel);
          typename F<T>::Sum sums[kChannels];
          std::fill_n(sums, channels, F<T>::kFirst);
          for (int64_t i = first_row; i < last_row; ++i) {
            for (int64_t j = first; j < last; ++j) {
              const T* cell = image + (i * g.in_w + j) * g.channels + channel;
              for (int64_t k = 0; k < channels; ++k) sums[k] = F<T>::add(sums[k], cell[k]);
            }
          }
          T* to = y + pixel * g.channels + channel;
          for (int64_t k = 0; k < channels; ++k) to[k] = F<T>::finish(sums[k], part);
        }
      }
    });
  }

  WindowAttrs window_;
};

constexpr KernelDef kMaxKernels[] = {
    portable_kernel<QuantizedPoolKernel<uint8_t, Largest>>(DType::kQUInt8),
    portable_kernel<QuantizedPoolKernel<int8_t, Largest>>(DType::kQInt8),
};
constexpr KernelDef kAvgKernels[] = {
    portable_kernel<QuantizedPoolKernel<uint8_t, Mean>>(DType::kQUInt8),
    portable_kernel<QuantizedPoolKernel<int8_t, Mean>>(DType::kQInt8),
};

constexpr std::string_view kMaxDoc = R"(The largest code of each window, channel by channel; the range stays.
  input  T[N, H, W, C]   min_input, max_input  float, one element each
  returns  output  T[N, H', W', C]   min_output, max_output  float: the range given
  ksize, strides, padding as in MaxPool.
  Errors: InvalidArgument if the window does not fit, for a range that is none.
  Source: TensorFlow nn_ops QuantizedMaxPool.)";
constexpr std::string_view kAvgDoc = R"(The mean code of each window, channel by channel; the range stays.
  input  T[N, H, W, C]   min_input, max_input  float, one element each
  returns  output  T[N, H', W', C], of the cells inside the image, to the nearest code, half to even
           min_output, max_output  float: the range given
  ksize, strides, padding as in AvgPool.
  Errors: InvalidArgument if the window does not fit, for a range that is none.
  Source: TensorFlow nn_ops QuantizedAvgPool.)";
constexpr std::string_view kNoGradient = "its input is quantized: whole numbers";

}  // namespace

extern const OpDef op_QuantizedMaxPool, op_QuantizedAvgPool;
const OpDef op_QuantizedMaxPool = {
    .name = "QuantizedMaxPool",
    .inputs = "input: T, min_input: float, max_input: float",
    .outputs = "output: T, min_output: float, max_output: float",
    .attrs = "T: " TARN_QUANTIZED_TYPES "; ksize: list(int); strides: list(int); padding: {'SAME', 'VALID'}",
    .infer = infer_pool,
    .kernels = kMaxKernels,
};
const OpDef op_QuantizedAvgPool = {
    .name = "QuantizedAvgPool",
    .inputs = "input: T, min_input: float, max_input: float",
    .outputs = "output: T, min_output: float, max_output: float",
    .attrs = "T: " TARN_QUANTIZED_TYPES "; ksize: list(int); strides: list(int); padding: {'SAME', 'VALID'}",
    .infer = infer_pool,
    .kernels = kAvgKernels,
};

TARN_OP_FILE(quantized_pool, {&op_QuantizedMaxPool, kMaxDoc, nullptr, kNoGradient},
             {&op_QuantizedAvgPool, kAvgDoc, nullptr, kNoGradient})

}  // namespace tarn
