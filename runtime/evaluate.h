// Runs one op on tensors at hand: constant folding, op tests and shape values use it. No graph, no plan.
//
//   Result<std::vector<Tensor>> y = evaluate_op(registry, "Add", {}, {a, b});
#pragma once

#include <span>
#include <vector>

#include "core/op_schema.h"

namespace tarn {

struct EvaluateOptions {
  std::span<const Backend> backends = {};  // empty: portable
  ThreadPool* threads = nullptr;           // null: the calling thread alone
  const Services* services = nullptr;
  // For inputs that are variables, by input index; may be shorter. The tensor there has the variable's dtype and shape.
  std::span<Variable* const> variables = {};
  FusedEpilogue epilogue = {};
  // Whether kernels see the inputs as constants (and may pack them).
  bool inputs_are_constant = false;
};

// Resolves attrs (dtype attrs follow from the inputs), infers, prepares and runs. Outputs of no-output ops: empty.
Result<std::vector<Tensor>> evaluate_op(const OpRegistry& registry, std::string_view op, AttrMap attrs,
                                        std::span<const Tensor> inputs, const EvaluateOptions& options = {});
// The same for attrs already resolved. `node` is for messages.
Result<std::vector<Tensor>> evaluate_node(const OpRegistry::Op& op, std::string_view node, const AttrMap& attrs,
                                          std::span<const Tensor> inputs, const EvaluateOptions& options = {});

}  // namespace tarn
