// LSTMBlockCell, BlockLSTM and BlockLSTMV2.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/kernels/gemm.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Of one step: x [batch, inputs], states [batch, cells], w [inputs + cells, 4 * cells].
struct CellSizes {
  int64_t batch = kUnknownDim, inputs = kUnknownDim, cells = kUnknownDim;
};

// A size that several shapes tell.
Status agree(int64_t& size, int64_t dim, std::string_view what) {
  if (dim == kUnknownDim || dim == size) return {};
  if (size != kUnknownDim) return invalid_argument(what, " is ", size, " in one input and ", dim, " in another");
  size = dim;
  return {};
}

Status expect_rank(const Shape& shape, int rank, std::string_view name) {
  if (!shape.has_rank() || shape.rank() == rank) return {};
  return invalid_argument("input '", name, "' must have rank ", rank, ", has shape ", shape.to_string());
}

// `shapes` from x on: x, cs_prev, h_prev, w, wci, wcf, wco, b. x has the time in front for a whole sequence.
Result<CellSizes> judge_sizes(std::span<const Shape> shapes, bool has_time, bool use_peephole) {
  CellSizes sizes;
  int x_rank = has_time ? 3 : 2;
  TARN_RETURN_IF_ERROR(expect_rank(shapes[0], x_rank, "x"));
  if (shapes[0].has_rank()) {
    TARN_RETURN_IF_ERROR(agree(sizes.batch, shapes[0].dim(-2), "the batch"));
    TARN_RETURN_IF_ERROR(agree(sizes.inputs, shapes[0].dim(-1), "the size of x"));
  }
  const char* states[] = {"cs_prev", "h_prev"};
  for (size_t i = 0; i < 2; ++i) {
    const Shape& state = shapes[1 + i];
    TARN_RETURN_IF_ERROR(expect_rank(state, 2, states[i]));
    if (!state.has_rank()) continue;
    TARN_RETURN_IF_ERROR(agree(sizes.batch, state.dim(0), "the batch"));
    TARN_RETURN_IF_ERROR(agree(sizes.cells, state.dim(1), "the number of cells"));
  }
  const char* peepholes[] = {"wci", "wcf", "wco"};
  for (size_t i = 0; i < 3; ++i) {
    const Shape& weights = shapes[4 + i];
    TARN_RETURN_IF_ERROR(expect_rank(weights, 1, peepholes[i]));
    if (use_peephole && weights.has_rank()) {
      TARN_RETURN_IF_ERROR(agree(sizes.cells, weights.dim(0), "the number of cells"));
    }
  }
  const Shape &w = shapes[3], &b = shapes[7];
  TARN_RETURN_IF_ERROR(expect_rank(w, 2, "w"));
  TARN_RETURN_IF_ERROR(expect_rank(b, 1, "b"));
  if (sizes.cells == kUnknownDim) return sizes;
  TARN_ASSIGN_OR_RETURN(int64_t gates, checked_multiply(sizes.cells, 4));
  bool fits = (!w.has_rank() || Shape{w.dim(1)}.is_compatible_with(Shape{gates})) &&
              (!b.has_rank() || b.is_compatible_with(Shape{gates}));
  if (fits && w.has_rank() && w.dim(0) != kUnknownDim && sizes.inputs != kUnknownDim) {
    fits = w.dim(0) - sizes.cells == sizes.inputs;
  }
  if (!fits) {
    return invalid_argument("w must be [", sizes.inputs, " + ", sizes.cells, ", 4 * ", sizes.cells, "] and b [4 * ",
                            sizes.cells, "], they are ", w.to_string(), " and ", b.to_string());
  }
  return sizes;
}

// Where each gate begins in the product, in cells.
struct GateOrder {
  int64_t input, update, forget, output;
};
constexpr GateOrder kInputFirst{0, 1, 2, 3};    // i, ci, f, o
constexpr GateOrder kForgetSecond{0, 2, 1, 3};  // i, f, ci, o: BlockLSTMV2

template <class T>
struct CellOptions {
  T forget_bias = 0, clip = 0;
  bool use_peephole = false;
  GateOrder order = kInputFirst;

  static CellOptions read(const AttrMap& attrs, bool is_v2) {
    CellOptions options;
    options.forget_bias = static_cast<T>(attrs.get_or<float>("forget_bias", 0));
    options.clip = static_cast<T>(attrs.get<float>("cell_clip"));
    options.use_peephole = attrs.get<bool>("use_peephole");
    if (is_v2) options.order = kForgetSecond;
    return options;
  }
};

