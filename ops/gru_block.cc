// GRUBlockCell.
#include <array>
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/kernels/gemm.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// x [batch, inputs], h_prev [batch, cells], w_ru [inputs + cells, 2 * cells], w_c [inputs + cells, cells].
struct Sizes {
  int64_t batch = kUnknownDim, inputs = kUnknownDim, cells = kUnknownDim;
};

bool may_be(int64_t a, int64_t b) {
  return a == b || a == kUnknownDim || b == kUnknownDim;
}

constexpr int64_t kMostPlanned = int64_t{1} << 40;  // cells; more are for run() to refuse
constexpr int kInputs = 6;
Result<Sizes> judge(std::span<const Shape> shapes) {
  constexpr std::string_view kNames[] = {"x", "h_prev", "w_ru", "w_c", "b_ru", "b_c"};
  constexpr int kRanks[] = {2, 2, 2, 2, 1, 1};
  for (size_t i = 0; i < kInputs; ++i) {
    if (!shapes[i].has_rank()) return Sizes{};
    if (shapes[i].rank() == kRanks[i]) continue;
    return invalid_argument("input '", kNames[i], "' must have rank ", kRanks[i], ", has shape ",
                            shapes[i].to_string());
  }
  Sizes sizes{shapes[0].dim(0) == kUnknownDim ? shapes[1].dim(0) : shapes[0].dim(0), shapes[0].dim(1),
              shapes[1].dim(1)};
  int64_t depth = kUnknownDim, both = kUnknownDim;
  if (sizes.cells != kUnknownDim) {
    TARN_ASSIGN_OR_RETURN(both, checked_multiply(sizes.cells, 2));
    if (sizes.inputs != kUnknownDim) depth = sizes.inputs + sizes.cells;
  }
  bool fits = may_be(shapes[0].dim(0), shapes[1].dim(0)) && may_be(shapes[2].dim(0), depth) &&
              may_be(shapes[2].dim(1), both) && may_be(shapes[3].dim(0), depth) &&
              may_be(shapes[3].dim(1), sizes.cells) && may_be(shapes[4].dim(0), both) &&
              may_be(shapes[5].dim(0), sizes.cells);
  if (fits) return sizes;
  return invalid_argument("the sizes do not belong together: x ", shapes[0].to_string(), ", h_prev ",
                          shapes[1].to_string(), ", w_ru ", shapes[2].to_string(), ", w_c ", shapes[3].to_string(),
                          ", b_ru ", shapes[4].to_string(), ", b_c ", shapes[5].to_string());
}

Status infer_gru(InferContext& c) {
  std::vector<Shape> shapes;
  for (int i = 0; i < c.input_count(); ++i) shapes.push_back(c.shape(i));
  TARN_ASSIGN_OR_RETURN(Sizes sizes, judge(shapes));
  for (int i = 0; i < c.output_count(); ++i) {
    TARN_RETURN_IF_ERROR(set_output_checked(c, i, Shape{sizes.batch, sizes.cells}));
  }
  return {};
}

float sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}

