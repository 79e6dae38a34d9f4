// AddSymbolicGradients: adds the nodes that compute d(sum of ys)/dx for each x, by a reverse topological walk over the
// ops' gradient functions (OpEntry::gradient).
//
//   std::vector<Output> grads;
//   Status s = AddSymbolicGradients(scope, {loss}, {w, b}, &grads);
//   ops::ApplyGradientDescent(scope, w, 0.01f, grads[0]);
//
// New nodes are called gradients/<node>_grad/<Op>; several contributions to one wire meet in an AddN. An x may be a
// variable (a reference, from VariableV2 or its Assign, or the handle that VarHandleOp gives: the gradient of every use
// counts) or any other value.
// Gradients do not flow through StopGradient, through integer or bool values, or into what is assigned to a variable.
#pragma once

#include <vector>

#include "graph/scope.h"

namespace tarn {

// What stands for the gradient of an x that no y depends on: none; a builder that is given it says so.
Output NoGradient();

// `grad_ys` are the gradients that arrive at ys: ones where it is empty or an element is NoGradient().
// Errors: an op on the way without a gradient, naming node, op and the reason; a gradient function that does not fit
// its op; a y that is not a floating value; a loop on the way.
Status AddSymbolicGradients(const Scope& scope, const std::vector<Output>& ys, const std::vector<Output>& xs,
                            const std::vector<Output>& grad_ys, std::vector<Output>* grads);
Status AddSymbolicGradients(const Scope& scope, const std::vector<Output>& ys, const std::vector<Output>& xs,
                            std::vector<Output>* grads);

// The variable's own wire behind what assigns to it (Assign(w, …), ApplyAdam(w, …) …); any other wire is itself.
Wire variable_behind(const Graph& graph, Wire wire);

}  // namespace tarn
