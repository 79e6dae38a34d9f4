// VariableV2, Variable and IsVariableInitialized: reference variables.
#include "core/op.h"

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

class VariableKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    const auto& shared_name = c.attr<std::string>("shared_name");
    const auto& container = c.attr<std::string>("container");
    name_ = shared_name.empty() ? std::string(c.node_name()) : shared_name;
    if (!container.empty()) name_ = str_cat(container, "/", name_);
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

constexpr KernelDef kVariableKernels[] = {portable_kernel<VariableKernel>()};
constexpr KernelDef kIsInitializedKernels[] = {portable_kernel<IsInitializedKernel>()};

constexpr std::string_view kVariableV2Doc = R"(A tensor that outlives a run, held by the session.
  returns  Ref(dtype)[shape]: a handle; Assign gives it a value, any other op reads the value it has then
  The variable is found by `shared_name`, or by the node's name; `container` is a prefix.
  Source: TensorFlow state_ops VariableV2.)";
constexpr std::string_view kVariableDoc = R"(As VariableV2, from graphs older than TensorFlow 0.12.
  returns  Ref(dtype)[shape]; the shape [] also says "unknown".   Source: TensorFlow state_ops Variable.)";
constexpr std::string_view kIsInitializedDoc = R"(Whether a variable has been given a value.
  ref  Ref(dtype)   returns  bool.   Source: TensorFlow state_ops IsVariableInitialized.)";

}  // namespace

extern const OpDef op_VariableV2, op_Variable, op_IsVariableInitialized;
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

TARN_OP_FILE(variable, {&op_VariableV2, kVariableV2Doc, nullptr, "a variable is where gradients end"},
             {&op_Variable, kVariableDoc, nullptr, "a variable is where gradients end"},
             {&op_IsVariableInitialized, kIsInitializedDoc, nullptr, "a bool has no gradient"})

}  // namespace tarn
