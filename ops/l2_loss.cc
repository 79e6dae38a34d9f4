// L2Loss.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/reduction.h"

namespace tarn {
namespace {

template <class T>
struct HalfSquareSumOf : SumOf<T> {
  using Acc = double;
  static Acc step(Acc acc, T x) { return acc + static_cast<Acc>(x) * static_cast<Acc>(x); }
  static T finish(Acc acc, int64_t) { return static_cast<T>(acc / 2); }
};

template <class T>
class L2LossKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    constexpr int64_t kAll[] = {0};
    TARN_ASSIGN_OR_RETURN(ReductionPlan plan, ReductionPlan::make(Shape{x.count}, kAll));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    run_reduction(c.threads(), plan, reduce_range<T, T, HalfSquareSumOf<T>>, x.data, y.data);
    return {};
  }
};

Status l2_loss_gradient(GradContext& c) {
  // dt = t * dy
  c.set_grad(0, c.op("Mul", {c.input(0), c.grad()}));
  return {};
}

constexpr std::string_view kDoc = R"(Half the sum of the squares of all elements.
  t  T[...]   returns  T, a scalar
  Source: TensorFlow nn_ops L2Loss.)";

}  // namespace

extern const OpDef op_L2Loss;
const OpDef op_L2Loss = {
    .name = "L2Loss",
    .inputs = "t: T",
    .outputs = "output: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_scalar,
    .kernels = kFloatingKernels<L2LossKernel>,
};

TARN_OP_FILE(l2_loss, {&op_L2Loss, kDoc, l2_loss_gradient})

}  // namespace tarn