template <class T>
struct CellWeights {
  const T *w, *wci, *wcf, *wco, *b;
};
template <class T>
struct CellOutputs {
  T *i, *cs, *f, *o, *ci, *co, *h;
};

template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}

// One step. `gates` has room for [batch, 4 * cells].
//   i = sigmoid(g_i + cs * wci)   ci = tanh(g_ci)   f = sigmoid(g_f + forget_bias + cs * wcf)
//   cs' = clip(ci * i + cs * f)   o = sigmoid(g_o + cs' * wco)   co = tanh(cs')   h = o * co
template <class T>
void run_cell(ThreadPool& threads, const CellSizes& sizes, const CellOptions<T>& options, const CellWeights<T>& weights,
              const T* x, const T* cs_prev, const T* h_prev, const CellOutputs<T>& out, T* gates, void* scratch) {
  auto [batch, inputs, cells] = sizes;
  int64_t width = 4 * cells;
  // [x, h] * w + b, in two halves of w
  kernels::gemm<T>(threads, false, false, batch, width, inputs, x, inputs, weights.w, width, false, gates, width, {},
                   scratch);
  kernels::gemm<T>(threads, false, false, batch, width, cells, h_prev, cells, weights.w + inputs * width, width, true,
                   gates, width, {.bias = weights.b}, scratch);
  const GateOrder& order = options.order;
  threads.parallel_for(
      batch, std::max<int64_t>(1, kElementsPerRange / 16 / cells), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
          const T* gate = gates + row * width;
          for (int64_t k = 0; k < cells; ++k) {
            int64_t at = row * cells + k;
            T cs = cs_prev[at];
            T in = gate[order.input * cells + k], forget = gate[order.forget * cells + k] + options.forget_bias;
            T through = gate[order.output * cells + k];
            if (options.use_peephole) {
              in += cs * weights.wci[k];
              forget += cs * weights.wcf[k];
            }
            out.i[at] = sigmoid(in);
            out.ci[at] = std::tanh(gate[order.update * cells + k]);
            out.f[at] = sigmoid(forget);
            T next = out.ci[at] * out.i[at] + out.f[at] * cs;
            if (options.clip > T(0)) next = std::min(std::max(next, -options.clip), options.clip);
            if (options.use_peephole) through += next * weights.wco[k];
            out.cs[at] = next;
            out.o[at] = sigmoid(through);
            out.co[at] = std::tanh(next);
            out.h[at] = out.o[at] * out.co[at];
          }
        }
      });
}

constexpr size_t align_up(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

template <class T>
size_t gate_bytes(const CellSizes& sizes) {
  return align_up(static_cast<size_t>(sizes.batch * sizes.cells * 4) * sizeof(T));
}
template <class T>
size_t scratch_bytes(const CellSizes& sizes, int threads) {
  return gate_bytes<T>(sizes) +
         std::max(kernels::gemm_scratch_bytes<T>(sizes.batch, 4 * sizes.cells, sizes.inputs, threads),
                  kernels::gemm_scratch_bytes<T>(sizes.batch, 4 * sizes.cells, sizes.cells, threads));
}

constexpr int64_t kMostPlanned = int64_t{1} << 40;  // cells; more are for run() to refuse
constexpr int kJudged = 8;                          // x and what follows it
std::array<Shape, kJudged> shapes_from(const RunContext& c, int first) {
  std::array<Shape, kJudged> shapes;
  for (int i = 0; i < kJudged; ++i) shapes[static_cast<size_t>(i)] = *c.input(first + i).shape;
  return shapes;
}

template <class T>
Status request_scratch(PrepareContext& c, int first, bool has_time, bool use_peephole) {
  std::array<Shape, kJudged> shapes;
  for (int i = 0; i < kJudged; ++i) shapes[static_cast<size_t>(i)] = c.input(first + i).shape;
  TARN_ASSIGN_OR_RETURN(CellSizes sizes, judge_sizes(shapes, has_time, use_peephole));
  Result<int64_t> count = c.output(0).shape.element_count();  // an error if something is unknown
  bool is_known = count.ok() && *count <= kMostPlanned && sizes.inputs != kUnknownDim;
  if (is_known && *count > 0) c.request_scratch(scratch_bytes<T>(sizes, c.threads()));
  return {};
}

Status infer_cell(InferContext& c) {
  std::vector<Shape> shapes;
  for (int i = 0; i < c.input_count(); ++i) shapes.push_back(c.shape(i));
  TARN_ASSIGN_OR_RETURN(CellSizes sizes, judge_sizes(shapes, false, c.attr<bool>("use_peephole")));
  for (int i = 0; i < c.output_count(); ++i) {
    TARN_RETURN_IF_ERROR(set_output_checked(c, i, Shape{sizes.batch, sizes.cells}));
  }
  return {};
}

Status infer_sequence(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "seq_len_max"));
  std::vector<Shape> shapes;
  for (int i = 1; i < c.input_count(); ++i) shapes.push_back(c.shape(i));
  TARN_ASSIGN_OR_RETURN(CellSizes sizes, judge_sizes(shapes, true, c.attr<bool>("use_peephole")));
  int64_t time = shapes[0].has_rank() ? shapes[0].dim(0) : kUnknownDim;
  for (int i = 0; i < c.output_count(); ++i) {
    TARN_RETURN_IF_ERROR(set_output_checked(c, i, Shape{time, sizes.batch, sizes.cells}));
  }
  return {};
}

