// BatchNormWithGlobalNormalization, of graphs of GraphDef version 8 and before (Inception 2015).
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"t", "m", "v", "beta", "gamma"};

// Inputs 1 to 4 are vectors of the image's channels; returns the shape of the image as far as that says.
Result<Shape> judge_shapes(const Shape* shapes[5]) {
  Shape image = shapes[0]->has_rank() ? *shapes[0] : Shape::unknown_of_rank(4);
  if (image.rank() != 4) return invalid_argument("input 't' must have rank 4, has shape ", image.to_string());
  for (int i = 1; i < 5; ++i) {
    if (!shapes[i]->is_compatible_with(Shape{image.dim(3)})) {
      return invalid_argument("input ", quoted(kNames[i]), " must be a vector of ", image.dim(3),
                              " channels, has shape ", shapes[i]->to_string());
    }
    if (shapes[i]->has_rank() && image.dim(3) == kUnknownDim) image.set_dim(3, shapes[i]->dim(0));
  }
  return image;
}

Status infer(InferContext& c) {
  const Shape* shapes[5];
  for (int i = 0; i < 5; ++i) shapes[i] = &c.shape(i);
  return c.set_output(0, judge_shapes(shapes));
}

template <class T>
class GlobalNormalizationKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    epsilon_ = c.attr<float>("variance_epsilon");
    scales_ = c.attr<bool>("scale_after_normalization");
    const Shape& mean = c.input(1).shape;
    if (mean.is_fully_known()) c.request_scratch(static_cast<size_t>(mean.elements()) * sizeof(T));
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape* shapes[5];
    for (int i = 0; i < 5; ++i) shapes[i] = c.input(i).shape;
    TARN_RETURN_IF_ERROR(judge_shapes(shapes).status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    if (y.count == 0) return {};
    const T *x = c.input(0).as<T>(), *mean = c.input(1).as<T>(), *variance = c.input(2).as<T>();
    const T *beta = c.input(3).as<T>(), *gamma = c.input(4).as<T>();
    T* out = y.as<T>();
    int64_t channels = y.shape->dim(3);
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(static_cast<size_t>(channels) * sizeof(T)));
    T* scale = static_cast<T*>(scratch);
    // y = (x - m) / sqrt(v + epsilon) [* gamma] + beta
    for (int64_t k = 0; k < channels; ++k) {
      scale[k] = T(1) / std::sqrt(variance[k] + static_cast<T>(epsilon_)) * (scales_ ? gamma[k] : T(1));
    }
    c.threads().parallel_for(y.count / channels, std::max<int64_t>(1, kElementsPerRange / channels),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t at = begin * channels; at < end * channels; at += channels) {
                                 for (int64_t k = 0; k < channels; ++k) {
                                   out[at + k] = (x[at + k] - mean[k]) * scale[k] + beta[k];
                                 }
                               }
                             });
    return {};
  }

 private:
  float epsilon_ = 0;
  bool scales_ = true;
};

Status gradient(GradContext& c) {
  Wire x = c.input(0), mean = c.input(1), variance = c.input(2), gamma = c.input(4), dy = c.grad();
  bool scales = c.attr<bool>("scale_after_normalization");
  const int64_t kPixels[] = {0, 1, 2};
  auto over_pixels = [&](Wire wire) { return c.op("Sum", {wire, c.int_vector(kPixels)}, {{"keep_dims", false}}); };
  // s = 1 / sqrt(v + epsilon);  dx = dy * s * gamma;  dm = -sum(dx);  dbeta = sum(dy)
  Wire s = c.op("Rsqrt", {c.op("Add", {variance, c.scalar(c.attr<float>("variance_epsilon"), variance)})});
  Wire dx = c.op("Mul", {dy, scales ? c.op("Mul", {s, gamma}) : s});
  c.set_grad(0, dx);
  c.set_grad(1, c.op("Neg", {over_pixels(dx)}));
  c.set_grad(3, over_pixels(dy));
  // dgamma = s * sum(dy * (x - m));  dv = -s^2 / 2 * gamma * dgamma
  Wire dgamma = c.op("Mul", {s, over_pixels(c.op("Mul", {dy, c.op("Sub", {x, mean})}))});
  Wire half = c.op("Mul", {c.op("Square", {s}), c.scalar(-0.5, s)});
  c.set_grad(2, c.op("Mul", {half, scales ? c.op("Mul", {gamma, dgamma}) : dgamma}));
  c.set_grad(4, scales ? dgamma : c.op("ZerosLike", {gamma}));
  return {};
}

constexpr std::string_view kDoc = R"(Normalizes images by a given mean and variance of each channel.
  t  T[N, H, W, C]   m, v, beta, gamma  T[C]   returns  T[N, H, W, C]
  (t - m) / sqrt(v + variance_epsilon), times gamma if scale_after_normalization, plus beta.
  Removed from TensorFlow in GraphDef version 9: for graphs that are older.
  Errors: InvalidArgument naming the vector that is not as long as there are channels.
  Source: TensorFlow nn_ops BatchNormWithGlobalNormalization.)";

}  // namespace

extern const OpDef op_BatchNormWithGlobalNormalization;
const OpDef op_BatchNormWithGlobalNormalization = {
    .name = "BatchNormWithGlobalNormalization",
    .inputs = "t: T, m: T, v: T, beta: T, gamma: T",
    .outputs = "result: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}; variance_epsilon: float; scale_after_normalization: bool",
    .infer = infer,
    .kernels = kFloatingKernels<GlobalNormalizationKernel>,
};

TARN_OP_FILE(batch_norm_with_global_normalization, {&op_BatchNormWithGlobalNormalization, kDoc, gradient})

}  // namespace tarn
