// Assign, AssignAdd, AssignSub.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_assign(InferContext& c) {
  if (!c.attr<bool>("validate_shape")) return c.set_output(0, c.shape(1));
  return infer_merged_inputs(c);
}

class AssignKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    validate_shape_ = c.attr<bool>("validate_shape");
    declared_ = c.input(0).shape;
    return {};
  }
  Status run(RunContext& c) const override {
    Variable* variable = c.variable(0);
    const TensorView& value = c.input(1);
    bool same = variable->is_initialized() && variable->value().shape() == *value.shape &&
                variable->value().dtype() == value.dtype;
    bool fits = variable->is_initialized() ? same : declared_.is_compatible_with(*value.shape);
    if (validate_shape_ && !fits) {
      const Shape& shape = variable->is_initialized() ? variable->value().shape() : declared_;
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
    c.set_variable(0, variable);
    return {};
  }

 private:
  bool validate_shape_ = true;
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
        } else {  // wraps
          uint64_t a = static_cast<uint64_t>(v[i]), b = static_cast<uint64_t>(x[i]);
          v[i] = static_cast<T>(sign > 0 ? a + b : a - b);
        }
      }
    });
    c.set_variable(0, variable);
    return {};
  }
};

constexpr KernelDef kAssignKernels[] = {portable_kernel<AssignKernel>()};
template <int sign>
constexpr KernelDef kUpdateKernels[] = {
    portable_kernel<AssignUpdateKernel<float, sign>>(DType::kFloat),
    portable_kernel<AssignUpdateKernel<double, sign>>(DType::kDouble),
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
constexpr std::string_view kNoGradient = "an assignment is not a function of its inputs";

}  // namespace

extern const OpDef op_Assign, op_AssignAdd, op_AssignSub;
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

TARN_OP_FILE(assign, {&op_Assign, kAssignDoc, nullptr, kNoGradient},
             {&op_AssignAdd, kAssignAddDoc, nullptr, kNoGradient}, {&op_AssignSub, kAssignSubDoc, nullptr, kNoGradient})

}  // namespace tarn
