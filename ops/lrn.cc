// LRN and LRNGrad: local response normalization.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

struct LrnAttrs {
  int64_t radius = 5;
  double bias = 1, alpha = 1, beta = 0.5;

  static Result<LrnAttrs> read(const AttrMap& attrs) {
    LrnAttrs lrn{.radius = attrs.get<int64_t>("depth_radius"),
                 .bias = attrs.get<float>("bias"),
                 .alpha = attrs.get<float>("alpha"),
                 .beta = attrs.get<float>("beta")};
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    if (lrn.radius < 0 || lrn.radius > kMost) {
      return invalid_argument("attr 'depth_radius' is ", lrn.radius, ", not in [0, ", kMost, "]");
    }
    return lrn;
  }

  // The channels around one.
  int64_t first(int64_t channel) const { return std::max<int64_t>(0, channel - radius); }
  int64_t last(int64_t channel, int64_t channels) const { return std::min(channels - 1, channel + radius); }

  // norm = bias + alpha * sum over the channels around of x^2
  template <class T>
  T norm(const T* x, int64_t channel, int64_t channels) const {
    T sum = 0;
    for (int64_t k = first(channel); k <= last(channel, channels); ++k) sum += x[k] * x[k];
    return static_cast<T>(bias) + static_cast<T>(alpha) * sum;
  }
};

// Pixels a thread should at least have: each costs channels * (channels around) multiplications.
int64_t pixels_per_range(const LrnAttrs& lrn, int64_t channels) {
  int64_t around = std::min(2 * lrn.radius + 1, channels);
  return std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, channels * std::min(around, kElementsPerRange)));
}

Status infer_lrn(InferContext& c) {
  TARN_RETURN_IF_ERROR(LrnAttrs::read(c.attrs()).status());
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "input"));
  Shape shape = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(4);
  return c.set_output(0, shape);
}

// Of a shape that infer did not know.
Status expect_image(const Shape& shape, std::string_view name) {
  if (shape.rank() == 4) return {};
  return invalid_argument("'", name, "' must have rank 4, has shape ", shape.to_string());
}

Status judge_same(const Shape& merged, const Shape& shape, std::string_view name) {
  if (merged.is_compatible_with(shape)) return {};
  return invalid_argument("'", name, "' has shape ", shape.to_string(), ", but 'input_grads' has ", merged.to_string());
}

Status infer_lrn_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(LrnAttrs::read(c.attrs()).status());
  constexpr std::string_view kNames[] = {"input_grads", "input_image", "output_image"};
  Shape merged = Shape::unknown_of_rank(4);
  for (int i = 0; i < 3; ++i) {
    std::string_view name = kNames[static_cast<size_t>(i)];
    TARN_RETURN_IF_ERROR(c.expect_rank(i, 4, name));
    TARN_RETURN_IF_ERROR(judge_same(merged, c.shape(i), name));
    TARN_ASSIGN_OR_RETURN(merged, merged.merge(c.shape(i)));
  }
  return c.set_output(0, merged);
}

template <class T>
class LrnKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(lrn_, LrnAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_RETURN_IF_ERROR(expect_image(*x.shape, "input"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    int64_t channels = x.shape->dim(3);
    const T beta = static_cast<T>(lrn_.beta);
    c.threads().parallel_for(x.count / channels, pixels_per_range(lrn_, channels),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t pixel = begin; pixel < end; ++pixel) {
                                 const T* in = x.as<T>() + pixel * channels;
                                 T* out = y.as<T>() + pixel * channels;
                                 // y = x * norm^-beta
                                 for (int64_t j = 0; j < channels; ++j)
                                   out[j] = in[j] * std::pow(lrn_.norm(in, j, channels), -beta);
                               }
                             });
    return {};
  }

 private:
  LrnAttrs lrn_;
};

template <class T>
class LrnGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(lrn_, LrnAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &dy = c.input(0), &x = c.input(1), &y = c.input(2);
    TARN_RETURN_IF_ERROR(expect_image(*x.shape, "input_image"));
    TARN_RETURN_IF_ERROR(judge_same(*dy.shape, *x.shape, "input_image"));
    TARN_RETURN_IF_ERROR(judge_same(*dy.shape, *y.shape, "output_image"));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    if (dx.count == 0) return {};
    int64_t channels = x.shape->dim(3);
    auto at = [&](const TensorView& view, int64_t pixel) { return view.as<T>() + pixel * channels; };
    c.threads().parallel_for(x.count / channels, pixels_per_range(lrn_, channels),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t pixel = begin; pixel < end; ++pixel) {
                                 differentiate(channels, at(dy, pixel), at(x, pixel), at(y, pixel), at(dx, pixel));
                               }
                             });
    return {};
  }

 private:
  // dx[k] = dy[k] * norm[k]^-beta - 2 alpha beta x[k] * sum over the channels j around k of dy[j] y[j] / norm[j]
  void differentiate(int64_t channels, const T* dy, const T* x, const T* y, T* dx) const {
    const T beta = static_cast<T>(lrn_.beta), factor = static_cast<T>(-2 * lrn_.alpha * lrn_.beta);
    std::fill_n(dx, channels, T(0));
    for (int64_t j = 0; j < channels; ++j) {
      T norm = lrn_.norm(x, j, channels);
      T share = factor * y[j] / norm * dy[j];
      for (int64_t k = lrn_.first(j); k <= lrn_.last(j, channels); ++k) dx[k] += share * x[k];
      dx[j] += dy[j] * std::pow(norm, -beta);
    }
  }

  LrnAttrs lrn_;
};

Status lrn_gradient(GradContext& c) {
  AttrMap attrs;
  for (std::string_view name : {"depth_radius", "bias", "alpha", "beta"}) attrs.set(name, *c.attrs().find(name));
  c.set_grad(0, c.op("LRNGrad", {c.grad(), c.input(0), c.output(0)}, attrs));
  return {};
}

constexpr std::string_view kDoc = R"(Divides each value by a power of the squares of the channels around it.
  input  T[N, H, W, C]   returns  T[N, H, W, C]
  output = input / (bias + alpha * sum of squares)^beta, the sum over the depth_radius channels on either side and
  itself.  Errors: InvalidArgument for another rank or a negative depth_radius.
  Source: TensorFlow nn_ops LRN (double is Tarn's own); Krizhevsky, Sutskever and Hinton 2012, sec. 3.3.)";
constexpr std::string_view kGradDoc = R"(The gradient of LRN.
  input_grads  T[N, H, W, C]   input_image  T[N, H, W, C], LRN's input   output_image  T[N, H, W, C], its output
  returns  T[N, H, W, C]
  Errors: InvalidArgument if shapes differ, naming both, or for a negative depth_radius.
  Source: TensorFlow nn_ops LRNGrad (double is Tarn's own).)";

constexpr std::string_view kAttrs =
    "depth_radius: int = 5; bias: float = 1.0; alpha: float = 1.0; beta: float = 0.5; "
    "T: {half, bfloat16, float, double} = float";

}  // namespace

extern const OpDef op_LRN, op_LRNGrad;
const OpDef op_LRN = {
    .name = "LRN",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_lrn,
    .kernels = kFloatingKernels<LrnKernel>,
};
const OpDef op_LRNGrad = {
    .name = "LRNGrad",
    .inputs = "input_grads: T, input_image: T, output_image: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_lrn_grad,
    .kernels = kFloatingKernels<LrnGradKernel>,
};

TARN_OP_FILE(lrn, {&op_LRN, kDoc, lrn_gradient},
             {&op_LRNGrad, kGradDoc, nullptr, "second derivatives of LRN are not needed yet"})

}  // namespace tarn
