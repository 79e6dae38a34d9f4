// Assign, AssignAdd, AssignSub, and their like for resource variables.
#include "ops/elementwise.h"
#include "ops/support/array.h"
#include "ops/variables.h"

namespace tarn {
namespace {

Status infer_assign(InferContext& c) {
  if (!c.attr<bool>("validate_shape")) return c.set_output(0, c.shape(1));
  return infer_merged_inputs(c);
}

// Also of AssignAddVariableOp and AssignSubVariableOp.
Status infer_assign_variable(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, "dtype"));
  const Shape& declared = c.variable(0).shape;
  if (declared.is_compatible_with(c.shape(1))) return {};
  return invalid_argument("the variable has shape ", declared.to_string(), ", the value ", c.shape(1).to_string());
}

class AssignKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    validate_shape_ = c.attr<bool>("validate_shape");
    is_handle_ = c.input(0).behind != nullptr;
    declared_ = c.input(0).variable().shape;
    return {};
  }
  Status run(RunContext& c) const override {
    Variable* variable = c.variable(0);
    const TensorView& value = c.input(1);
    bool same = variable->is_initialized() && variable->value().shape() == *value.shape &&
                variable->value().dtype() == value.dtype;
    bool has_shape = variable->is_initialized() && validate_shape_;
    const Shape& shape = has_shape ? variable->value().shape() : declared_;
    // What a handle declares holds in any case; a reference without validate_shape takes all.
    bool judged = validate_shape_ || is_handle_;
    if (judged && !(has_shape ? same : shape.is_compatible_with(*value.shape))) {
      return invalid_argument("Assign requires shapes of both tensors to match: variable ", quoted(variable->name()),
                              " has ", shape.to_string(), ", the value ", value.shape->to_string());
    }
    // The variable's own memory serves again unless a caller still holds it.
    if (same && variable->value().buffer() != nullptr && variable->value().buffer().use_count() == 1) {
      void* to = variable->mutable_value().mutable_data();
      if (to != value.data) copy_elements(value.dtype, to, value.data, value.count);
    } else {
      TARN_ASSIGN_OR_RETURN(Tensor fresh, Tensor::allocate(value.dtype, *value.shape));
      copy_elements(value.dtype, fresh.mutable_data(), value.data, value.count);
      variable->set_value(std::move(fresh));
    }
    give_variable(c);
    return {};
  }

 private:
  bool validate_shape_ = true, is_handle_ = false;
  Shape declared_;
};

// v = v + sign * value
template <class T, int sign>
class AssignUpdateKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    Variable* variable = c.variable(0);
    const TensorView& value = c.input(1);
    if (!variable->is_initialized()) {
      return failed_precondition("Attempting to use uninitialized value ", variable->name());
    }
    const Shape& shape = variable->value().shape();
    if (!(shape == *value.shape)) {
      return invalid_argument("variable ", quoted(variable->name()), " has shape ", shape.to_string(),
                              ", the value to add ", value.shape->to_string());
    }
    const T* x = value.as<T>();
    T* v = static_cast<T*>(variable->mutable_value().mutable_data());
    if (v == nullptr) return resource_exhausted("out of memory for variable ", quoted(variable->name()));
    c.threads().parallel_for(value.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        if constexpr (std::is_floating_point_v<T>) {
          v[i] = sign > 0 ? v[i] + x[i] : v[i] - x[i];
        } else if constexpr (kIsNarrow<T>) {
          v[i] = narrowed<T>(sign > 0 ? widened(v[i]) + widened(x[i]) : widened(v[i]) - widened(x[i]));
        } else {  // wraps
          uint64_t a = static_cast<uint64_t>(v[i]), b = static_cast<uint64_t>(x[i]);
          v[i] = static_cast<T>(sign > 0 ? a + b : a - b);
        }
      }
    });
    give_variable(c);
    return {};
  }
};

constexpr KernelDef kAssignKernels[] = {portable_kernel<AssignKernel>()};
template <int sign>
constexpr KernelDef kUpdateKernels[] = {
    portable_kernel<AssignUpdateKernel<float, sign>>(DType::kFloat),
    portable_kernel<AssignUpdateKernel<double, sign>>(DType::kDouble),
    portable_kernel<AssignUpdateKernel<Half, sign>>(DType::kHalf),
    portable_kernel<AssignUpdateKernel<BFloat16, sign>>(DType::kBFloat16),
    portable_kernel<AssignUpdateKernel<int32_t, sign>>(DType::kInt32),
    portable_kernel<AssignUpdateKernel<int64_t, sign>>(DType::kInt64),
    portable_kernel<AssignUpdateKernel<uint8_t, sign>>(DType::kUInt8),
    portable_kernel<AssignUpdateKernel<int8_t, sign>>(DType::kInt8),
    portable_kernel<AssignUpdateKernel<int16_t, sign>>(DType::kInt16),
    portable_kernel<AssignUpdateKernel<uint16_t, sign>>(DType::kUInt16),
};

