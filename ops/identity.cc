// Identity and its kin: IdentityN, StopGradient, PreventGradient, RefIdentity.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_identity(InferContext& c) {
  for (int i = 0; i < c.output_count(); ++i) {
    TARN_RETURN_IF_ERROR(c.set_output(i, c.shape(i)));
    if (c.input(i).has_value()) c.set_value(i, c.input(i).value);
    c.output(i).elements = c.input(i).elements;
    if (c.output(i).dtype == DType::kResource) c.output(i).behind = c.input(i).behind;
  }
  return {};
}

// Also forgets the value: what these ops mean lies in their being there.
Status infer_barrier(InferContext& c) {
  return c.set_output(0, c.shape(0));
}

class IdentityKernel : public Kernel {
 public:
  Status run(RunContext& c) const override { return c.forward(0, 0, *c.input(0).shape); }
};

class IdentityNKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    is_handle_.clear();
    for (int i = 0; i < c.input_count(); ++i) {
      DType dtype = c.output(i).dtype;
      is_handle_.push_back(dtype == DType::kResource || dtype == DType::kVariant);
      c.may_reuse(i, i);
    }
    return {};
  }
  Status run(RunContext& c) const override {
    for (int i = 0; i < c.input_count(); ++i) {
      const TensorView& x = c.input(i);
      if (is_handle_[static_cast<size_t>(i)]) {  // under a call's name its handles stay too
        if (c.variable(i) == nullptr) {
          TARN_RETURN_IF_ERROR(c.forward(i, i, *x.shape));
        } else {
          c.set_variable(i, c.variable(i));
        }
        continue;
      }
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, *x.shape));
      if (y.data != x.data) copy_elements(x.dtype, y.data, x.data, x.count);
    }
    return {};
  }

 private:
  std::vector<bool> is_handle_;
};

class RefIdentityKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    c.set_variable(0, c.variable(0));
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<IdentityKernel>()};
constexpr KernelDef kIdentityNKernels[] = {portable_kernel<IdentityNKernel>()};
constexpr KernelDef kRefKernels[] = {portable_kernel<RefIdentityKernel>()};

Status identity_gradient(GradContext& c) {
  for (int i = 0; i < c.input_count(); ++i) c.set_grad(i, c.grad(i));
  return {};
}

Status prevent_gradient(GradContext& c) {
  return invalid_argument("the gradient of this node must not be asked for: ", c.attr<std::string>("message"));
}

constexpr std::string_view kIdentityDoc = R"(Returns its input unchanged.
  input  T[...]   returns  T[...], the same memory.   Source: TensorFlow array_ops Identity.)";
constexpr std::string_view kIdentityNDoc = R"(Returns all of its inputs unchanged, once all are there.
  input  tensors of the types T   returns  the same.   Source: TensorFlow array_ops IdentityN.)";
constexpr std::string_view kStopDoc = R"(Returns its input, which for gradients counts as a constant.
  input  T[...]   returns  T[...].   Source: TensorFlow array_ops StopGradient.)";
constexpr std::string_view kPreventDoc = R"(Returns its input; asking for a gradient through it is an error.
  input  T[...]   returns  T[...]
  Errors: InvalidArgument with the attr `message` when gradients are built.
  Source: TensorFlow array_ops PreventGradient.)";
constexpr std::string_view kRefIdentityDoc = R"(Returns the variable that it is given.
  input  Ref(T)   returns  the same reference.   Source: TensorFlow array_ops RefIdentity.)";

}  // namespace

extern const OpDef op_Identity, op_IdentityN, op_StopGradient, op_PreventGradient, op_RefIdentity;
const OpDef op_Identity = {
    .name = "Identity",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .traits = kView,
    .infer = infer_identity,
    .kernels = kKernels,
};
const OpDef op_IdentityN = {
    .name = "IdentityN",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: list(type) >= 1",
    .infer = infer_identity,
    .kernels = kIdentityNKernels,
};
const OpDef op_StopGradient = {
    .name = "StopGradient",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .traits = kView,
    .infer = infer_identity,
    .kernels = kKernels,
};
const OpDef op_PreventGradient = {
    .name = "PreventGradient",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = "T: type; message: string = ''",
    .traits = kView | kNoFold,
    .infer = infer_barrier,
    .kernels = kKernels,
};
const OpDef op_RefIdentity = {
    .name = "RefIdentity",
    .inputs = "input: Ref(T)",
    .outputs = "output: Ref(T)",
    .attrs = "T: type",
    .traits = kUninitializedOk | kNoFold,
    .infer = infer_barrier,
    .kernels = kRefKernels,
};

TARN_OP_FILE(identity, {&op_Identity, kIdentityDoc, identity_gradient},
             {&op_IdentityN, kIdentityNDoc, identity_gradient},
             {&op_StopGradient, kStopDoc, nullptr, "stopping gradients is what it is for"},
             {&op_PreventGradient, kPreventDoc, prevent_gradient},
             {&op_RefIdentity, kRefIdentityDoc, nullptr, "references are not differentiated"})

}  // namespace tarn
