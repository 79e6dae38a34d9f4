// LogicalAnd, LogicalOr and LogicalNot.
#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

struct And {
  bool operator()(bool x, bool y) const { return x && y; }
};
struct Or {
  bool operator()(bool x, bool y) const { return x || y; }
};
struct Not {
  bool operator()(bool x) const { return !x; }
};

constexpr KernelDef kAndKernels[] = {portable_kernel<BinaryKernel<bool, bool, And>>()};
constexpr KernelDef kOrKernels[] = {portable_kernel<BinaryKernel<bool, bool, Or>>()};
constexpr KernelDef kNotKernels[] = {portable_kernel<UnaryKernel<bool, bool, Not>>()};

constexpr std::string_view kNoGradient = "the output is boolean";

constexpr std::string_view kAndDoc = R"(x and y, element by element, with broadcasting.
  x, y  bool, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops LogicalAnd.)";
constexpr std::string_view kOrDoc = R"(x or y, element by element, with broadcasting.
  x, y  bool, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops LogicalOr.)";
constexpr std::string_view kNotDoc = R"(not x, element by element.
  x  bool[...]   returns  bool[...], same shape
  Source: TensorFlow math_ops LogicalNot.)";

}  // namespace

extern const OpDef op_LogicalAnd, op_LogicalOr, op_LogicalNot;
const OpDef op_LogicalAnd = {
    .name = "LogicalAnd",
    .inputs = "x: bool, y: bool",
    .outputs = "z: bool",
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kAndKernels,
};
const OpDef op_LogicalOr = {
    .name = "LogicalOr",
    .inputs = "x: bool, y: bool",
    .outputs = "z: bool",
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kOrKernels,
};
const OpDef op_LogicalNot = {
    .name = "LogicalNot",
    .inputs = "x: bool",
    .outputs = "y: bool",
    .infer = infer_unchanged,
    .kernels = kNotKernels,
};

TARN_OP_FILE(logical, {&op_LogicalAnd, kAndDoc, nullptr, kNoGradient}, {&op_LogicalOr, kOrDoc, nullptr, kNoGradient},
             {&op_LogicalNot, kNotDoc, nullptr, kNoGradient})

}  // namespace tarn
