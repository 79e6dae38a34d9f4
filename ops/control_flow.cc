// Switch, Merge and what loops are made of. The executor itself does what they say; there are no kernels.
#include "core/op.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

Status infer_switch(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "pred"));
  return infer_unchanged(c);
}

// What all inputs agree on: one of them passes.
Status infer_merge(InferContext& c) {
  Shape common = c.shape(0);
  for (int i = 1; i < c.input_count(); ++i) {
    common = common_shape(common, c.shape(i));
    if (c.input(i).dtype == DType::kInvalid) continue;  // a back edge to come: the same handle as went in
    c.output(0).behind = common_variable(c.output(0), c.input(i));
  }
  TARN_RETURN_IF_ERROR(c.set_output(0, common));
  return c.set_output(1, Shape());
}

Status infer_switch_n(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "output_index"));
  return infer_unchanged(c);
}

Status infer_loop_cond(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "input"));
  return infer_scalar(c);
}

Status switch_gradient(GradContext& c) {
  // d data = Merge of what comes back from the two sides; from a side that nothing depends on come zeros.
  Wire sides[2] = {c.grad(0), c.grad(1)};
  if (sides[0].is_none() && sides[1].is_none()) return {};
  for (int i = 0; i < 2; ++i) {
    if (!sides[i].is_none()) continue;
    Wire data = c.input(0);
    const Fact& fact = c.fact(data);
    // The gradient of a handle is that of the value behind it.
    if (fact.behind != nullptr) data = c.op("ReadVariableOp", {data}, {{"dtype", fact.behind->dtype}});
    sides[i] = c.slot(c.op("Switch", {c.op("ZerosLike", {data}), c.input(1)}), i);
  }
  c.set_grad(0, c.op("Merge", sides));
  return {};
}

Status merge_gradient(GradContext& c) {
  // The input that was alive gets it all: Switch by value_index.
  if (c.grad(0).is_none()) return {};
  if (c.input_count() == 1) {
    c.set_grad(0, c.grad(0));
    return {};
  }
  if (c.input_count() > 2) return unimplemented("the gradient of Merge with ", c.input_count(), " inputs");
  Wire second = c.op("Cast", {c.output(1)}, {{"DstT", DType::kBool}});
  Wire sides = c.op("Switch", {c.grad(0), second});
  for (int i = 0; i < 2; ++i) c.set_grad(i, c.slot(sides, i));
  return {};
}

constexpr std::string_view kSwitchDoc = R"(Passes `data` to one of two outputs; the other is dead.
  data  T[...]   pred  bool, a scalar   returns  output_false, output_true  T[...]
  What depends on a dead value is dead too and does not run, up to a Merge.
  Source: TensorFlow control_flow_ops Switch.)";
constexpr std::string_view kSwitchNDoc = R"(Passes `data` to the output of the given number; the others are dead.
  data  T[...]   output_index  int32, a scalar: one that is none means the last   returns  outputs  num_outs tensors T[...]
  TensorFlow 2 writes Case so when it freezes a graph.   Source: TensorFlow control_flow_ops _SwitchN.)";
constexpr std::string_view kMergeDoc = R"(Passes on the one input that is not dead.
  inputs  N tensors T[...]   returns  output  T[...]   value_index  int32: which input it was
  Source: TensorFlow control_flow_ops Merge.)";
constexpr std::string_view kEnterDoc = R"(Brings a value into the loop frame `frame_name`.
  data  T[...]   returns  T[...]: in the first iteration only, or in all with is_constant
  Source: TensorFlow control_flow_ops Enter.)";
constexpr std::string_view kExitDoc = R"(Brings a value out of a loop, after its last iteration.
  data  T[...]   returns  T[...].   Source: TensorFlow control_flow_ops Exit.)";
constexpr std::string_view kNextDoc = R"(Brings a value into the next iteration of a loop.
  data  T[...]   returns  T[...].   Source: TensorFlow control_flow_ops NextIteration.)";
constexpr std::string_view kLoopCondDoc = R"(Marks the condition of a loop, which its Switch ops read.
  input  bool, a scalar   returns  bool.   Source: TensorFlow control_flow_ops LoopCond.)";
constexpr std::string_view kRefSwitchDoc = R"(Passes a variable to one of two outputs; the other is dead.
  data  Ref(T)   pred  bool, a scalar   returns  output_false, output_true  Ref(T)
  Source: TensorFlow control_flow_ops RefSwitch.)";
constexpr std::string_view kRefMergeDoc = R"(Passes on the one variable that is not dead.
  inputs  N references   returns  output  Ref(T)   value_index  int32.   Source: TensorFlow RefMerge.)";
constexpr std::string_view kRefEnterDoc = R"(Brings a variable into the loop frame `frame_name`.
  data  Ref(T)   returns  Ref(T).   Source: TensorFlow control_flow_ops RefEnter.)";
constexpr std::string_view kRefExitDoc = R"(Brings a variable out of a loop, after its last iteration.
  data  Ref(T)   returns  Ref(T).   Source: TensorFlow control_flow_ops RefExit.)";
constexpr std::string_view kRefNextDoc = R"(Brings a variable into the next iteration of a loop.
  data  Ref(T)   returns  Ref(T).   Source: TensorFlow control_flow_ops RefNextIteration.)";