// The inputs and outputs that cell and sequence have in common; `first` is x.
template <class T>
CellWeights<T> weights_of(const RunContext& c, int first) {
  return {c.input(first + 3).as<T>(), c.input(first + 4).as<T>(), c.input(first + 5).as<T>(),
          c.input(first + 6).as<T>(), c.input(first + 7).as<T>()};
}
template <class T>
Result<CellOutputs<T>> outputs_of(RunContext& c, const Shape& shape, bool zeroed) {
  T* out[7];
  for (int i = 0; i < 7; ++i) {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, shape));
    out[i] = y.as<T>();
    if (zeroed) std::fill_n(out[i], y.count, T(0));
  }
  return CellOutputs<T>{out[0], out[1], out[2], out[3], out[4], out[5], out[6]};
}

template <class T>
class CellKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    options_ = CellOptions<T>::read(c.attrs(), false);
    return request_scratch<T>(c, 0, false, options_.use_peephole);
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CellSizes sizes, judge_sizes(shapes_from(c, 0), false, options_.use_peephole));
    TARN_ASSIGN_OR_RETURN(CellOutputs<T> out, outputs_of<T>(c, Shape{sizes.batch, sizes.cells}, false));
    if (sizes.batch * sizes.cells == 0) return {};
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes<T>(sizes, c.threads().threads())));
    run_cell<T>(c.threads(), sizes, options_, weights_of<T>(c, 0), c.input(0).as<T>(), c.input(1).as<T>(),
                c.input(2).as<T>(), out, static_cast<T*>(scratch), static_cast<char*>(scratch) + gate_bytes<T>(sizes));
    return {};
  }

 private:
  CellOptions<T> options_;
};

template <class T, bool kIsV2>
class SequenceKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    options_ = CellOptions<T>::read(c.attrs(), kIsV2);
    return request_scratch<T>(c, 1, true, options_.use_peephole);
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CellSizes sizes, judge_sizes(shapes_from(c, 1), true, options_.use_peephole));
    int64_t time = c.input(1).shape->dim(0);
    if (c.input(0).count != 1 || c.input(0).item<int64_t>() < 0 || c.input(0).item<int64_t>() > time) {
      return invalid_argument("seq_len_max must be a scalar in [0, ", time, "], the steps of x; it is ",
                              IntList::of(c.input(0)).to_string());
    }
    int64_t steps = c.input(0).item<int64_t>();
    TARN_ASSIGN_OR_RETURN(CellOutputs<T> out, outputs_of<T>(c, Shape{time, sizes.batch, sizes.cells}, steps < time));
    int64_t step_cells = sizes.batch * sizes.cells;
    if (step_cells == 0 || steps == 0) return {};
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes<T>(sizes, c.threads().threads())));
    const T *x = c.input(1).as<T>(), *cs = c.input(2).as<T>(), *h = c.input(3).as<T>();
    for (int64_t t = 0; t < steps; ++t) {
      run_cell<T>(c.threads(), sizes, options_, weights_of<T>(c, 1), x, cs, h, out, static_cast<T*>(scratch),
                  static_cast<char*>(scratch) + gate_bytes<T>(sizes));
      x += sizes.batch * sizes.inputs;
      cs = out.cs;
      h = out.h;
      for (T** y : {&out.i, &out.cs, &out.f, &out.o, &out.ci, &out.co, &out.h}) *y += step_cells;
    }
    return {};
  }

 private:
  CellOptions<T> options_;
};

