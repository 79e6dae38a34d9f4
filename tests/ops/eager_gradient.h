// A GradBuilder without a graph: every node a gradient function adds runs at once, so a gradient function can be called
// on tensors. How much the function may know of its wires is chosen, as it is in graphs.
//
//   Result<Tensors> dx = eager_gradient(op, bound, outputs, grads, Known::kShapes);
#pragma once

#include "tests/ops/harness.h"

namespace tarn::testing {

// The gradients of the inputs (invalid tensors where there is none). `grads` holds one tensor an output, invalid where
// nothing reaches it.
Result<Tensors> eager_gradient(const OpRegistry::Op& op, const BoundCase& bound, const Tensors& outputs,
                               const Tensors& grads, Known known);

}  // namespace tarn::testing
