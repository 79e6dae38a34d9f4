// Cross.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

Status judge(const Shape& shape) {
  if (!shape.has_rank()) return {};
  if (shape.rank() >= 1 && (shape.dim(-1) == 3 || shape.dim(-1) == kUnknownDim)) return {};
  return invalid_argument("the last dim of a and b must be 3, their shape is ", shape.to_string());
}

Status infer_cross(InferContext& c) {
  TARN_RETURN_IF_ERROR(infer_merged_inputs(c));
  return judge(c.output(0).shape);
}

template <class T>
class CrossKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &a = c.input(0), &b = c.input(1);
    if (!(*a.shape == *b.shape)) {
      return invalid_argument("a and b must have one shape, have ", a.shape->to_string(), " and ",
                              b.shape->to_string());
    }
    TARN_RETURN_IF_ERROR(judge(*a.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *a.shape));
    c.threads().parallel_for(y.count / 3, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const T *u = a.as<T>() + i * 3, *v = b.as<T>() + i * 3;
        T* out = y.as<T>() + i * 3;
        for (int k = 0; k < 3; ++k) {
          int next = (k + 1) % 3, last = (k + 2) % 3;
          out[k] = wrap_subtract(wrap_multiply(u[next], v[last]), wrap_multiply(u[last], v[next]));
        }
      }
    });
    return {};
  }
};

Status cross_gradient(GradContext& c) {
  // da = b x dy,  db = dy x a
  c.set_grad(0, c.op("Cross", {c.input(1), c.grad()}));
  c.set_grad(1, c.op("Cross", {c.grad(), c.input(0)}));
  return {};
}

constexpr std::string_view kDoc = R"(The cross product of vectors in space.
  a, b  T[..., 3], of one shape   returns  T[..., 3]; integers wrap
  Errors: InvalidArgument if the last dim is not 3 or the shapes differ.   Source: TensorFlow math_ops Cross.)";

}  // namespace

extern const OpDef op_Cross;
const OpDef op_Cross = {
    .name = "Cross",
    .inputs = "a: T, b: T",
    .outputs = "product: T",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_cross,
    .kernels = kKernelsFor<CrossKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(cross, {&op_Cross, kDoc, cross_gradient})

}  // namespace tarn
