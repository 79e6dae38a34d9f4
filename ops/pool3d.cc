// MaxPool3D, AvgPool3D and their gradient ops.
#include <algorithm>
#include <limits>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"
#include "ops/window3d.h"

namespace tarn {
namespace {

// ---- Shapes -----------------------------------------------------------------------------------------------------

Status infer_pool(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Window3DAttrs window, Window3DAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(Geometry3D g, pool3d_geometry(window, c.shape(0), "input"));
  return c.set_output(0, output3d(window, g, g.in_c));
}

Status judge_pooled(const Shape& shape, const Shape& pooled, std::string_view name) {
  if (shape.is_compatible_with(pooled)) return {};
  return invalid_argument("'", name, "' has shape ", shape.to_string(), ", but pooling gives ", pooled.to_string());
}

// Mixed types have no kernel, here as in TensorFlow.
Status judge_types(const AttrMap& attrs) {
  DType input = attrs.get<DType>("TInput"), gradient = attrs.get<DType>("T");
  if (input == gradient) return {};
  return unimplemented("TInput = ", dtype_name(input), " with T = ", dtype_name(gradient),
                       " has no kernel; equal types have");
}

Status infer_max_pool_grad(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Window3DAttrs window, Window3DAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(Geometry3D g, pool3d_geometry(window, c.shape(0), "orig_input"));
  TARN_ASSIGN_OR_RETURN(Shape pooled, output3d(window, g, g.in_c));
  TARN_RETURN_IF_ERROR(judge_pooled(c.shape(1), pooled, "orig_output"));
  TARN_RETURN_IF_ERROR(judge_pooled(c.shape(2), pooled, "grad"));
  return c.set_output(0, c.shape(0));
}

// The sizes of the pooling that gave `dy`. Errors: it gives another shape.
Result<Geometry3D> grad_geometry(const Window3DAttrs& window, const Shape& input, const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(Geometry3D g, pool3d_geometry(window, input, "orig_input"));
  TARN_ASSIGN_OR_RETURN(Shape pooled, output3d(window, g, g.in_c));
  TARN_RETURN_IF_ERROR(judge_pooled(dy, pooled, "grad"));
  return g;
}

Status infer_avg_pool_grad(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Window3DAttrs window, Window3DAttrs::read(c.attrs()));
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "orig_input_shape"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 5, "grad"));
  if (c.shape(0).is_fully_known() && c.shape(0).dim(0) != 5) {
    return invalid_argument("'orig_input_shape' must hold 5 sizes, holds ", c.shape(0).dim(0));
  }
  std::optional<IntList> sizes = IntList::known(c, 0);
  if (!sizes) return c.set_output(0, Shape::unknown_of_rank(5));
  TARN_ASSIGN_OR_RETURN(Shape input, shape_from(*sizes, "orig_input_shape"));
  TARN_RETURN_IF_ERROR(grad_geometry(window, input, c.shape(1)).status());
  return c.set_output(0, input);
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

// A span of cells along one dim.
struct Span {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// The input cells under window i, and the windows over input cell i.
Span cells_under(const Geometry3D& g, size_t d, int64_t i) {
  int64_t first = i * g.stride[d] - g.pad[d];
  return {std::max<int64_t>(0, first), std::min(g.in[d], first + g.window[d])};
}
Span windows_over(const Geometry3D& g, size_t d, int64_t i) {
  int64_t last = i + g.pad[d], first = last - g.window[d] + 1;
  return {first <= 0 ? 0 : (first + g.stride[d] - 1) / g.stride[d], std::min(g.out[d], last / g.stride[d] + 1)};
}

int64_t output_cell(const Geometry3D& g, int64_t image, int64_t i, int64_t j, int64_t k) {
  return ((image * g.out[0] + i) * g.out[1] + j) * g.out[2] + k;
}
int64_t input_cell(const Geometry3D& g, int64_t image, int64_t z, int64_t y, int64_t x) {
  return ((image * g.in[0] + z) * g.in[1] + y) * g.in[2] + x;
}

// Units of work of a fixed cost in elements that a thread should have at least.
int64_t units_per_range(int64_t unit_elements) {
  return std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, unit_elements));
}

// Pools each output cell: `begin(y)` sets it, `take(y, x)` adds an input cell, `finish(y, count)` ends it.
template <class T, class Begin, class Take, class Finish>
void pool_forward(ThreadPool& threads, const Geometry3D& g, const T* x, T* y, const Begin& begin, const Take& take,
                  const Finish& finish) {
  threads.parallel_for(g.out_cells(), units_per_range(g.in_c), [&](int64_t first, int64_t last, int) {
    for (int64_t cell = first; cell < last; ++cell) {
      int64_t k = cell % g.out[2], rest = cell / g.out[2];
      Span across = cells_under(g, 2, k), down = cells_under(g, 1, rest % g.out[1]);
      Span deep = cells_under(g, 0, rest / g.out[1] % g.out[0]);
      int64_t image = rest / (g.out[1] * g.out[0]);
      T* out = y + cell * g.in_c;
      begin(out);
      for (int64_t a = deep.begin; a < deep.end; ++a) {
        for (int64_t b = down.begin; b < down.end; ++b) {
          for (int64_t c = across.begin; c < across.end; ++c) take(out, x + input_cell(g, image, a, b, c) * g.in_c);
        }
      }
      finish(out, deep.size() * down.size() * across.size());
    }
  });
}