constexpr size_t align_up(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// What one step needs: gates [batch, 2 * cells], then r * h_prev [batch, cells], then what the products want.
struct Scratch {
  size_t gates, reset, products;
  size_t bytes() const { return gates + reset + products; }

  static Scratch of(const Sizes& sizes, int threads) {
    auto [batch, inputs, cells] = sizes;
    auto count = static_cast<size_t>(batch * cells);
    return {align_up(2 * count * sizeof(float)), align_up(count * sizeof(float)),
            std::max({kernels::gemm_scratch_bytes<float>(batch, 2 * cells, inputs, threads),
                      kernels::gemm_scratch_bytes<float>(batch, 2 * cells, cells, threads),
                      kernels::gemm_scratch_bytes<float>(batch, cells, inputs, threads),
                      kernels::gemm_scratch_bytes<float>(batch, cells, cells, threads)})};
  }
};

class GruKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    std::array<Shape, kInputs> shapes;
    for (int i = 0; i < kInputs; ++i) shapes[static_cast<size_t>(i)] = c.input(i).shape;
    TARN_ASSIGN_OR_RETURN(Sizes sizes, judge(shapes));
    Result<int64_t> count = c.output(0).shape.element_count();  // an error if something is unknown
    bool is_known = count.ok() && *count <= kMostPlanned && sizes.inputs != kUnknownDim;
    if (is_known && *count > 0) c.request_scratch(Scratch::of(sizes, c.threads()).bytes());
    return {};
  }

  Status run(RunContext& c) const override {
    std::array<Shape, kInputs> shapes;
    for (int i = 0; i < kInputs; ++i) shapes[static_cast<size_t>(i)] = *c.input(i).shape;
    TARN_ASSIGN_OR_RETURN(Sizes sizes, judge(shapes));
    auto [batch, inputs, cells] = sizes;
    float* out[4];
    for (int i = 0; i < 4; ++i) {
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, Shape{batch, cells}));
      out[i] = y.as<float>();
    }
    int64_t count = batch * cells;
    if (count == 0) return {};
    const float *x = c.input(0).as<float>(), *h_prev = c.input(1).as<float>(), *w_ru = c.input(2).as<float>(),
                *w_c = c.input(3).as<float>(), *b_ru = c.input(4).as<float>(), *b_c = c.input(5).as<float>();
    auto [r, u, candidate, h] = out;
    Scratch parts = Scratch::of(sizes, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* memory, c.scratch(parts.bytes()));
    auto* bytes = static_cast<char*>(memory);
    auto* gates = static_cast<float*>(memory);
    auto* reset = reinterpret_cast<float*>(bytes + parts.gates);
    void* scratch = bytes + parts.gates + parts.reset;
    auto multiply = [&](const float* state, const float* w, const float* bias, int64_t width, float* y) {
      // [x, state] * w + bias, in two halves of w
      kernels::gemm<float>(c.threads(), false, false, batch, width, inputs, x, inputs, w, width, false, y, width, {},
                           scratch);
      kernels::gemm<float>(c.threads(), false, false, batch, width, cells, state, cells, w + inputs * width, width,
                           true, y, width, {.bias = bias}, scratch);
    };
    multiply(h_prev, w_ru, b_ru, 2 * cells, gates);
    for (int64_t i = 0; i < count; ++i) {
      const float* gate = gates + i / cells * 2 * cells + i % cells;
      r[i] = sigmoid(gate[0]);
      u[i] = sigmoid(gate[cells]);
      reset[i] = r[i] * h_prev[i];
    }
    multiply(reset, w_c, b_c, cells, candidate);
    for (int64_t i = 0; i < count; ++i) {
      candidate[i] = std::tanh(candidate[i]);
      h[i] = u[i] * h_prev[i] + (1 - u[i]) * candidate[i];
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<GruKernel>(DType::kFloat)};

constexpr std::string_view kDoc = R"(One step of a GRU, with its gates in one product.
  x  T[B, X]   h_prev  T[B, C]   w_ru  T[X + C, 2 * C], columns r, u   w_c  T[X + C, C]   b_ru  T[2 * C]   b_c  T[C]
  returns  r, u, c, h, each T[B, C]: r, u = sigmoid([x, h_prev] * w_ru + b_ru)
           c = tanh([x, r * h_prev] * w_c + b_c)   h = u * h_prev + (1 - u) * c
  Errors: InvalidArgument naming all shapes if they do not belong together.   Source: TensorFlow rnn_ops GRUBlockCell.)";

}  // namespace

extern const OpDef op_GRUBlockCell;
const OpDef op_GRUBlockCell = {
    .name = "GRUBlockCell",
    .inputs = "x: T, h_prev: T, w_ru: T, w_c: T, b_ru: T, b_c: T",
    .outputs = "r: T, u: T, c: T, h: T",
    .attrs = "T: {float}",
    .infer = infer_gru,
    .kernels = kKernels,
};

TARN_OP_FILE(gru_block, {&op_GRUBlockCell, kDoc, nullptr, "goes through GRUBlockCellGrad, which is not here"})

}  // namespace tarn
