// ClipByValue.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/half.h"

namespace tarn {
namespace {

Status judge_limit(const Shape& limit, const Shape& t, std::string_view name) {
  if (limit.is_compatible_with(t) || limit.is_compatible_with(Shape())) return {};
  return invalid_argument("input '", name, "' must be a scalar or have the shape of t, ", t.to_string(), ", has ",
                          limit.to_string());
}

Status infer_clip(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_limit(c.shape(1), c.shape(0), "clip_value_min"));
  TARN_RETURN_IF_ERROR(judge_limit(c.shape(2), c.shape(0), "clip_value_max"));
  return c.set_output(0, c.shape(0));
}

// The lower limit has the last word where the two cross, as in TensorFlow.
template <class T>
class ClipKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &t = c.input(0), &low = c.input(1), &high = c.input(2);
    TARN_RETURN_IF_ERROR(judge_limit(*low.shape, *t.shape, "clip_value_min"));
    TARN_RETURN_IF_ERROR(judge_limit(*high.shape, *t.shape, "clip_value_max"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *t.shape));
    int64_t low_step = low.shape->rank() == 0 ? 0 : 1, high_step = high.shape->rank() == 0 ? 0 : 1;
    c.threads().parallel_for(y.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        auto value = widened(t.as<T>()[i]);
        value = std::min(value, widened(high.as<T>()[i * high_step]));
        y.as<T>()[i] = narrowed<T>(std::max(value, widened(low.as<T>()[i * low_step])));
      }
    });
    return {};
  }
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<ClipKernel<Ts>>(dtype_of<Ts>())...};

// dt = dy where t is between the limits; each limit has dy where t is beyond it.
Status clip_gradient(GradContext& c) {
  Wire below = c.op("Less", {c.input(0), c.input(1)}), above = c.op("Greater", {c.input(0), c.input(2)});
  Wire zeros = c.op("ZerosLike", {c.grad()});
  c.set_grad(0, c.op("Select", {c.op("LogicalOr", {below, above}), zeros, c.grad()}));
  c.set_grad(1, sum_to_shape_of(c, c.input(1), c.op("Select", {below, c.grad(), zeros})));
  c.set_grad(2, sum_to_shape_of(c, c.input(2), c.op("Select", {above, c.grad(), zeros})));
  return {};
}

constexpr std::string_view kDoc = R"(Each element, but no less than one limit and no more than the other.
  t  T[...]   clip_value_min, clip_value_max  T, scalars or of t's shape   returns  T[...], the same shape
  The lower limit wins where it is above the upper one.
  Errors: InvalidArgument if a limit has another shape.   Source: TensorFlow math_ops ClipByValue.)";

}  // namespace

extern const OpDef op_ClipByValue;
const OpDef op_ClipByValue = {
    .name = "ClipByValue",
    .inputs = "t: T, clip_value_min: T, clip_value_max: T",
    .outputs = "output: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}",
    .infer = infer_clip,
    .kernels = kKernels<float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t, uint16_t>,
};

TARN_OP_FILE(clip_by_value, {&op_ClipByValue, kDoc, clip_gradient})

}  // namespace tarn
