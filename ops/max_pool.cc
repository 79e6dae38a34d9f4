// MaxPool and MaxPoolGrad; MaxPoolV2 and MaxPoolGradV2, whose window and strides are inputs.
#include <limits>
#include <optional>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"
#include "ops/window.h"

namespace tarn {
namespace {

// The attrs of the op, with ksize and strides from what two inputs hold.
Result<WindowAttrs> read_window(AttrMap attrs, const IntList& ksize, const IntList& strides) {
  auto numbers = [](const IntList& list) {
    std::vector<int64_t> values;
    for (int64_t i = 0; i < list.size(); ++i) values.push_back(list[i]);
    return values;
  };
  attrs.set("ksize", numbers(ksize));
  attrs.set("strides", numbers(strides));
  return WindowAttrs::read(attrs);
}

// Inputs `at` and the next hold ksize and strides. nullopt where they are not known yet.
Result<std::optional<WindowAttrs>> known_window(InferContext& c, int at) {
  TARN_RETURN_IF_ERROR(c.expect_rank(at, 1, "ksize"));
  TARN_RETURN_IF_ERROR(c.expect_rank(at + 1, 1, "strides"));
  std::optional<IntList> ksize = IntList::known(c, at), strides = IntList::known(c, at + 1);
  if (!ksize || !strides) return std::optional<WindowAttrs>();
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, read_window(c.attrs(), *ksize, *strides));
  return std::optional<WindowAttrs>(window);
}

// Of an op whose window may be in attrs or, from input `at` on, in inputs.
class WindowSource {
 public:
  explicit WindowSource(int at) : at_(at) {}
  Status prepare(const PrepareContext& c) {
    if (c.input_count() > at_) {
      attrs_ = c.attrs();
      return {};
    }
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    return {};
  }
  Result<WindowAttrs> get(const RunContext& c) const {
    if (c.input_count() <= at_) return window_;
    return read_window(attrs_, IntList::of(c.input(at_)), IntList::of(c.input(at_ + 1)));
  }

 private:
  int at_;
  WindowAttrs window_;
  AttrMap attrs_;
};

Status infer_max_pool_v2(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "input"));
  TARN_ASSIGN_OR_RETURN(std::optional<WindowAttrs> window, known_window(c, 1));
  if (!window) return c.set_output(0, Shape::unknown_of_rank(4));
  TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(*window, c.shape(0), "input"));
  return c.set_output(0, pool_output(*window, g));
}

Status infer_max_pool(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, c.shape(0), "input"));
  return c.set_output(0, pool_output(window, g));
}

Status judge_pooled(const Shape& shape, const Shape& pooled, std::string_view name) {
  if (shape.is_compatible_with(pooled)) return {};
  return invalid_argument("'", name, "' has shape ", shape, ", but pooling gives ", pooled);
}

Status infer_backward(InferContext& c, const WindowAttrs& window) {
  TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, c.shape(0), "orig_input"));
  TARN_ASSIGN_OR_RETURN(Shape pooled, pool_output(window, g));
  TARN_RETURN_IF_ERROR(judge_pooled(c.shape(1), pooled, "orig_output"));
  TARN_RETURN_IF_ERROR(judge_pooled(c.shape(2), pooled, "grad"));
  return c.set_output(0, c.shape(0));
}

Status infer_max_pool_grad(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  return infer_backward(c, window);
}

Status infer_max_pool_grad_v2(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "orig_input"));
  TARN_ASSIGN_OR_RETURN(std::optional<WindowAttrs> window, known_window(c, 3));
  return window ? infer_backward(c, *window) : c.set_output(0, c.shape(0));
}

// Integers are not hot: plain loops.
template <class T>
void pool_plainly(ThreadPool& threads, const kernels::Pool2DGeometry& g, const T* x, T* y) {
  int64_t pixels = g.batch * g.out_h * g.out_w;
  int64_t work = std::max<int64_t>(1, g.channels * std::min(g.window_h * g.window_w, kElementsPerRange));
  threads.parallel_for(pixels, std::max<int64_t>(1, kElementsPerRange / work), [&](int64_t begin, int64_t end, int) {
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      int64_t top = pixel / g.out_w % g.out_h * g.stride_h - g.pad_top;
      int64_t left = pixel % g.out_w * g.stride_w - g.pad_left;
      const T* image = x + pixel / (g.out_w * g.out_h) * g.in_h * g.in_w * g.channels;
      T* out = y + pixel * g.channels;
      std::fill_n(out, g.channels, std::numeric_limits<T>::lowest());
      for (int64_t i = std::max<int64_t>(0, top); i < std::min(g.in_h, top + g.window_h); ++i) {
        for (int64_t j = std::max<int64_t>(0, left); j < std::min(g.in_w, left + g.window_w); ++j) {
          const T* cell = image + (i * g.in_w + j) * g.channels;
          for (int64_t c = 0; c < g.channels; ++c) out[c] = std::max(out[c], cell[c]);
        }
      }
    }
  });
}

