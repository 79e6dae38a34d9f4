// ScatterNdUpdate, -Add, -Sub, -Max, -Min: change slices of a reference variable; ResourceScatterNd* those of a
// resource variable.
#include "ops/scatter.h"

namespace tarn {
namespace {

using scatter::Slices;

constexpr std::string_view kResourceInputs = "ref: resource, indices: Tindices, updates: T";
constexpr std::string_view kResourceAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; Tindices: {int32, int64}; use_locking: bool = true";

constexpr std::string_view kScatterNdUpdateDoc = R"(Gives slices of a variable new values.
  ref  Ref(T)[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; of slices named twice the last stays
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterNdUpdate.)";
constexpr std::string_view kScatterNdAddDoc = R"(Adds to slices of a variable.
  ref  Ref(T)[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both; integers wrap
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterNdAdd.)";
constexpr std::string_view kScatterNdSubDoc = R"(Subtracts from slices of a variable.
  ref  Ref(T)[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both; integers wrap
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterNdSub.)";
constexpr std::string_view kScatterNdMaxDoc = R"(Takes the larger of slices of a variable and other numbers.
  ref  Ref(T)[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterNdMax.)";
constexpr std::string_view kScatterNdMinDoc = R"(Takes the smaller of slices of a variable and other numbers.
  ref  Ref(T)[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape.
  returns  the variable, after.   Source: TensorFlow state_ops ScatterNdMin.)";
constexpr std::string_view kResourceScatterNdUpdateDoc = R"(Gives slices of a variable new values.
  ref  a handle on a variable T[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; of slices named twice the last stays
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow state_ops ResourceScatterNdUpdate.)";
constexpr std::string_view kResourceScatterNdAddDoc = R"(Adds to slices of a variable.
  ref  a handle on a variable T[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both; integers wrap
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow state_ops ResourceScatterNdAdd.)";
constexpr std::string_view kResourceScatterNdSubDoc = R"(Subtracts from slices of a variable.
  ref  a handle on a variable T[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both; integers wrap
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow state_ops ResourceScatterNdSub.)";
constexpr std::string_view kResourceScatterNdMaxDoc = R"(Takes the larger of slices of a variable and other numbers.
  ref  a handle on a variable T[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow state_ops ResourceScatterNdMax.)";
constexpr std::string_view kResourceScatterNdMinDoc = R"(Takes the smaller of slices of a variable and other numbers.
  ref  a handle on a variable T[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice
  updates  T[indices.shape[:-1] + variable.shape[depth:]]; slices named twice get both
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape;
  FailedPrecondition if the variable has no value.
  Source: TensorFlow state_ops ResourceScatterNdMin.)";

}  // namespace

extern const OpDef op_ScatterNdUpdate, op_ScatterNdAdd, op_ScatterNdSub, op_ScatterNdMax, op_ScatterNdMin,
    op_ResourceScatterNdUpdate, op_ResourceScatterNdAdd, op_ResourceScatterNdSub, op_ResourceScatterNdMax,
    op_ResourceScatterNdMin;
const OpDef op_ScatterNdUpdate = {
    .name = "ScatterNdUpdate",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefUpdateAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kUpdateKernels<Slices>,
};
const OpDef op_ScatterNdAdd = {
    .name = "ScatterNdAdd",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Plus>,
};
const OpDef op_ScatterNdSub = {
    .name = "ScatterNdSub",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Minus>,
};
const OpDef op_ScatterNdMax = {
    .name = "ScatterNdMax",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Larger>,
};
const OpDef op_ScatterNdMin = {
    .name = "ScatterNdMin",
    .inputs = scatter::kRefInputs,
    .outputs = scatter::kRefOutputs,
    .attrs = scatter::kRefNumberAttrs,
    .traits = kWritesRef,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Smaller>,
};
const OpDef op_ResourceScatterNdUpdate = {
    .name = "ResourceScatterNdUpdate",
    .inputs = kResourceInputs,
    .attrs = scatter::kRefUpdateAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kUpdateKernels<Slices>,
};
const OpDef op_ResourceScatterNdAdd = {
    .name = "ResourceScatterNdAdd",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Plus>,
};
const OpDef op_ResourceScatterNdSub = {
    .name = "ResourceScatterNdSub",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Minus>,
};
const OpDef op_ResourceScatterNdMax = {
    .name = "ResourceScatterNdMax",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Larger>,
};
const OpDef op_ResourceScatterNdMin = {
    .name = "ResourceScatterNdMin",
    .inputs = kResourceInputs,
    .attrs = kResourceAttrs,
    .traits = scatter::kResourceTraits,
    .infer = scatter::infer<Slices>,
    .kernels = scatter::kNumberKernels<Slices, scatter::Smaller>,
};

TARN_OP_FILE(scatter_nd_update, {&op_ScatterNdUpdate, kScatterNdUpdateDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterNdAdd, kScatterNdAddDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterNdSub, kScatterNdSubDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterNdMax, kScatterNdMaxDoc, nullptr, scatter::kNoGradient},
             {&op_ScatterNdMin, kScatterNdMinDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterNdUpdate, kResourceScatterNdUpdateDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterNdAdd, kResourceScatterNdAddDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterNdSub, kResourceScatterNdSubDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterNdMax, kResourceScatterNdMaxDoc, nullptr, scatter::kNoGradient},
             {&op_ResourceScatterNdMin, kResourceScatterNdMinDoc, nullptr, scatter::kNoGradient})

}  // namespace tarn
