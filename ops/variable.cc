// VariableV2, Variable and IsVariableInitialized: reference variables. VarHandleOp, ReadVariableOp, VarIsInitializedOp,
// DestroyResourceOp and DisableCopyOnRead: resource variables.
#include "ops/variables.h"

namespace tarn {
namespace {

Status infer_variable(InferContext& c) {
  return c.set_output(0, c.attr<Shape>("shape"));
}

Status infer_legacy_variable(InferContext& c) {
  // Version 1 wrote [] for "unknown" too.
  const Shape& shape = c.attr<Shape>("shape");
  return c.set_output(0, shape.is_scalar() ? Shape::unknown() : shape);
}

Status infer_handle(InferContext& c) {
  c.output(0).behind = std::make_shared<Fact>(Fact{c.attr<DType>("dtype"), c.attr<Shape>("shape")});
  return infer_scalar(c);
}

Status infer_read(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, "dtype"));
  return c.set_output(0, c.variable(0).shape);
}

class VariableKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    name_ = variable_name(c.attrs(), c.node_name());
    dtype_ = c.attr<DType>("dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    ResourceMap* resources = c.services().resources();
    if (resources == nullptr) return failed_precondition("there is nowhere to keep variables");
    auto* variable = resources->find_or_create<Variable>(name_, [&] { return std::make_unique<Variable>(name_); });
    if (variable->is_initialized() && variable->value().dtype() != dtype_) {
      return invalid_argument("variable ", quoted(name_), " holds ", dtype_name(variable->value().dtype()), ", not ",
                              dtype_name(dtype_));
    }
    c.set_variable(0, variable);
    return {};
  }

 private:
  std::string name_;
  DType dtype_ = DType::kInvalid;
};

class IsInitializedKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<bool>() = c.variable(0)->is_initialized();
    return {};
  }
};

// Programs never run it: they read by a view, or by a copy where the variable changes while the value is in use.
class ReadKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const Variable& variable = *c.variable(0);
    if (!variable.is_initialized()) {
      return failed_precondition("Attempting to use uninitialized value ", variable.name());
    }
    c.set_output(0, variable.value());
    return {};
  }
};

// Handles stay good: the variable is as it was before its first assignment.
class DestroyKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    ignore_missing_ = c.attr<bool>("ignore_lookup_error");
    return {};
  }
  Status run(RunContext& c) const override {
    Variable* variable = c.variable(0);
    if (!variable->is_initialized() && !ignore_missing_) {
      return not_found("variable ", quoted(variable->name()), " does not exist");
    }
    variable->set_value(Tensor());
    return {};
  }

 private:
  bool ignore_missing_ = true;
};

class NothingKernel : public Kernel {
 public:
  Status run(RunContext&) const override { return {}; }
};

constexpr KernelDef kNothingKernels[] = {portable_kernel<NothingKernel>()};
constexpr KernelDef kReadKernels[] = {portable_kernel<ReadKernel>()};
constexpr KernelDef kDestroyKernels[] = {portable_kernel<DestroyKernel>()};
constexpr KernelDef kVariableKernels[] = {portable_kernel<VariableKernel>()};
constexpr KernelDef kIsInitializedKernels[] = {portable_kernel<IsInitializedKernel>()};

Status read_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  return {};
}

constexpr std::string_view kVariableV2Doc = R"(A tensor that outlives a run, held by the session.
  returns  Ref(dtype)[shape]: a handle; Assign gives it a value, any other op reads the value it has then
  The variable is found by `shared_name`, or by the node's name; `container` is a prefix.
  Source: TensorFlow state_ops VariableV2.)";
constexpr std::string_view kVariableDoc = R"(As VariableV2, from graphs older than TensorFlow 0.12.
  returns  Ref(dtype)[shape]; the shape [] also says "unknown".   Source: TensorFlow state_ops Variable.)";
constexpr std::string_view kHandleDoc = R"(A handle on a tensor that outlives a run, held by the session.
  returns  resource, a scalar: AssignVariableOp gives the variable a value dtype[shape], ReadVariableOp reads it
  The variable is found by `shared_name`, or by the node's name; `container` is a prefix. Nodes that find the same one
  share it.
  Source: TensorFlow resource_variable_ops VarHandleOp.)";
constexpr std::string_view kReadDoc = R"(The value that a variable has when this op runs.
  resource  a handle on a variable   returns  dtype[...]; later assignments do not change it
  Within a run, control edges alone order reads and writes; a read that no edge orders comes before the writes.
  Errors: InvalidArgument if the variable holds another dtype or shape than declared; FailedPrecondition if none.
  Source: TensorFlow resource_variable_ops ReadVariableOp.)";