template <class T>
class MaxPoolKernel : public Kernel, public RowKernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(source_.prepare(c));
    if (c.input_count() > 1 || !c.input(0).shape.is_fully_known()) return {};
    TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
    TARN_ASSIGN_OR_RETURN(geometry_, pool_geometry(window, c.input(0).shape, "input"));
    rows_ = tarn::row_window(geometry_, sizeof(T));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(WindowAttrs window, source_.get(c));
    TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, *x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(Shape shape, pool_output(window, g));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count > 0) pool(c.threads(), g, x.as<T>(), y.as<T>());
    return {};
  }
  RowKernel* by_rows() override { return kHasStreaming && rows_.images > 0 ? this : nullptr; }
  const RowWindow& row_window() const override { return rows_; }
  size_t row_scratch_bytes(int64_t) const override { return 0; }
  void run_rows(const RowBand& band) const override {
    pool(band.pool, band_geometry(geometry_, rows_, band.first, band.rows), static_cast<const T*>(band.x),
         static_cast<T*>(band.y));
  }

 private:
  static void pool(ThreadPool& threads, const kernels::Pool2DGeometry& g, const T* x, T* y) {
    if constexpr (std::is_floating_point_v<T>) {
      kernels::max_pool<T>(threads, g, x, y);
    } else {
      pool_plainly<T>(threads, g, x, y);
    }
  }

  WindowSource source_{1};
  kernels::Pool2DGeometry geometry_;
  RowWindow rows_;
};

template <class T>
class MaxPoolGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override { return source_.prepare(c); }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &y = c.input(1), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(WindowAttrs window, source_.get(c));
    TARN_ASSIGN_OR_RETURN(kernels::Pool2DGeometry g, pool_geometry(window, *x.shape, "orig_input"));
    TARN_ASSIGN_OR_RETURN(Shape pooled, pool_output(window, g));
    TARN_RETURN_IF_ERROR(judge_pooled(*y.shape, pooled, "orig_output"));
    TARN_RETURN_IF_ERROR(judge_pooled(*dy.shape, pooled, "grad"));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    if (dx.count == 0) return {};
    if (dy.count == 0) {
      std::fill_n(dx.as<T>(), dx.count, T(0));
      return {};
    }
    kernels::max_pool_backward<T>(c.threads(), g, x.as<T>(), y.as<T>(), dy.as<T>(), dx.as<T>());
    return {};
  }

 private:
  WindowSource source_{3};
};

constexpr Layout kLayout{.inputs = {Operand::kImage, Operand::kSizes, Operand::kSizes}, .outputs = {Operand::kImage}};
constexpr KernelDef kKernels[] = {
    adapted_kernel<MaxPoolKernel<float>, DType::kFloat, kLayout>(),
    adapted_kernel<MaxPoolKernel<double>, DType::kDouble, kLayout>(),
    adapted_kernel<MaxPoolKernel<float>, DType::kHalf, kLayout>(),
    adapted_kernel<MaxPoolKernel<float>, DType::kBFloat16, kLayout>(),
    adapted_kernel<MaxPoolKernel<int32_t>, DType::kInt32, kLayout>(),
    adapted_kernel<MaxPoolKernel<int64_t>, DType::kInt64, kLayout>(),
    adapted_kernel<MaxPoolKernel<uint8_t>, DType::kUInt8, kLayout>(),
    adapted_kernel<MaxPoolKernel<int8_t>, DType::kInt8, kLayout>(),
    adapted_kernel<MaxPoolKernel<int16_t>, DType::kInt16, kLayout>(),
    adapted_kernel<MaxPoolKernel<uint16_t>, DType::kUInt16, kLayout>(),
};
constexpr Layout kGradLayout{
    .inputs = {Operand::kImage, Operand::kImage, Operand::kImage, Operand::kSizes, Operand::kSizes},
    .outputs = {Operand::kImage}};