// Calls visit(output cell, input cell, cells under the window) for each pair of a window and a cell under it, the
// pairs of one input plane (fixed image and depth) on one thread: so each can add to its input cell.
template <class Visit>
void pool_backward(ThreadPool& threads, const Geometry3D& g, const Visit& visit) {
  int64_t plane = g.in[1] * g.in[2] * g.in_c;
  threads.parallel_for(g.batch * g.in[0], units_per_range(plane), [&](int64_t first, int64_t last, int) {
    for (int64_t unit = first; unit < last; ++unit) {
      int64_t image = unit / g.in[0], z = unit % g.in[0];
      Span deep = windows_over(g, 0, z);
      for (int64_t i = deep.begin; i < deep.end; ++i) {
        for (int64_t j = 0; j < g.out[1]; ++j) {
          Span down = cells_under(g, 1, j);
          for (int64_t k = 0; k < g.out[2]; ++k) {
            Span across = cells_under(g, 2, k);
            int64_t count = cells_under(g, 0, i).size() * down.size() * across.size();
            int64_t window = output_cell(g, image, i, j, k);
            for (int64_t y = down.begin; y < down.end; ++y) {
              for (int64_t x = across.begin; x < across.end; ++x) visit(window, input_cell(g, image, z, y, x), count);
            }
          }
        }
      }
    }
  });
}

template <class T, bool kMax>
class PoolKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, Window3DAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Geometry3D g, pool3d_geometry(window_, *x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(Shape shape, output3d(window_, g, g.in_c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    const int64_t channels = g.in_c;
    pool_forward<T>(
        c.threads(), g, x.as<T>(), y.as<T>(),
        [&](T* out) { std::fill_n(out, channels, kMax ? std::numeric_limits<T>::lowest() : T(0)); },
        [&](T* out, const T* in) {
          for (int64_t i = 0; i < channels; ++i) out[i] = kMax ? std::max(out[i], in[i]) : out[i] + in[i];
        },
        [&](T* out, int64_t count) {
          for (int64_t i = 0; !kMax && i < channels; ++i) out[i] /= static_cast<T>(count);
        });
    return {};
  }

 private:
  Window3DAttrs window_;
};

template <class T>
class MaxPool3DGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(judge_types(c.attrs()));
    TARN_ASSIGN_OR_RETURN(window_, Window3DAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &y = c.input(1), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Geometry3D g, pool3d_geometry(window_, *x.shape, "orig_input"));
    TARN_ASSIGN_OR_RETURN(Shape pooled, output3d(window_, g, g.in_c));
    TARN_RETURN_IF_ERROR(judge_pooled(*y.shape, pooled, "orig_output"));
    TARN_RETURN_IF_ERROR(judge_pooled(*dy.shape, pooled, "grad"));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    std::fill_n(dx.as<T>(), dx.count, T(0));
    if (dx.count == 0 || dy.count == 0) return {};
    const int64_t channels = g.in_c;
    pool_backward(c.threads(), g, [&](int64_t window, int64_t cell, int64_t) {
      const T *in = x.as<T>() + cell * channels, *largest = y.as<T>() + window * channels;
      const T* gradient = dy.as<T>() + window * channels;
      T* out = dx.as<T>() + cell * channels;
      for (int64_t i = 0; i < channels; ++i) out[i] += in[i] == largest[i] ? gradient[i] : T(0);
    });
    return {};
  }

 private:
  Window3DAttrs window_;
};

template <class T>
class AvgPool3DGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, Window3DAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& dy = c.input(1);
    TARN_ASSIGN_OR_RETURN(Shape input, shape_from(IntList::of(c.input(0)), "orig_input_shape"));
    TARN_ASSIGN_OR_RETURN(Geometry3D g, grad_geometry(window_, input, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, input));
    std::fill_n(dx.as<T>(), dx.count, T(0));
    if (dx.count == 0 || dy.count == 0) return {};
    const int64_t channels = g.in_c;
    pool_backward(c.threads(), g, [&](int64_t window, int64_t cell, int64_t count) {
      const T* gradient = dy.as<T>() + window * channels;
      T* out = dx.as<T>() + cell * channels;
      for (int64_t i = 0; i < channels; ++i) out[i] += gradient[i] / static_cast<T>(count);
    });
    return {};
  }

 private:
  Window3DAttrs window_;
};

template <class T>
using MaxPool3DKernel = PoolKernel<T, true>;
template <class T>
using AvgPool3DKernel = PoolKernel<T, false>;
constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};
constexpr Layout kMaxGradLayout{.inputs = {Operand::kImage, Operand::kImage, Operand::kImage},
                                .outputs = {Operand::kImage}};
constexpr Layout kAvgGradLayout{.inputs = {Operand::kSizes, Operand::kImage}, .outputs = {Operand::kImage}};

// ---- Gradients --------------------------------------------------------------------------------------------------