constexpr std::string_view kVarIsInitializedDoc = R"(Whether the variable behind a handle has been given a value.
  resource  a handle on a variable   returns  bool.   Source: TensorFlow resource_variable_ops VarIsInitializedOp.)";
constexpr std::string_view kDestroyDoc = R"(Takes a variable's value away; it is uninitialized afterwards.
  resource  a handle on a variable
  Errors: NotFound if it has no value, unless ignore_lookup_error.   Source: TensorFlow DestroyResourceOp.)";
constexpr std::string_view kDisableCopyDoc = R"(Does nothing: reads are copied where they must be, and only there.
  resource  a handle on a variable.   Source: TensorFlow resource_variable_ops DisableCopyOnRead, which its savers write.)";
constexpr std::string_view kIsInitializedDoc = R"(Whether a variable has been given a value.
  ref  Ref(dtype)   returns  bool.   Source: TensorFlow state_ops IsVariableInitialized.)";

}  // namespace

extern const OpDef op_VariableV2, op_Variable, op_IsVariableInitialized, op_VarHandleOp, op_ReadVariableOp,
    op_VarIsInitializedOp, op_DestroyResourceOp, op_DisableCopyOnRead;
const OpDef op_VariableV2 = {
    .name = "VariableV2",
    .outputs = "ref: Ref(dtype)",
    .attrs = "shape: shape; dtype: type; container: string = ''; shared_name: string = ''",
    .traits = kStateful,
    .infer = infer_variable,
    .kernels = kVariableKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_Variable = {
    .name = "Variable",
    .outputs = "ref: Ref(dtype)",
    .attrs = "shape: shape; dtype: type; container: string = ''; shared_name: string = ''",
    .traits = kStateful,
    .infer = infer_legacy_variable,
    .kernels = kVariableKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_IsVariableInitialized = {
    .name = "IsVariableInitialized",
    .inputs = "ref: Ref(dtype)",
    .outputs = "is_initialized: bool",
    .attrs = "dtype: type",
    .traits = kUninitializedOk | kNoFold,
    .infer = infer_scalar,
    .kernels = kIsInitializedKernels,
};

const OpDef op_VarHandleOp = {
    .name = "VarHandleOp",
    .outputs = "resource: resource",
    .attrs =
        "container: string = ''; shared_name: string = ''; debug_name: string = ''; dtype: type; shape: shape; "
        "allowed_devices: list(string) = []",
    .traits = kStateful,
    .infer = infer_handle,
    .kernels = kVariableKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_ReadVariableOp = {
    .name = "ReadVariableOp",
    .inputs = "resource: resource",
    .outputs = "value: dtype",
    .attrs = "dtype: type",
    .traits = kStateful | kView | kTakesVariable,
    .infer = infer_read,
    .kernels = kReadKernels,
};
const OpDef op_VarIsInitializedOp = {
    .name = "VarIsInitializedOp",
    .inputs = "resource: resource",
    .outputs = "is_initialized: bool",
    .traits = kStateful | kUninitializedOk | kTakesVariable,
    .infer = infer_scalar,
    .kernels = kIsInitializedKernels,
};
const OpDef op_DestroyResourceOp = {
    .name = "DestroyResourceOp",
    .inputs = "resource: resource",
    .attrs = "ignore_lookup_error: bool = true",
    .traits = kStateful | kUninitializedOk | kWritesRef | kTakesVariable,
    .infer = infer_no_outputs,
    .kernels = kDestroyKernels,
};
const OpDef op_DisableCopyOnRead = {
    .name = "DisableCopyOnRead",
    .inputs = "resource: resource",
    .traits = kStateful | kUninitializedOk | kTakesVariable,
    .infer = infer_no_outputs,
    .kernels = kNothingKernels,
};

TARN_OP_FILE(variable, {&op_VariableV2, kVariableV2Doc, nullptr, "a variable is where gradients end"},
             {&op_Variable, kVariableDoc, nullptr, "a variable is where gradients end"},
             {&op_IsVariableInitialized, kIsInitializedDoc, nullptr, "a bool has no gradient"},
             {&op_VarHandleOp, kHandleDoc, nullptr, "a variable is where gradients end"},
             {&op_ReadVariableOp, kReadDoc, read_gradient},
             {&op_VarIsInitializedOp, kVarIsInitializedDoc, nullptr, "a bool has no gradient"},
             {&op_DestroyResourceOp, kDestroyDoc, nullptr, "it changes a variable"},
             {&op_DisableCopyOnRead, kDisableCopyDoc, nullptr, "it has no outputs"})

}  // namespace tarn
