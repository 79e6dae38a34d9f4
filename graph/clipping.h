// Clipping: keeps gradients from growing too large, by the names and formulas of TensorFlow 1.x's clip_ops.
//
//   std::vector<GradAndVar> gradients = optimizer.ComputeGradients(root, loss);
//   gradients = ClipByGlobalNorm(root, gradients, 5.0f);            // all together; or each for itself:
//   for (GradAndVar& pair : gradients) pair.gradient = ClipByNorm(root, pair.gradient, 1.0f);
//   Operation train = optimizer.ApplyGradients(root, gradients);
//
// NoGradient() stays what it is. The scope's op name is the name of the result; what it needs is below `<name>/`.
// Errors are the scope's status.
#pragma once

#include <vector>

#include "graph/optimizers.h"

namespace tarn {

// min(t, clip_value_max), then max(…, clip_value_min), element by element; NaN stays NaN. The limits are scalars or
// broadcast to t's shape.
Output ClipByValue(const Scope& scope, const Output& t, const Input& clip_value_min, const Input& clip_value_max);

// t * clip_norm / max(norm(t), clip_norm): t where its L2 norm is small enough. With axes a norm for each slice along
// the other axes. What overflows makes 0 of finite elements, and NaN of infinite ones.
Output ClipByNorm(const Scope& scope, const Output& t, const Input& clip_norm, const std::vector<int32_t>& axes = {});

// sqrt(sum of all elements' squares).
Output GlobalNorm(const Scope& scope, const std::vector<Output>& t_list);

struct ClippedByGlobalNorm {
  std::vector<Output> list;
  Output global_norm;
};
// Every t * clip_norm / max(global norm, clip_norm), so that all keep their direction together. If the norm is not
// finite every element is NaN: the step shows it instead of hiding it. `use_norm` saves computing the norm again.
ClippedByGlobalNorm ClipByGlobalNorm(const Scope& scope, const std::vector<Output>& t_list, const Input& clip_norm,
                                     const Output& use_norm = {});
std::vector<GradAndVar> ClipByGlobalNorm(const Scope& scope, std::vector<GradAndVar> gradients, const Input& clip_norm);

}  // namespace tarn
