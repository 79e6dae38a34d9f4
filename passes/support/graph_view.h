// GraphView: a graph as passes judge it: to be read, with the names that are fed and fetched.
//
//   GraphView view(graph, {"x"}, {"softmax:0"});
//   if (view.is_input(id)) …  // whoever feeds it decides
#pragma once

#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "graph/graph.h"

namespace tarn {

class GraphView {
 public:
  // Names of nodes ("name" or "name:0"), and a graph that outlives the view.
  GraphView(const Graph& graph, std::span<const std::string> inputs, std::span<const std::string> outputs);

  const Graph& graph() const { return *graph_; }
  const Node& node(NodeId id) const { return graph_->node(id); }
  const Fact& fact(Wire wire) const { return graph_->fact(wire); }

  // By name: they stay what they are while nodes are replaced.
  bool is_input(NodeId id) const { return inputs_.contains(node(id).name); }
  bool is_output(NodeId id) const { return outputs_.contains(node(id).name); }
  bool is_public(NodeId id) const { return is_input(id) || is_output(id); }

  // Those that the graph has.
  std::vector<NodeId> inputs() const { return ids_of(inputs_); }
  std::vector<NodeId> outputs() const { return ids_of(outputs_); }

 private:
  std::vector<NodeId> ids_of(const std::unordered_set<std::string>& names) const;

  const Graph* graph_;
  std::unordered_set<std::string> inputs_, outputs_;
};

}  // namespace tarn
