#include "passes/support/waiting_nodes.h"

#include <algorithm>

namespace tarn {

WaitingNodes::WaitingNodes(const Graph& graph, const std::vector<NodeId>& order)
    : waits_(static_cast<size_t>(graph.id_limit()), false) {
  for (NodeId id : order) {
    const Node& node = graph.node(id);
    bool is_control = node.def != nullptr && node.def->def->control != Control::kNone;
    waits_[static_cast<size_t>(id)] =
        is_control || !node.controls.empty() || std::any_of(node.inputs.begin(), node.inputs.end(), [&](Wire wire) {
          return !wire.is_none() && waits_[static_cast<size_t>(wire.node)];
        });
  }
}

Result<WaitingNodes> WaitingNodes::of(const Graph& graph) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  return WaitingNodes(graph, order);
}

void WaitingNodes::take_place(NodeId old, NodeId by) {
  bool waits = has(old);
  if (static_cast<size_t>(by) >= waits_.size()) waits_.resize(static_cast<size_t>(by) + 1, false);
  waits_[static_cast<size_t>(by)] = waits;
}

}  // namespace tarn