Status max_pool_gradient(GradContext& c) {
  // dx = dy at the largest cells of each window
  c.set_grad(0, c.op("MaxPool3DGrad", {c.input(0), c.output(0), c.grad()}, kept_attrs(c, kPoolAttrs)));
  return {};
}

Status avg_pool_gradient(GradContext& c) {
  // dx = dy / (cells of the window inside the volume), spread over them
  c.set_grad(0, c.op("AvgPool3DGrad", {shape_of(c, c.input(0)), c.grad()}, kept_attrs(c, kPoolAttrs)));
  return {};
}

Status avg_pool_grad_gradient(GradContext& c) {
  // AvgPool3D is linear, so the gradient of its transpose is AvgPool3D itself
  c.set_grad(1, c.op("AvgPool3D", {c.grad()}, kept_attrs(c, kPoolAttrs)));
  return {};
}

constexpr std::string_view kMaxDoc = R"(The largest value of each window of a volume, channel by channel.
  input  T[N, D, H, W, C]   returns  T[N, D', H', W', C]
  ksize, strides: one number a dim of the input, 1 for batch and channels. Padding never is the largest, and goes as in
  MaxPool.  Errors: InvalidArgument if the window does not fit.
  Source: TensorFlow nn_ops MaxPool3D (double is Tarn's own).)";
constexpr std::string_view kMaxGradDoc = R"(The gradient of MaxPool3D: grad goes to every largest cell of each window.
  orig_input   T[N, D, H, W, C], MaxPool3D's input   orig_output  T[N, D', H', W', C], its output
  grad         T[N, D', H', W', C]   returns  T[N, D, H, W, C]
  Cells that are equally large each get all of it (unlike MaxPoolGrad), as on TensorFlow's CPU.
  Errors: InvalidArgument if the shapes do not belong together; Unimplemented unless TInput is T.
  Source: TensorFlow nn_ops MaxPool3DGrad (double is Tarn's own).)";
constexpr std::string_view kAvgDoc = R"(The mean of each window of a volume, channel by channel.
  input  T[N, D, H, W, C]   returns  T[N, D', H', W', C]
  ksize, strides: one number a dim of the input, 1 for batch and channels. Only cells inside the volume count; padding
  goes as in AvgPool.  Errors: InvalidArgument if the window does not fit.
  Source: TensorFlow nn_ops AvgPool3D.)";
constexpr std::string_view kAvgGradDoc = R"(The gradient of AvgPool3D: grad spread evenly over the cells of each window.
  orig_input_shape  int32[5], the shape of AvgPool3D's input   grad  T[N, D', H', W', C]   returns  T[N, D, H, W, C]
  Errors: InvalidArgument if the shapes do not belong together.
  Source: TensorFlow nn_ops AvgPool3DGrad.)";

}  // namespace

extern const OpDef op_MaxPool3D, op_MaxPool3DGrad, op_AvgPool3D, op_AvgPool3DGrad;
const OpDef op_MaxPool3D = {
    .name = "MaxPool3D",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 5; strides: list(int) >= 5; padding: {'SAME', 'VALID'}; "
        "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'; T: {half, bfloat16, float, double}",
    .infer = infer_pool,
    .kernels = kFloatingKernels<MaxPool3DKernel, kLayout>,
};
const OpDef op_MaxPool3DGrad = {
    .name = "MaxPool3DGrad",
    .inputs = "orig_input: TInput, orig_output: TInput, grad: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 5; strides: list(int) >= 5; padding: {'SAME', 'VALID'}; "
        "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'; T: {half, bfloat16, float, double} = float; "
        "TInput: {half, bfloat16, float, double} = float",
    .infer = infer_max_pool_grad,
    .kernels = kFloatingKernels<MaxPool3DGradKernel, kMaxGradLayout>,
    .kernel_attr = "T",
};
const OpDef op_AvgPool3D = {
    .name = "AvgPool3D",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 5; strides: list(int) >= 5; padding: {'SAME', 'VALID'}; "
        "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'; T: {half, bfloat16, float, double}",
    .infer = infer_pool,
    .kernels = kFloatingKernels<AvgPool3DKernel, kLayout>,
};
const OpDef op_AvgPool3DGrad = {
    .name = "AvgPool3DGrad",
    .inputs = "orig_input_shape: int32, grad: T",
    .outputs = "output: T",
    .attrs =
        "ksize: list(int) >= 5; strides: list(int) >= 5; padding: {'SAME', 'VALID'}; "
        "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'; T: {half, bfloat16, float, double}",
    .infer = infer_avg_pool_grad,
    .kernels = kFloatingKernels<AvgPool3DGradKernel, kAvgGradLayout>,
};

TARN_OP_FILE(pool3d, {&op_MaxPool3D, kMaxDoc, max_pool_gradient},
             {&op_MaxPool3DGrad, kMaxGradDoc, nullptr, "second derivatives of MaxPool3D are not needed yet"},
             {&op_AvgPool3D, kAvgDoc, avg_pool_gradient}, {&op_AvgPool3DGrad, kAvgGradDoc, avg_pool_grad_gradient})

}  // namespace tarn
