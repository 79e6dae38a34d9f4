// ScatterUpdate, -Add, -Sub, -Mul, -Div, -Min, -Max: change rows of a reference variable; ResourceScatter* those of a
// resource variable.
#include "ops/scatter.h"

namespace tarn {
namespace {

using scatter::Rows;

// Of the smaller and the larger.
constexpr std::string_view kOrderAttrs =
    "T: {half, bfloat16, float, double, int32, int64}; Tindices: {int32, int64}; use_locking: bool = false";
constexpr std::string_view kResourceInputs = "resource: resource, indices: Tindices, updates: dtype";
constexpr std::string_view kResourceUpdateAttrs = "dtype: type; Tindices: {int32, int64}";
constexpr std::string_view kResourceAttrs =
    "dtype: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; Tindices: {int32, int64}";

template <template <class> class F>
constexpr auto& kOrderKernels = scatter::kCombineKernels<Rows, F, float, double, Half, BFloat16, int32_t, int64_t>;

constexpr std::string_view kScatterUpdateDoc = R"(Gives rows of a variable new values.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; of rows named twice the last stays
  Errors: InvalidArgument naming the index, its place and n.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterUpdate.)";
constexpr std::string_view kScatterAddDoc = R"(Adds to rows of a variable.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterAdd.)";
constexpr std::string_view kScatterSubDoc = R"(Subtracts from rows of a variable.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterSub.)";
constexpr std::string_view kScatterMulDoc = R"(Multiplies rows of a variable.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterMul.)";
constexpr std::string_view kScatterDivDoc = R"(Divides rows of a variable.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; rows named twice get both;
  integers are cut towards zero
  Errors: InvalidArgument naming the index, its place and n, or the zero that integers are divided by.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterDiv.)";
constexpr std::string_view kScatterMinDoc = R"(Takes the smaller of rows of a variable and other numbers.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; rows named twice get both
  Errors: InvalidArgument naming the index, its place and n.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterMin.)";
constexpr std::string_view kScatterMaxDoc = R"(Takes the larger of rows of a variable and other numbers.
  ref  Ref(T)[n, ...]   indices  Tindices[...], each in [0, n)
  updates  T[indices.shape, ...], or a scalar for all of them; rows named twice get both
  Errors: InvalidArgument naming the index, its place and n.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterMax.)";
constexpr std::string_view kResourceScatterUpdateDoc = R"(Gives rows of a variable new values.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; of rows named twice the last stays
  Errors: InvalidArgument naming the index, its place and n;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterUpdate.)";
constexpr std::string_view kResourceScatterAddDoc = R"(Adds to rows of a variable.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterAdd.)";
constexpr std::string_view kResourceScatterSubDoc = R"(Subtracts from rows of a variable.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterSub.)";
constexpr std::string_view kResourceScatterMulDoc = R"(Multiplies rows of a variable.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterMul.)";
constexpr std::string_view kResourceScatterDivDoc = R"(Divides rows of a variable.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; rows named twice get both;
  integers are cut towards zero
  Errors: InvalidArgument naming the index, its place and n, or the zero that integers are divided by;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterDiv.)";
constexpr std::string_view kResourceScatterMinDoc = R"(Takes the smaller of rows of a variable and other numbers.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; rows named twice get both
  Errors: InvalidArgument naming the index, its place and n;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterMin.)";
constexpr std::string_view kResourceScatterMaxDoc = R"(Takes the larger of rows of a variable and other numbers.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates  dtype[indices.shape, ...], or a scalar for all of them; rows named twice get both
  Errors: InvalidArgument naming the index, its place and n;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterMax.)";

}  // namespace

extern const OpDef op_ScatterUpdate, op_ScatterAdd, op_ScatterSub, op_ScatterMul, op_ScatterDiv, op_ScatterMin,
    op_ScatterMax, op_ResourceScatterUpdate, op_ResourceScatterAdd, op_ResourceScatterSub, op_ResourceScatterMul,
    op_ResourceScatterDiv, op_ResourceScatterMin, op_ResourceScatterMax;
const OpDef op_ScatterUpdate = {
    .name = "ScatterUpdate",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefUpdateAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kUpdateKernels<Rows>,
};
const OpDef op_ScatterAdd = {
    .name = "ScatterAdd",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Plus>,
};
const OpDef op_ScatterSub = {
    .name = "ScatterSub",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Minus>,
};
const OpDef op_ScatterMul = {
    .name = "ScatterMul",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Times>,
};
const OpDef op_ScatterDiv = {
    .name = "ScatterDiv",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Over>,
};
const OpDef op_ScatterMin = {
    .name = "ScatterMin",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = kOrderAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = kOrderKernels<scatter::Smaller>,
};
const OpDef op_ScatterMax = {
    .name = "ScatterMax",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = kOrderAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Rows>,
    .kernels = kOrderKernels<scatter::Larger>,
};
const OpDef op_ResourceScatterUpdate = {
    .name = "ResourceScatterUpdate",
    .inputs = kResourceInputs,
    .attrs = kResourceUpdateAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kUpdateKernels<Rows>,
};
const OpDef op_ResourceScatterAdd = {
    .name = "ResourceScatterAdd",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Plus>,
};
const OpDef op_ResourceScatterSub = {
    .name = "ResourceScatterSub",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Minus>,
};
const OpDef op_ResourceScatterMul = {
    .name = "ResourceScatterMul",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Times>,
};
const OpDef op_ResourceScatterDiv = {
    .name = "ResourceScatterDiv",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Over>,
};
const OpDef op_ResourceScatterMin = {
    .name = "ResourceScatterMin",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Smaller>,
};
const OpDef op_ResourceScatterMax = {
    .name = "ResourceScatterMax",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Rows>,
    .kernels = scatter::kNumberKernels<Rows, scatter::Larger>,
};

TARN_OP_FILE(scatter, {&op_ScatterUpdate, kScatterUpdateDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterAdd, kScatterAddDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterSub, kScatterSubDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterMul, kScatterMulDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterDiv, kScatterDivDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterMin, kScatterMinDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterMax, kScatterMaxDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterUpdate, kResourceScatterUpdateDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterAdd, kResourceScatterAddDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterSub, kResourceScatterSubDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterMul, kResourceScatterMulDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterDiv, kResourceScatterDivDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterMin, kResourceScatterMinDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterMax, kResourceScatterMaxDoc, nullptr, scatter::kNoGradient})

}  // namespace tarn
