// MaxPoolWithArgmax.
#include <limits>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/window.h"

namespace tarn {
namespace {

// The op has no data_format: it is NHWC.
Result<WindowAttrs> read_window(const AttrMap& attrs) {
  AttrMap with_format = attrs;
  with_format.set("data_format", "NHWC");
  return WindowAttrs::read(with_format);
}

Status infer_max_pool(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, read_window(c.attrs()));
  TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, c.shape(0), "input"));
  TARN_ASSIGN_OR_RETURN(Shape output, pool_output(window, g));
  TARN_RETURN_IF_ERROR(c.set_output(0, output));
  return c.set_output(1, output);
}

template <class T>
class MaxPoolWithArgmaxKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, read_window(c.attrs()));
    batch_in_index_ = c.attr<bool>("include_batch_in_index");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window_, *x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(Shape shape, pool_output(window_, g));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    TARN_ASSIGN_OR_RETURN(TensorView places, c.output(1, shape));
    if (places.dtype == DType::kInt64) {
      pool(c.threads(), g, x.as<T>(), y.as<T>(), places.as<int64_t>());
      return {};
    }
    if (x.count - 1 > std::numeric_limits<int32_t>::max()) {
      return invalid_argument("input has ", x.count, " elements, more than attr 'Targmax' = int32 can number");
    }
    pool(c.threads(), g, x.as<T>(), y.as<T>(), places.as<int32_t>());
    return {};
  }

 private:
  // The first largest cell of each window counts.
  template <class I>
  void pool(ThreadPool& threads, const kernels::Pool2DGeometry& g, const T* x, T* y, I* places) const {
    int64_t pixels = g.batch * g.out_h * g.out_w, image = g.in_h * g.in_w * g.channels;
    int64_t work = std::max<int64_t>(1, g.channels * std::min(g.window_h * g.window_w, kElementsPerRange));
    threads.parallel_for(pixels, std::max<int64_t>(1, kElementsPerRange / work), [&](int64_t begin, int64_t end, int) {
      for (int64_t pixel = begin; pixel < end; ++pixel) {
        int64_t top = pixel / g.out_w % g.out_h * g.stride_h - g.pad_top;
        int64_t left = pixel % g.out_w * g.stride_w - g.pad_left;
        int64_t batch = pixel / (g.out_w * g.out_h);
        const T* from = x + batch * image;
        for (int64_t channel = 0; channel < g.channels; ++channel) {
          int64_t best = -1;
          for (int64_t i = std::max<int64_t>(0, top); i < std::min(g.in_h, top + g.window_h); ++i) {
            for (int64_t j = std::max<int64_t>(0, left); j < std::min(g.in_w, left + g.window_w); ++j) {
              int64_t place = (i * g.in_w + j) * g.channels + channel;
              if (best < 0 || from[place] > from[best]) best = place;
            }
          }
          y[pixel * g.channels + channel] = best < 0 ? std::numeric_limits<T>::lowest() : from[best];
          places[pixel * g.channels + channel] =
              static_cast<I>(best < 0 ? 0 : best + (batch_in_index_ ? batch * image : 0));
        }
      }
    });
  }

  WindowAttrs window_;
  bool batch_in_index_ = false;
};

constexpr std::string_view kDoc = R"(The largest value of each window, channel by channel, and where it is.
  input  T[N, H, W, C]   returns  output  T[N, H', W', C]
                                  argmax  Targmax[N, H', W', C]: (y * W + x) * C + channel of the first largest cell,
                                          with include_batch_in_index ((n * H + y) * W + x) * C + channel
  ksize, strides, padding as in MaxPool.
  Errors: InvalidArgument if the window does not fit.   Source: TensorFlow nn_ops MaxPoolWithArgmax.)";

}  // namespace

extern const OpDef op_MaxPoolWithArgmax;
const OpDef op_MaxPoolWithArgmax = {
    .name = "MaxPoolWithArgmax",
    .inputs = "input: T",
    .outputs = "output: T, argmax: Targmax",
    .attrs =
        "ksize: list(int) >= 4; strides: list(int) >= 4; Targmax: {int32, int64} = int64; padding: {'SAME', 'VALID'}; "
        "include_batch_in_index: bool = false; "
        "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_max_pool,
    .kernels = kKernelsFor<MaxPoolWithArgmaxKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t,
                           int16_t, uint16_t, uint32_t, uint64_t>,
    .kernel_attr = "T",
};

TARN_OP_FILE(max_pool_with_argmax,
             {&op_MaxPoolWithArgmax, kDoc, nullptr, "goes through MaxPoolGradWithArgmax, which is not here"})

}  // namespace tarn
