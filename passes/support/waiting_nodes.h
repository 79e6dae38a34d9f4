// WaitingNodes: what does not run in every run of the graph, or not once: what waits for a control input, for a branch
// to be taken or for a loop's turn, itself or through what it reads.
//
//   TARN_ASSIGN_OR_RETURN(WaitingNodes waiting, WaitingNodes::of(graph));
//   if (waiting.has(id)) …       // a constant beside it needs a control input, to be where it is
//
// Computed early, such a node would have a value in runs where it has none.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace tarn {

class WaitingNodes {
 public:
  // Errors: a graph with a cycle.
  static Result<WaitingNodes> of(const Graph& graph);
  // The same, of a topological order that is there already.
  WaitingNodes(const Graph& graph, const std::vector<NodeId>& order);

  bool has(NodeId id) const { return static_cast<size_t>(id) < waits_.size() && waits_[static_cast<size_t>(id)]; }
  // `by` was made since, to stand where `old` stood.
  void take_place(NodeId old, NodeId by);

 private:
  std::vector<bool> waits_;
};

}  // namespace tarn
