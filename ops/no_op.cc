// NoOp.
#include "core/op.h"

namespace tarn {
namespace {

class NoOpKernel : public Kernel {
 public:
  Status run(RunContext&) const override { return {}; }
};

constexpr KernelDef kKernels[] = {portable_kernel<NoOpKernel>()};

constexpr std::string_view kDoc = R"(Does nothing; useful as a place for control edges to meet.
  Source: TensorFlow no_op.)";

}  // namespace

extern const OpDef op_NoOp;
const OpDef op_NoOp = {.name = "NoOp", .infer = infer_no_outputs, .kernels = kKernels};

TARN_OP_FILE(no_op, {&op_NoOp, kDoc, nullptr, "it has no inputs and no outputs"})

}  // namespace tarn