constexpr KernelDef kCellKernels[] = {
    portable_kernel<CellKernel<float>>(DType::kFloat),
    adapted_kernel<CellKernel<float>, DType::kHalf>(),
};
template <bool kIsV2>
constexpr KernelDef kSequenceKernels[] = {
    portable_kernel<SequenceKernel<float, kIsV2>>(DType::kFloat),
    adapted_kernel<SequenceKernel<float, kIsV2>, DType::kHalf>(),
};

constexpr std::string_view kCellDoc = R"(One step of an LSTM, with all its gates in one product.
  x  T[B, X]   cs_prev, h_prev  T[B, C]   w  T[X + C, 4 * C], columns i, ci, f, o   wci, wcf, wco  T[C]   b  T[4 * C]
  returns  i, cs, f, o, ci, co, h, each T[B, C]: with g = [x, h_prev] * w + b
    i = sigmoid(g_i)   ci = tanh(g_ci)   f = sigmoid(g_f + forget_bias)   cs = ci * i + cs_prev * f
    o = sigmoid(g_o)   co = tanh(cs)     h = o * co
  use_peephole adds cs_prev * wci to g_i, cs_prev * wcf to g_f and cs * wco to g_o. cell_clip > 0 keeps cs within it.
  Errors: InvalidArgument if the sizes do not belong together.   Source: TensorFlow rnn_ops LSTMBlockCell.)";
constexpr std::string_view kSequenceDoc = R"(An LSTM over a sequence; each step as in LSTMBlockCell.
  seq_len_max  int64, a scalar: the steps that are run   x  T[time, B, X]   the rest as in LSTMBlockCell
  returns  i, cs, f, o, ci, co, h, each T[time, B, C], with zeros from step seq_len_max on
  Errors: InvalidArgument if the sizes do not belong together.   Source: TensorFlow rnn_ops BlockLSTM.)";
constexpr std::string_view kSequenceV2Doc = R"(An LSTM over a sequence, with the columns of w in another order.
  seq_len_max  int64, a scalar: the steps that are run   x  T[time, B, X]
  w, b with columns i, f, ci, o; there is no forget_bias; the rest as in LSTMBlockCell
  returns  i, cs, f, o, ci, co, h, each T[time, B, C], with zeros from step seq_len_max on
  Errors: InvalidArgument if the sizes do not belong together.   Source: TensorFlow rnn_ops BlockLSTMV2.)";
constexpr std::string_view kNoGradient = "goes through a Grad op of its own, which is not here";
constexpr std::string_view kOutputs = "i: T, cs: T, f: T, o: T, ci: T, co: T, h: T";
constexpr std::string_view kSequenceInputs =
    "seq_len_max: int64, x: T, cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T";

}  // namespace

extern const OpDef op_LSTMBlockCell, op_BlockLSTM, op_BlockLSTMV2;
const OpDef op_LSTMBlockCell = {
    .name = "LSTMBlockCell",
    .inputs = "x: T, cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T",
    .outputs = kOutputs,
    .attrs = "forget_bias: float = 1; cell_clip: float = 3; use_peephole: bool = false; T: {half, float}",
    .infer = infer_cell,
    .kernels = kCellKernels,
};
const OpDef op_BlockLSTM = {
    .name = "BlockLSTM",
    .inputs = kSequenceInputs,
    .outputs = kOutputs,
    .attrs = "forget_bias: float = 1; cell_clip: float = 3; use_peephole: bool = false; T: {half, float}",
    .infer = infer_sequence,
    .kernels = kSequenceKernels<false>,
};
const OpDef op_BlockLSTMV2 = {
    .name = "BlockLSTMV2",
    .inputs = kSequenceInputs,
    .outputs = kOutputs,
    .attrs = "cell_clip: float = 0; use_peephole: bool = false; T: {half, float}",
    .infer = infer_sequence,
    .kernels = kSequenceKernels<true>,
};

TARN_OP_FILE(lstm_block, {&op_LSTMBlockCell, kCellDoc, nullptr, kNoGradient},
             {&op_BlockLSTM, kSequenceDoc, nullptr, kNoGradient},
             {&op_BlockLSTMV2, kSequenceV2Doc, nullptr, kNoGradient})

}  // namespace tarn
