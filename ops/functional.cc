// If, Case, While and calls of functions. A compiler writes their functions out (runtime/inline_calls.h): there are no
// kernels.
#include "core/op.h"

namespace tarn {
namespace {

// The shapes that attr `output_shapes` declares.
Status infer_declared(InferContext& c) {
  auto shapes = c.attrs().get_or<std::vector<Shape>>("output_shapes", {});
  for (int i = 0; i < c.output_count() && i < std::ssize(shapes); ++i)
    TARN_RETURN_IF_ERROR(c.set_output(i, shapes[static_cast<size_t>(i)]));
  return {};
}

constexpr std::string_view kIfDoc = R"(Calls one of two functions.
  cond  bool or a number, a scalar   input  Tin   returns  Tout: what then_branch gives, or else_branch
  Source: TensorFlow functional_ops If.)";
constexpr std::string_view kCaseDoc = R"(Calls one of several functions.
  branch_index  int32, a scalar   input  Tin   returns  Tout: what branches[branch_index] gives
  An index that no branch has stands for the last one.   Source: TensorFlow functional_ops Case.)";
constexpr std::string_view kWhileDoc = R"(Calls a function on its own outputs for as long as another says so.
  input  T   returns  T: input, after body was called while cond of it is true.   Source: TensorFlow functional_ops While.)";
constexpr std::string_view kCallDoc = R"(Calls a function.
  args  Tin   returns  Tout.   Source: TensorFlow functional_ops PartitionedCall.)";
constexpr std::string_view kReason = "functions are not differentiated";

}  // namespace

extern const OpDef op_If, op_StatelessIf, op_Case, op_StatelessCase, op_While, op_StatelessWhile, op_PartitionedCall,
    op_StatefulPartitionedCall;
const OpDef op_If = {
    .name = "If",
    .inputs = "cond: Tcond, input: Tin",
    .outputs = "output: Tout",
    .attrs =
        "Tcond: type; Tin: list(type) >= 0; Tout: list(type) >= 0; then_branch: func; else_branch: func; "
        "output_shapes: list(shape) = []",
    .traits = kStateful,
    .infer = infer_declared,
};
const OpDef op_StatelessIf = {
    .name = "StatelessIf",
    .inputs = "cond: Tcond, input: Tin",
    .outputs = "output: Tout",
    .attrs =
        "Tcond: type; Tin: list(type) >= 0; Tout: list(type) >= 0; then_branch: func; else_branch: func; "
        "output_shapes: list(shape) = []",
    .traits = kStateful,
    .infer = infer_declared,
};
const OpDef op_Case = {
    .name = "Case",
    .inputs = "branch_index: int32, input: Tin",
    .outputs = "output: Tout",
    .attrs = "Tin: list(type) >= 0; Tout: list(type) >= 0; branches: list(func) >= 1; output_shapes: list(shape) = []",
    .traits = kStateful,
    .infer = infer_declared,
};
const OpDef op_StatelessCase = {
    .name = "StatelessCase",
    .inputs = "branch_index: int32, input: Tin",
    .outputs = "output: Tout",
    .attrs = "Tin: list(type) >= 0; Tout: list(type) >= 0; branches: list(func) >= 1; output_shapes: list(shape) = []",
    .traits = kStateful,
    .infer = infer_declared,
};
const OpDef op_While = {
    .name = "While",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs =
        "T: list(type) >= 0; cond: func; body: func; output_shapes: list(shape) = []; "
        "parallel_iterations: int = 10",
    .traits = kStateful,
    .infer = infer_declared,
};
const OpDef op_StatelessWhile = {
    .name = "StatelessWhile",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs =
        "T: list(type) >= 0; cond: func; body: func; output_shapes: list(shape) = []; "
        "parallel_iterations: int = 10",
    .traits = kStateful,
    .infer = infer_declared,
};
const OpDef op_PartitionedCall = {
    .name = "PartitionedCall",
    .inputs = "args: Tin",
    .outputs = "output: Tout",
    .attrs =
        "Tin: list(type) >= 0; Tout: list(type) >= 0; f: func; config: string = ''; config_proto: string = ''; "
        "executor_type: string = ''",
    .traits = kStateful,
    .infer = infer_unknown,
};
const OpDef op_StatefulPartitionedCall = {
    .name = "StatefulPartitionedCall",
    .inputs = "args: Tin",
    .outputs = "output: Tout",
    .attrs =
        "Tin: list(type) >= 0; Tout: list(type) >= 0; f: func; config: string = ''; config_proto: string = ''; "
        "executor_type: string = ''",
    .traits = kStateful,
    .infer = infer_unknown,
};

TARN_OP_FILE(functional, {&op_If, kIfDoc, nullptr, kReason}, {&op_StatelessIf, kIfDoc, nullptr, kReason},
             {&op_Case, kCaseDoc, nullptr, kReason}, {&op_StatelessCase, kCaseDoc, nullptr, kReason},
             {&op_While, kWhileDoc, nullptr, kReason}, {&op_StatelessWhile, kWhileDoc, nullptr, kReason},
             {&op_PartitionedCall, kCallDoc, nullptr, kReason},
             {&op_StatefulPartitionedCall, kCallDoc, nullptr, kReason})

}  // namespace tarn