Status max_pool_gradient(GradContext& c) {
  // dx = dy at the first largest cell of each window
  c.set_grad(0, c.op("MaxPoolGrad", {c.input(0), c.output(0), c.grad()}, kept_attrs(c, kPoolAttrs)));
  return {};
}

Status max_pool_v2_gradient(GradContext& c) {
  constexpr std::string_view kKept[] = {"padding", "data_format"};
  c.set_grad(0,
             c.op("MaxPoolGradV2", {c.input(0), c.output(0), c.grad(), c.input(1), c.input(2)}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kDoc = R"(The largest value of each window, channel by channel.
  input  T[N, H, W, C]   returns  T[N, H', W', C]
  ksize, strides: one number a dim of the input, 1 for batch and channels. Padding never is the largest.
  SAME: H' = ceil(H / stride), half of the missing cells in front;  VALID: H' = ceil((H - kh + 1) / stride).
  Errors: InvalidArgument if the window does not fit.  Source: TensorFlow nn_ops MaxPool.)";
constexpr std::string_view kGradDoc = R"(The gradient of MaxPool: grad goes to the first largest cell of each window.
  orig_input   T[N, H, W, C], MaxPool's input   orig_output  T[N, H', W', C], its output
  grad         T[N, H', W', C]   returns  T[N, H, W, C]
  Errors: InvalidArgument if the shapes do not belong together.
  Source: TensorFlow nn_ops MaxPoolGrad.)";
constexpr std::string_view kV2Doc = R"(The largest value of each window, channel by channel; the window is an input.
  input  T[N, H, W, C]   ksize, strides  int32[4], as MaxPool's attrs   returns  T[N, H', W', C]
  Errors: those of MaxPool.   Source: TensorFlow nn_ops MaxPoolV2.)";
constexpr std::string_view kGradV2Doc = R"(The gradient of MaxPoolV2.
  orig_input, orig_output, grad  T, as those of MaxPoolGrad   ksize, strides  int32[4]   returns  T[N, H, W, C]
  Source: TensorFlow nn_ops MaxPoolGradV2.)";
constexpr std::string_view kNoGradient = "second derivatives of MaxPool are not needed yet";

}  // namespace

extern const OpDef op_MaxPool, op_MaxPoolGrad, op_MaxPoolV2, op_MaxPoolGradV2;
const OpDef op_MaxPool = {
    .name = "MaxPool",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double, int32, int64, uint8, int16, int8, uint16, qint8} = float; "
        "ksize: list(int) >= 4; strides: list(int) >= 4; padding: {'SAME', 'VALID'}; "
        "data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'",
    .infer = infer_max_pool,
    .kernels = kKernels,
};
const OpDef op_MaxPoolGrad = {
    .name = "MaxPoolGrad",
    .inputs = "orig_input: T, orig_output: T, grad: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 4; strides: list(int) >= 4; padding: {'SAME', 'VALID'}; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; "
        "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64} = float",
    .infer = infer_max_pool_grad,
    .kernels = kFloatingKernels<MaxPoolGradKernel, kGradLayout>,
};
const OpDef op_MaxPoolV2 = {
    .name = "MaxPoolV2",
    .inputs = "input: T, ksize: int32, strides: int32",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double, int32, int64, uint8, int16, int8, uint16, qint8} = float; "
        "padding: {'SAME', 'VALID'}; data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'",
    .infer = infer_max_pool_v2,
    .kernels = kKernels,
};
const OpDef op_MaxPoolGradV2 = {
    .name = "MaxPoolGradV2",
    .inputs = "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32",
    .outputs = "output: T",
    .attrs =
        "padding: {'SAME', 'VALID'}; data_format: {'NHWC', 'NCHW'} = 'NHWC'; "
        "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64} = float",
    .infer = infer_max_pool_grad_v2,
    .kernels = kFloatingKernels<MaxPoolGradKernel, kGradLayout>,
};

TARN_OP_FILE(max_pool, {&op_MaxPool, kDoc, max_pool_gradient}, {&op_MaxPoolGrad, kGradDoc, nullptr, kNoGradient},
             {&op_MaxPoolV2, kV2Doc, max_pool_v2_gradient}, {&op_MaxPoolGradV2, kGradV2Doc, nullptr, kNoGradient})

}  // namespace tarn
