// Cumsum and Cumprod.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_scan(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_single(c, 1, "axis"));
  std::optional<IntList> known = IntList::known(c, 1);
  if (known && c.shape(0).has_rank()) {
    TARN_ASSIGN_OR_RETURN(int64_t axis, single_int(*known, "axis"));
    TARN_RETURN_IF_ERROR(resolve_axis(axis, c.shape(0).rank(), "axis").status());
  }
  return c.set_output(0, c.shape(0));
}

template <class T>
struct Plus {
  static T start() { return T(0); }
  T operator()(T a, T b) const { return wrap_add(a, b); }
};
template <class T>
struct Times {
  static T start() { return T(1); }
  T operator()(T a, T b) const { return wrap_multiply(a, b); }
};

// Rounded after each step, as Eigen's are.
template <class T, class F>
struct ScanThroughFloat : ThroughFloat<T, F> {
  static T start() { return narrowed<T>(F::start()); }
};
template <template <class> class F, class T>
using ScanFunctor = std::conditional_t<kIsNarrow<T>, ScanThroughFloat<T, F<Computed<T>>>, F<Computed<T>>>;

template <class T, class F>
class ScanKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    exclusive_ = c.attr<bool>("exclusive");
    reverse_ = c.attr<bool>("reverse");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(IntList::of(c.input(1)), "axis"));
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, shape.rank(), "axis"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    int64_t n = shape.dim(axis), inner = dim_product(shape, axis + 1, shape.rank());
    const T* in = x.as<T>();
    T* out = y.as<T>();
    // A line is one scan; lines that lie side by side in memory go together, a row of them at a time.
    c.threads().parallel_for(y.count / n, std::max<int64_t>(1, kElementsPerRange / n),
                             [&](int64_t begin, int64_t end, int) {
                               while (begin < end) {
                                 int64_t outer = begin / inner, first = begin % inner;
                                 int64_t lines = std::min(inner - first, end - begin);
                                 int64_t offset = outer * n * inner + first;
                                 scan(in + offset, out + offset, n, inner, lines);
                                 begin += lines;
                               }
                             });
    return {};
  }

 private:
  // y[i] = f(y[i - 1], x[i]), or with `exclusive` f(y[i - 1], x[i - 1]); `lines` neighbours at once.
  void scan(const T* x, T* y, int64_t n, int64_t row, int64_t lines) const {
    F f;
    int64_t step = row;
    if (reverse_) {
      x += (n - 1) * row;
      y += (n - 1) * row;
      step = -row;
    }
    for (int64_t k = 0; k < lines; ++k) y[k] = exclusive_ ? F::start() : x[k];
    for (int64_t i = 1; i < n; ++i) {
      const T* next = exclusive_ ? x : x + step;
      T* to = y + step;
      for (int64_t k = 0; k < lines; ++k) to[k] = f(y[k], next[k]);
      x += step;
      y = to;
    }
  }

  bool exclusive_ = false, reverse_ = false;
};

template <template <class> class F, class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<ScanKernel<Ts, ScanFunctor<F, Ts>>>(dtype_of<Ts>())...};

Wire sums_back(GradContext& c, Wire x) {
  return c.op("Cumsum", {x, c.input(1)},
              {{"exclusive", c.attr<bool>("exclusive")}, {"reverse", !c.attr<bool>("reverse")}});
}

Status cumsum_gradient(GradContext& c) {
  // x[i] is in every sum from there on: dx is the sum of dy from the other end.
  c.set_grad(0, sums_back(c, c.grad()));
  return {};
}

Status cumprod_gradient(GradContext& c) {
  // dy[i] / dx[k] = y[i] / x[k] wherever x[k] is in y[i]
  c.set_grad(0, c.op("RealDiv", {sums_back(c, c.op("Mul", {c.output(0), c.grad()})), c.input(0)}));
  return {};
}

constexpr std::string_view kSumDoc = R"(The running sum along an axis.
  x  T[...]   axis  Tidx, a scalar in [-rank, rank)   returns  T, of the same shape: y[i] = x[0] + … + x[i]
  exclusive: y[i] = x[0] + … + x[i - 1], y[0] = 0.   reverse: from the end.   Integers wrap.
  Source: TensorFlow math_ops Cumsum.)";
constexpr std::string_view kProdDoc = R"(The running product along an axis.
  x  T[...]   axis  Tidx, a scalar in [-rank, rank)   returns  T, of the same shape: y[i] = x[0] * … * x[i]
  exclusive: y[i] = x[0] * … * x[i - 1], y[0] = 1.   reverse: from the end.   Integers wrap.
  The gradient divides by x, as TensorFlow's does: where x is 0 it is NaN.
  Source: TensorFlow math_ops Cumprod.)";
constexpr std::string_view kAttrs =
    "exclusive: bool = false; reverse: bool = false; "
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, quint16, "
    "uint16, complex128, half, uint32, uint64}; Tidx: {int32, int64} = int32";

}  // namespace

extern const OpDef op_Cumsum, op_Cumprod;
const OpDef op_Cumsum = {
    .name = "Cumsum",
    .inputs = "x: T, axis: Tidx",
    .outputs = "out: T",
    .attrs = kAttrs,
    .infer = infer_scan,
    .kernels = kKernels<Plus, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t, uint16_t,
                        uint32_t, uint64_t>,
};
const OpDef op_Cumprod = {
    .name = "Cumprod",
    .inputs = "x: T, axis: Tidx",
    .outputs = "out: T",
    .attrs = kAttrs,
    .infer = infer_scan,
    .kernels = kKernels<Times, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t, uint16_t,
                        uint32_t, uint64_t>,
};

TARN_OP_FILE(cumsum, {&op_Cumsum, kSumDoc, cumsum_gradient}, {&op_Cumprod, kProdDoc, cumprod_gradient})

}  // namespace tarn