constexpr std::string_view kAssignDoc = R"(Gives a variable a value.
  ref  Ref(T)   value  T[...]   returns  the variable
  With validate_shape the value must have the shape the variable has (or was declared with); without, any.
  Errors: InvalidArgument naming the variable and both shapes.   Source: TensorFlow state_ops Assign.)";
constexpr std::string_view kAssignAddDoc = R"(Adds to a variable.
  ref  Ref(T)[...]   value  T[...], same shape   returns  the variable, after
  Integers wrap.   Source: TensorFlow state_ops AssignAdd.)";
constexpr std::string_view kAssignSubDoc = R"(Subtracts from a variable.
  ref  Ref(T)[...]   value  T[...], same shape   returns  the variable, after
  Integers wrap.   Source: TensorFlow state_ops AssignSub.)";
constexpr std::string_view kAssignVariableDoc = R"(Gives a variable a value.
  resource  a handle on a variable   value  dtype[...], of the shape that the variable was declared with
  With validate_shape also of the shape that it has.
  Errors: InvalidArgument naming the variable and both shapes.
  Source: TensorFlow resource_variable_ops AssignVariableOp.)";
constexpr std::string_view kAssignAddVariableDoc = R"(Adds to a variable.
  resource  a handle on a variable dtype[...]   value  dtype[...], same shape;   integers wrap
  Errors: InvalidArgument if shapes differ; FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops AssignAddVariableOp.)";
constexpr std::string_view kAssignSubVariableDoc = R"(Subtracts from a variable.
  resource  a handle on a variable dtype[...]   value  dtype[...], same shape;   integers wrap
  Errors: InvalidArgument if shapes differ; FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops AssignSubVariableOp.)";
constexpr std::string_view kNoGradient = "an assignment is not a function of its inputs";

}  // namespace

extern const OpDef op_Assign, op_AssignAdd, op_AssignSub, op_AssignVariableOp, op_AssignAddVariableOp,
    op_AssignSubVariableOp;
const OpDef op_Assign = {
    .name = "Assign",
    .inputs = "ref: Ref(T), value: T",
    .outputs = "output_ref: Ref(T)",
    .attrs = "T: type; validate_shape: bool = true; use_locking: bool = true",
    .traits = kUninitializedOk | kWritesRef,
    .infer = infer_assign,
    .kernels = kAssignKernels,
};
const OpDef op_AssignAdd = {
    .name = "AssignAdd",
    .inputs = "ref: Ref(T), value: T",
    .outputs = "output_ref: Ref(T)",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
        "complex128, half, uint32, uint64}; use_locking: bool = false",
    .traits = kWritesRef,
    .infer = infer_merged_inputs,
    .kernels = kUpdateKernels<1>,
};
const OpDef op_AssignSub = {
    .name = "AssignSub",
    .inputs = "ref: Ref(T), value: T",
    .outputs = "output_ref: Ref(T)",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
        "complex128, half, uint32, uint64}; use_locking: bool = false",
    .traits = kWritesRef,
    .infer = infer_merged_inputs,
    .kernels = kUpdateKernels<-1>,
};

const OpDef op_AssignVariableOp = {
    .name = "AssignVariableOp",
    .inputs = "resource: resource, value: dtype",
    .attrs = "dtype: type; validate_shape: bool = false",
    .traits = kStateful | kUninitializedOk | kWritesRef | kTakesVariable,
    .infer = infer_assign_variable,
    .kernels = kAssignKernels,
};
const OpDef op_AssignAddVariableOp = {
    .name = "AssignAddVariableOp",
    .inputs = "resource: resource, value: dtype",
    .attrs = "dtype: type",
    .traits = kStateful | kWritesRef | kTakesVariable,
    .infer = infer_assign_variable,
    .kernels = kUpdateKernels<1>,
};
const OpDef op_AssignSubVariableOp = {
    .name = "AssignSubVariableOp",
    .inputs = "resource: resource, value: dtype",
    .attrs = "dtype: type",
    .traits = kStateful | kWritesRef | kTakesVariable,
    .infer = infer_assign_variable,
    .kernels = kUpdateKernels<-1>,
};

TARN_OP_FILE(assign, {&op_Assign, kAssignDoc, nullptr, kNoGradient},
             {&op_AssignAdd, kAssignAddDoc, nullptr, kNoGradient}, {&op_AssignSub, kAssignSubDoc, nullptr, kNoGradient},
             {&op_AssignVariableOp, kAssignVariableDoc, nullptr, kNoGradient},
             {&op_AssignAddVariableOp, kAssignAddVariableDoc, nullptr, kNoGradient},
             {&op_AssignSubVariableOp, kAssignSubVariableDoc, nullptr, kNoGradient})

}  // namespace tarn
