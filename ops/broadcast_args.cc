// BroadcastArgs.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_broadcast_args(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "s0"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "s1"));
  int64_t length = kUnknownDim;
  if (c.shape(0).is_fully_known() && c.shape(1).is_fully_known())
    length = std::max(c.shape(0).dim(0), c.shape(1).dim(0));
  return c.set_output(0, Shape{length});
}

class BroadcastArgsKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    IntList a = IntList::of(c.input(0)), b = IntList::of(c.input(1));
    for (int i = 0; i < 2; ++i) {
      if (c.input(i).shape->rank() == 1) continue;
      return invalid_argument("input 's", i, "' must have rank 1, has shape ", c.input(i).shape->to_string());
    }
    int64_t length = std::max(a.size(), b.size());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{length}));
    for (int64_t i = 0; i < length; ++i) {
      // NumPy's rule, from the right; what is missing is 1.
      int64_t x0 = i - (length - a.size()) < 0 ? 1 : a[i - (length - a.size())];
      int64_t x1 = i - (length - b.size()) < 0 ? 1 : b[i - (length - b.size())];
      if (x0 != x1 && x0 != 1 && x1 != 1) {
        return invalid_argument("shapes ", a.to_string(), " and ", b.to_string(), " do not broadcast");
      }
      store_int(y, i, x0 == 1 ? x1 : x0);
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<BroadcastArgsKernel>()};

constexpr std::string_view kDoc = R"(The shape that two shapes broadcast to.
  s0, s1  T, vectors of dims   returns  T, as long as the longer one
  Errors: InvalidArgument naming both if they do not broadcast.   Source: TensorFlow array_ops BroadcastArgs.)";

}  // namespace

extern const OpDef op_BroadcastArgs;
const OpDef op_BroadcastArgs = {
    .name = "BroadcastArgs",
    .inputs = "s0: T, s1: T",
    .outputs = "r0: T",
    .attrs = "T: {int32, int64} = int32",
    .infer = infer_broadcast_args,
    .kernels = kKernels,
};

TARN_OP_FILE(broadcast_args, {&op_BroadcastArgs, kDoc, nullptr, "made for shapes"})

}  // namespace tarn
