// Betainc.
#include "core/op.h"
#include "ops/eigen.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

// All inputs have one shape, but for scalars.
Result<Shape> common(std::span<const Shape* const> shapes) {
  Shape output;
  for (const Shape* shape : shapes) {
    if (!shape->has_rank()) return Shape::unknown();
    if (shape->is_scalar()) continue;
    if (output.is_scalar()) {
      output = *shape;
      continue;
    }
    Result<Shape> merged = output.merge(*shape);
    if (!merged.ok()) {
      return invalid_argument("a, b and x must have one shape or be scalars, have ", shapes[0]->to_string(), ", ",
                              shapes[1]->to_string(), " and ", shapes[2]->to_string());
    }
    output = *merged;
  }
  return output;
}

Status infer_betainc(InferContext& c) {
  const Shape* shapes[] = {&c.shape(0), &c.shape(1), &c.shape(2)};
  return c.set_output(0, common(shapes));
}

template <class T>
class BetaincKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const Shape* shapes[] = {c.input(0).shape, c.input(1).shape, c.input(2).shape};
    TARN_ASSIGN_OR_RETURN(Shape shape, common(shapes));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    const T* in[3];
    int64_t step[3];
    for (int i = 0; i < 3; ++i) {
      in[i] = c.input(i).as<T>();
      step[i] = c.input(i).shape->is_scalar() ? 0 : 1;
    }
    c.threads().parallel_for(y.count, kElementsPerRange / 64, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        y.as<T>()[i] = Eigen::numext::betainc(in[0][i * step[0]], in[1][i * step[1]], in[2][i * step[2]]);
      }
    });
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<BetaincKernel<float>>(DType::kFloat),
    portable_kernel<BetaincKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(The regularized incomplete beta integral I_x(a, b), element by element.
  a, b, x  T[...] of one shape, or scalars   returns  T[...]
  The integral of t^(a - 1) (1 - t)^(b - 1) from 0 to x over that from 0 to 1. NaN unless a, b > 0 and x is in [0, 1].
  Errors: InvalidArgument naming the shapes if they differ.
  Source: TensorFlow math_ops Betainc; Eigen's, after Cephes.)";

}  // namespace

extern const OpDef op_Betainc;
const OpDef op_Betainc = {
    .name = "Betainc",
    .inputs = "a: T, b: T, x: T",
    .outputs = "z: T",
    .attrs = "T: {float, double}",
    .infer = infer_betainc,
    .kernels = kKernels,
};

TARN_OP_FILE(betainc, {&op_Betainc, kDoc, nullptr, "the derivatives by a and b have no closed form"})

}  // namespace tarn
