#include "passes/support/unneeded_nodes.h"

#include <algorithm>

#include "graph/freeze_state.h"

namespace tarn {

std::vector<NodeId> unneeded_nodes(const Graph& graph, const std::vector<NodeId>& inputs,
                                   const std::vector<NodeId>& outputs) {
  std::vector<bool> needed = ancestors(graph, outputs, inputs);
  keep_table_initializers(graph, inputs, needed);
  for (NodeId id : inputs) needed[static_cast<size_t>(id)] = true;
  std::vector<NodeId> unneeded = graph.ids();
  std::erase_if(unneeded, [&](NodeId id) { return needed[static_cast<size_t>(id)]; });
  return unneeded;
}

void cut_loose(Graph& graph, const std::vector<NodeId>& nodes) {
  for (NodeId id : nodes) {
    for (size_t i = 0; i < graph.node(id).inputs.size(); ++i) graph.set_input(id, static_cast<int>(i), Wire{});
    graph.set_controls(id, {});
  }
}

int remove_nodes(Graph& graph, const std::vector<NodeId>& nodes) {
  std::vector<NodeId> alive = nodes;
  std::erase_if(alive, [&](NodeId id) { return !graph.is_alive(id); });
  // Cut loose first, they can go in any order.
  cut_loose(graph, alive);
  for (NodeId id : alive) graph.remove(id);
  return static_cast<int>(alive.size());
}

void wait_no_longer(Graph& graph, const std::vector<NodeId>& inputs, const std::vector<NodeId>& unneeded) {
  for (NodeId id : inputs) {
    std::vector<NodeId> controls = graph.node(id).controls;
    auto goes = [&](NodeId control) { return std::binary_search(unneeded.begin(), unneeded.end(), control); };
    if (std::erase_if(controls, goes) > 0) graph.set_controls(id, std::move(controls));
  }
}

int remove_unneeded_nodes(Graph& graph, const std::vector<NodeId>& inputs, const std::vector<NodeId>& outputs) {
  std::vector<NodeId> unneeded = unneeded_nodes(graph, inputs, outputs);
  wait_no_longer(graph, inputs, unneeded);
  return remove_nodes(graph, unneeded);
}

}  // namespace tarn
