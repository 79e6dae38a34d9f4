// Functions put in their place, as runtime/inline_calls.h says: calls become the nodes of what they call, and
// functional If, Case and While that are handed variables become Switch, Merge and loop frames. Freezing needs it,
// since a variable is found by following wires.
//
//   // f(x, w) = MatMul(x, ReadVariableOp(w));   y = StatefulPartitionedCall(x, w) {f=@f}
//   Result<Graph> flat = inline_functions(graph, {});
//   // y/read = ReadVariableOp(w);   y/MatMul = MatMul(x, y/read);   y = Identity(y/MatMul)
//
// Nodes are named as TensorFlow's inliner names them: the call's name, '/', the name in the function. Under the call's
// own name an Identity (IdentityN, NoOp) stays that gives what the call gave, and waits for what it waited for.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace tarn {

struct InlineOptions {
  int64_t max_nodes = 1'000'000;  // written out: a few functions that call each other twice can stand for any number
  int max_depth = 64;             // of calls within calls
  // If not empty: these calls alone, and what they call; one that cannot be inlined stays as it is.
  std::vector<NodeId> only = {};
};

// Whether any of `nodes` calls a function in a way that inline_functions() takes apart.
bool calls_functions(const Graph& graph, std::span<const NodeId> nodes);

// The library goes if no node calls a function of it, by its name or in an attr.
void drop_uncalled_library(Graph& graph);

// Errors name the call and the function. Calls that none of `targets` needs are left as they are if they cannot be
// inlined; no targets: all must be.
Result<Graph> inline_functions(const Graph& graph, std::span<const NodeId> targets, const InlineOptions& options = {});

}  // namespace tarn
