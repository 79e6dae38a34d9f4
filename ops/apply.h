// What the Apply* ops share: an update of variables in place, by a gradient of the same shape and scalars.
//
//   constexpr ApplyInputs kInputs{.refs = 2, .grad = 3, .names = {"var", "accum", "lr", "grad", "momentum"}};
//   Status infer(InferContext& c) { return infer_apply(c, kInputs); }
//   … in run():  TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));  T* var = variable_data<T>(c, 0);  …  give_variable(c);
//
// Each is two ops with the same kernels: one on references, which returns the first, and one on handles (Resource*),
// which returns nothing.
#pragma once

#include "ops/variables.h"

namespace tarn {

// The attrs of most of them.
inline constexpr std::string_view kApplyAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false";

inline constexpr uint32_t kApplyTraits = kStateful | kWritesRef;
inline constexpr uint32_t kResourceApplyTraits = kApplyTraits | kTakesVariable;
inline constexpr std::string_view kApplyReason = "it changes variables";

struct ApplyInputs {
  int refs;  // the first inputs, variables of one shape
  int grad;  // the input of that shape; all others are scalars
  std::span<const std::string_view> names;
};

// Output 0, if there is one, is the first variable.
Status infer_apply(InferContext& c, const ApplyInputs& inputs);
// The same judgement of what is there while running, and that the variables have values.
Status judge_apply(RunContext& c, const ApplyInputs& inputs);

// The elements of the variable behind input i, to be changed in place.
template <class T>
T* variable_data(RunContext& c, int i) {
  return static_cast<T*>(c.variable(i)->mutable_value().mutable_data());
}

}  // namespace tarn
