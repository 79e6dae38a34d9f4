// Conv3D, Conv3DBackpropInputV2 and Conv3DBackpropFilterV2, each as matrix products with patches that are gathered a
// block of rows at a time.
#include <algorithm>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/kernels/gemm.h"
#include "ops/support/array.h"
#include "ops/window3d.h"

namespace tarn {
namespace {

// ---- Shapes -----------------------------------------------------------------------------------------------------

Status infer_conv3d(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Window3DAttrs window, Window3DAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window, c.shape(0), c.shape(1)));
  return c.set_output(0, output3d(window, g, g.out_c));
}

// The sizes of the convolution that gave `dy`. Errors: it gives another shape.
Result<Geometry3D> backprop_geometry(const Window3DAttrs& window, const Shape& input, const Shape& filter,
                                     const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window, input, filter));
  TARN_ASSIGN_OR_RETURN(Shape output, output3d(window, g, g.out_c));
  TARN_RETURN_IF_ERROR(expect_backprop_shape(dy, output, input, filter));
  return g;
}

Status judge_backprop(const AttrMap& attrs, const Shape& input, const Shape& filter, const Shape& dy) {
  TARN_ASSIGN_OR_RETURN(Window3DAttrs window, Window3DAttrs::read(attrs));
  return backprop_geometry(window, input, filter, dy).status();
}

Status infer_to_input(InferContext& c) {
  return infer_backprop_input(c, 5, judge_backprop);
}

Status infer_to_filter(InferContext& c) {
  return infer_backprop_filter(c, 5, judge_backprop);
}

// ---- Patches ----------------------------------------------------------------------------------------------------

// Which source cells each row of a patch matrix [cells, taps * channels] takes; cells outside are 0.
struct Patches {
  const Geometry3D* g;
  bool of_output;  // rows are input cells and gather dy, the transpose of rows that are output cells and gather x
  int64_t channels;

  const Dims3& rows() const { return of_output ? g->in : g->out; }
  const Dims3& source() const { return of_output ? g->out : g->in; }
  int64_t row_count() const { return of_output ? g->in_cells() : g->out_cells(); }
  int64_t depth() const { return g->taps() * channels; }
  // The source coordinate that tap `t` of row coordinate `i` meets along dim d; -1 outside.
  //   forward: x = y * stride - pad + t * dilation;  transposed: the y whose tap t meets x, if there is one
  int64_t meet(size_t d, int64_t i, int64_t t) const {
    int64_t at = of_output ? i + g->pad[d] - t * g->dilation[d] : i * g->stride[d] - g->pad[d] + t * g->dilation[d];
    if (of_output) {
      if (at < 0 || at % g->stride[d] != 0) return -1;
      at /= g->stride[d];
    }
    return at >= 0 && at < source()[d] ? at : -1;
  }

  template <class T>
  void gather_row(int64_t row, const T* from, T* to) const {
    const Dims3 &size = rows(), &cells = source();
    int64_t k = row % size[2], j = row / size[2] % size[1], i = row / (size[2] * size[1]) % size[0];
    int64_t image = row / (size[2] * size[1] * size[0]);
    for (int64_t a = 0; a < g->window[0]; ++a) {
      int64_t z = meet(0, i, a);
      for (int64_t b = 0; b < g->window[1]; ++b) {
        int64_t y = z < 0 ? -1 : meet(1, j, b);
        for (int64_t w = 0; w < g->window[2]; ++w, to += channels) {
          int64_t x = y < 0 ? -1 : meet(2, k, w);
          if (x < 0) {
            std::fill_n(to, channels, T(0));
          } else {
            std::copy_n(from + (((image * cells[0] + z) * cells[1] + y) * cells[2] + x) * channels, channels, to);
          }
        }
      }
    }
  }
};

// Elements of a block of patches: about what a second-level cache holds.
constexpr int64_t kBlockElements = int64_t{1} << 17;

