// A registry of a few ops with signatures, shapes and gradients but no kernels: builder and gradient tests then state
// behaviour of graph/ alone, whatever the real ops do.
#pragma once

#include "core/op_schema.h"

namespace tarn::testing {

// Placeholder, Const, Identity, VariableV2, Assign, Add, Mul, Neg, AddN, Fill, Shape, StopGradient, Split2 (two
// outputs), NoGrad (float, no gradient: "its derivative is a secret"), BadGrad (its gradient has another shape), Cast,
// NoOp.
const OpRegistry& toy_ops();

}  // namespace tarn::testing