constexpr std::string_view kTriggerDoc = R"(Does nothing but wait for its control inputs, dead ones too.
  What waits for it runs once these are done. Gradients of loops have it.
  Source: TensorFlow control_flow_ops ControlTrigger.)";
constexpr std::string_view kLoopReason = "loops are differentiated as a whole, which is not built yet";
constexpr std::string_view kRefReason = "references are not differentiated";

}  // namespace

extern const OpDef op_Switch, op_SwitchN, op_Merge, op_Enter, op_Exit, op_NextIteration, op_LoopCond, op_RefSwitch,
    op_RefMerge, op_RefEnter, op_RefExit, op_RefNextIteration, op_ControlTrigger;
const OpDef op_Switch = {
    .name = "Switch",
    .inputs = "data: T, pred: bool",
    .outputs = "output_false: T, output_true: T",
    .attrs = "T: type",
    .infer = infer_switch,
    .control = Control::kSwitch,
};
const OpDef op_SwitchN = {
    .name = "_SwitchN",
    .inputs = "data: T, output_index: int32",
    .outputs = "outputs: num_outs * T",
    .attrs = "num_outs: int >= 1; T: type",
    .infer = infer_switch_n,
    .control = Control::kSwitch,
};
const OpDef op_Merge = {
    .name = "Merge",
    .inputs = "inputs: N * T",
    .outputs = "output: T, value_index: int32",
    .attrs = "T: type; N: int >= 1",
    .infer = infer_merge,
    .control = Control::kMerge,
};
const OpDef op_Enter = {
    .name = "Enter",
    .inputs = "data: T",
    .outputs = "output: T",
    .attrs = "T: type; frame_name: string; is_constant: bool = false; parallel_iterations: int = 10",
    .infer = infer_unchanged,
    .control = Control::kEnter,
};
const OpDef op_Exit = {
    .name = "Exit",
    .inputs = "data: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_unchanged,
    .control = Control::kExit,
};
const OpDef op_NextIteration = {
    .name = "NextIteration",
    .inputs = "data: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_unchanged,
    .control = Control::kNextIteration,
};
const OpDef op_LoopCond = {
    .name = "LoopCond",
    .inputs = "input: bool",
    .outputs = "output: bool",
    .infer = infer_loop_cond,
    .control = Control::kLoopCond,
};
const OpDef op_RefSwitch = {
    .name = "RefSwitch",
    .inputs = "data: Ref(T), pred: bool",
    .outputs = "output_false: Ref(T), output_true: Ref(T)",
    .attrs = "T: type",
    .traits = kUninitializedOk,
    .infer = infer_switch,
    .control = Control::kSwitch,
};
const OpDef op_RefMerge = {
    .name = "RefMerge",
    .inputs = "inputs: Ref(N * T)",
    .outputs = "output: Ref(T), value_index: int32",
    .attrs = "T: type; N: int >= 1",
    .traits = kUninitializedOk,
    .infer = infer_merge,
    .control = Control::kMerge,
};
const OpDef op_RefEnter = {
    .name = "RefEnter",
    .inputs = "data: Ref(T)",
    .outputs = "output: Ref(T)",
    .attrs = "T: type; frame_name: string; is_constant: bool = false; parallel_iterations: int = 10",
    .traits = kUninitializedOk,
    .infer = infer_unchanged,
    .control = Control::kEnter,
};
const OpDef op_RefExit = {
    .name = "RefExit",
    .inputs = "data: Ref(T)",
    .outputs = "output: Ref(T)",
    .attrs = "T: type",
    .traits = kUninitializedOk,
    .infer = infer_unchanged,
    .control = Control::kExit,
};
const OpDef op_RefNextIteration = {
    .name = "RefNextIteration",
    .inputs = "data: Ref(T)",
    .outputs = "output: Ref(T)",
    .attrs = "T: type",
    .traits = kUninitializedOk,
    .infer = infer_unchanged,
    .control = Control::kNextIteration,
};
const OpDef op_ControlTrigger = {
    .name = "ControlTrigger",
    .infer = infer_no_outputs,
    .control = Control::kTrigger,
};

TARN_OP_FILE(control_flow, {&op_Switch, kSwitchDoc, switch_gradient},
             {&op_SwitchN, kSwitchNDoc, nullptr, "what TensorFlow writes as it freezes a graph is not trained"},
             {&op_Merge, kMergeDoc, merge_gradient}, {&op_Enter, kEnterDoc, nullptr, kLoopReason},
             {&op_Exit, kExitDoc, nullptr, kLoopReason}, {&op_NextIteration, kNextDoc, nullptr, kLoopReason},
             {&op_LoopCond, kLoopCondDoc, nullptr, "a bool has no gradient"},
             {&op_RefSwitch, kRefSwitchDoc, nullptr, kRefReason}, {&op_RefMerge, kRefMergeDoc, nullptr, kRefReason},
             {&op_RefEnter, kRefEnterDoc, nullptr, kRefReason}, {&op_RefExit, kRefExitDoc, nullptr, kRefReason},
             {&op_RefNextIteration, kRefNextDoc, nullptr, kRefReason},
             {&op_ControlTrigger, kTriggerDoc, nullptr, "it has no output"})

}  // namespace tarn