int64_t block_rows(const Patches& patches) {
  return std::clamp<int64_t>(kBlockElements / patches.depth(), 1, patches.row_count());
}

template <class T>
void gather_block(ThreadPool& threads, const Patches& patches, int64_t first, int64_t rows, const T* from, T* to) {
  int64_t depth = patches.depth();
  threads.parallel_for(rows, std::max<int64_t>(1, kElementsPerRange / depth), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) patches.gather_row(first + row, from, to + row * depth);
  });
}

// Pieces of one scratch allocation, each aligned as the matrix products want.
constexpr size_t align_up(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// What a matrix product with patches needs: patches, products' own scratch, and a filter turned round.
template <class T>
struct Scratch {
  size_t patches = 0, filter = 0, gemm = 0;
  size_t bytes() const { return patches + filter + gemm; }

  static Scratch forward(const Patches& p, int64_t columns, int threads) {
    return {.patches = patch_bytes(p),
            .gemm = kernels::gemm_scratch_bytes<T>(block_rows(p), columns, p.depth(), threads)};
  }
  static Scratch backward_input(const Patches& p, int64_t columns, int threads) {
    Scratch scratch = forward(p, columns, threads);
    scratch.filter = align_up(static_cast<size_t>(p.depth() * columns) * sizeof(T));
    return scratch;
  }
  static Scratch backward_filter(const Patches& p, int64_t columns, int threads) {
    return {.patches = patch_bytes(p),
            .gemm = kernels::gemm_scratch_bytes<T>(p.depth(), columns, block_rows(p), threads)};
  }

 private:
  static size_t patch_bytes(const Patches& p) {
    return align_up(static_cast<size_t>(block_rows(p) * p.depth()) * sizeof(T));
  }
};

// y[row, column] = sum over the depth of patches[row, ...] * matrix[..., column]
template <class T>
void multiply_patches(ThreadPool& threads, const Patches& patches, const T* from, const T* matrix, int64_t columns,
                      T* y, T* block, void* gemm_scratch) {
  int64_t rows = patches.row_count(), depth = patches.depth(), step = block_rows(patches);
  for (int64_t first = 0; first < rows; first += step) {
    int64_t n = std::min(step, rows - first);
    gather_block(threads, patches, first, n, from, block);
    kernels::gemm<T>(threads, false, false, n, columns, depth, block, depth, matrix, columns, false,
                     y + first * columns, columns, {}, gemm_scratch);
  }
}

// Nothing to sum or nothing to write.
bool is_empty(const Geometry3D& g) {
  for (size_t d = 0; d < 3; ++d) {
    if (g.in[d] == 0 || g.out[d] == 0) return true;
  }
  return g.batch == 0 || g.in_c == 0 || g.out_c == 0;
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

template <class T>
class Conv3DKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, Window3DAttrs::read(c.attrs()));
    const Shape &input = c.input(0).shape, &filter = c.input(1).shape;
    if (input.is_fully_known() && filter.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window_, input, filter));
      if (!is_empty(g)) c.request_scratch(Scratch<T>::forward(patches(g), g.out_c, c.threads()).bytes());
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &filter = c.input(1);
    TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window_, *x.shape, *filter.shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, output3d(window_, g, g.out_c));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (is_empty(g)) {
      std::fill_n(y.as<T>(), y.count, T(0));
      return {};
    }
    auto parts = Scratch<T>::forward(patches(g), g.out_c, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(parts.bytes()));
    multiply_patches<T>(c.threads(), patches(g), x.as<T>(), filter.as<T>(), g.out_c, y.as<T>(),
                        static_cast<T*>(scratch), static_cast<char*>(scratch) + parts.patches);
    return {};
  }

 private:
  static Patches patches(const Geometry3D& g) { return {.g = &g, .of_output = false, .channels = g.in_c}; }

  Window3DAttrs window_;
};

template <class T>
class Conv3DBackpropInputKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, Window3DAttrs::read(c.attrs()));
    const Shape &input = c.output(0).shape, &filter = c.input(1).shape;
    if (input.is_fully_known() && filter.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window_, input, filter));
      if (!is_empty(g)) c.request_scratch(Scratch<T>::backward_input(patches(g), g.in_c, c.threads()).bytes());
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &filter = c.input(1), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape input, shape_from(IntList::of(c.input(0)), "input_sizes"));
    TARN_ASSIGN_OR_RETURN(Geometry3D g, backprop_geometry(window_, input, *filter.shape, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, input));
    if (is_empty(g)) {
      std::fill_n(dx.as<T>(), dx.count, T(0));
      return {};
    }
    auto parts = Scratch<T>::backward_input(patches(g), g.in_c, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(parts.bytes()));
    auto* block = static_cast<T*>(scratch);
    auto* turned = reinterpret_cast<T*>(static_cast<char*>(scratch) + parts.patches);
    // filter [taps, in_c, out_c] -> [taps, out_c, in_c]
    for (int64_t tap = 0; tap < g.taps(); ++tap) {
      const T* from = filter.as<T>() + tap * g.in_c * g.out_c;
      T* to = turned + tap * g.in_c * g.out_c;
      for (int64_t i = 0; i < g.in_c; ++i) {
        for (int64_t o = 0; o < g.out_c; ++o) to[o * g.in_c + i] = from[i * g.out_c + o];
      }
    }
    // dx[cell, i] = sum over taps and o of dy[the cell whose tap meets it, o] * filter[tap, i, o]
    multiply_patches<T>(c.threads(), patches(g), dy.as<T>(), turned, g.in_c, dx.as<T>(), block,
                        static_cast<char*>(scratch) + parts.patches + parts.filter);
    return {};
  }

 private:
  static Patches patches(const Geometry3D& g) { return {.g = &g, .of_output = true, .channels = g.out_c}; }

  Window3DAttrs window_;
};

template <class T>
class Conv3DBackpropFilterKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, Window3DAttrs::read(c.attrs()));
    const Shape &input = c.input(0).shape, &filter = c.output(0).shape;
    if (input.is_fully_known() && filter.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(Geometry3D g, conv3d_geometry(window_, input, filter));
      if (!is_empty(g)) c.request_scratch(Scratch<T>::backward_filter(patches(g), g.out_c, c.threads()).bytes());
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &dy = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape filter, shape_from(IntList::of(c.input(1)), "filter_sizes"));
    TARN_ASSIGN_OR_RETURN(Geometry3D g, backprop_geometry(window_, *x.shape, filter, *dy.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dfilter, c.output(0, filter));
    if (is_empty(g)) {
      std::fill_n(dfilter.as<T>(), dfilter.count, T(0));
      return {};
    }
    Patches p = patches(g);
    auto parts = Scratch<T>::backward_filter(p, g.out_c, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(parts.bytes()));
    auto* block = static_cast<T*>(scratch);
    void* gemm_scratch = static_cast<char*>(scratch) + parts.patches;
    int64_t rows = p.row_count(), depth = p.depth(), step = block_rows(p);
    for (int64_t first = 0; first < rows; first += step) {
      int64_t n = std::min(step, rows - first);
      gather_block(c.threads(), p, first, n, x.as<T>(), block);
      // dfilter += patches(x)^T * dy
      kernels::gemm<T>(c.threads(), true, false, depth, g.out_c, n, block, depth, dy.as<T>() + first * g.out_c, g.out_c,
                       first > 0, dfilter.as<T>(), g.out_c, {}, gemm_scratch);
    }
    return {};
  }

 private:
  static Patches patches(const Geometry3D& g) { return {.g = &g, .of_output = false, .channels = g.in_c}; }

  Window3DAttrs window_;
};

constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};
constexpr Layout kInputLayout{.inputs = {Operand::kSizes, Operand::kPlain, Operand::kImage},
                              .outputs = {Operand::kImage}};
constexpr Layout kFilterLayout{.inputs = {Operand::kImage, Operand::kPlain, Operand::kImage},
                               .outputs = {Operand::kPlain}};

// ---- Gradients --------------------------------------------------------------------------------------------------

constexpr std::string_view kKept[] = {"strides", "padding", "data_format", "dilations"};
constexpr ConvolutionOps kOps{"Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2", kKept};

Status conv3d_gradient(GradContext& c) {
  return convolution_gradient(c, kOps);
}
Status to_input_gradient(GradContext& c) {
  return backprop_input_gradient(c, kOps);
}
Status to_filter_gradient(GradContext& c) {
  return backprop_filter_gradient(c, kOps);
}

constexpr std::string_view kDoc = R"(Convolves volumes with a filter (cross-correlation, as in TensorFlow 1.x).
  input   T[N, D, H, W, C]   filter  T[kd, kh, kw, C, K]   returns  T[N, D', H', W', K]
  strides, dilations: one number a dim of the input, 1 for batch and channels; padding as in Conv2D.
  Errors: InvalidArgument if C differs, naming both, or the filter does not fit; Unimplemented for groups.
  Source: TensorFlow nn_ops Conv3D.)";
constexpr std::string_view kInputDoc = R"(The gradient of Conv3D with respect to its input.
  input_sizes   int32 or int64 [5], the shape of the input
  filter        T[kd, kh, kw, C, K]   out_backprop  T[N, D', H', W', K]   returns  T[N, D, H, W, C]
  Errors: InvalidArgument if Conv3D of these sizes does not give out_backprop's shape.
  Source: TensorFlow nn_ops Conv3DBackpropInputV2.)";
constexpr std::string_view kFilterDoc = R"(The gradient of Conv3D with respect to its filter.
  input         T[N, D, H, W, C]   filter_sizes  int32[5], the shape of the filter
  out_backprop  T[N, D', H', W', K]   returns  T[kd, kh, kw, C, K]
  Errors: InvalidArgument if Conv3D of these sizes does not give out_backprop's shape.
  Source: TensorFlow nn_ops Conv3DBackpropFilterV2.)";

constexpr std::string_view kAttrs =
    "T: {half, bfloat16, float, double}; strides: list(int) >= 5; padding: {'SAME', 'VALID'}; "
    "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'; dilations: list(int) = [1, 1, 1, 1, 1]";

}  // namespace

extern const OpDef op_Conv3D, op_Conv3DBackpropInputV2, op_Conv3DBackpropFilterV2;
const OpDef op_Conv3D = {
    .name = "Conv3D",
    .inputs = "input: T, filter: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_conv3d,
    .kernels = kFloatingKernels<Conv3DKernel, kLayout>,
};
const OpDef op_Conv3DBackpropInputV2 = {
    .name = "Conv3DBackpropInputV2",
    .inputs = "input_sizes: Tshape, filter: T, out_backprop: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double}; strides: list(int) >= 5; padding: {'SAME', 'VALID'}; "
        "data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'; dilations: list(int) = [1, 1, 1, 1, 1]; "
        "Tshape: {int32, int64} = int32",
    .infer = infer_to_input,
    .kernels = kFloatingKernels<Conv3DBackpropInputKernel, kInputLayout>,
    .kernel_attr = "T",
};
const OpDef op_Conv3DBackpropFilterV2 = {
    .name = "Conv3DBackpropFilterV2",
    .inputs = "input: T, filter_sizes: int32, out_backprop: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_to_filter,
    .kernels = kFloatingKernels<Conv3DBackpropFilterKernel, kFilterLayout>,
};

TARN_OP_FILE(conv3d, {&op_Conv3D, kDoc, conv3d_gradient}, {&op_Conv3DBackpropInputV2, kInputDoc, to_input_gradient},
             {&op_Conv3DBackpropFilterV2, kFilterDoc, to_filter_gradient})

}  // namespace tarn
