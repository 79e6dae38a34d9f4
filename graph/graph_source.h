// GraphSource: a Graph as the compiler's NodeSource. Node index = NodeId. The graph must outlive it.
#pragma once

#include "graph/graph.h"
#include "runtime/node_source.h"

namespace tarn {

class GraphSource : public NodeSource {
 public:
  explicit GraphSource(const Graph& graph) : graph_(graph) {}
  int node_count() const override { return graph_.id_limit(); }
  std::string_view name(int node) const override { return graph_.node(node).name; }
  std::string_view op(int node) const override { return graph_.node(node).op; }
  std::span<const Wire> inputs(int node) const override { return graph_.node(node).inputs; }
  std::span<const int> controls(int node) const override { return graph_.node(node).controls; }
  Result<AttrMap> attrs(int node) const override { return graph_.node(node).attrs; }
  int find(std::string_view name) const override { return graph_.find(name).value_or(-1); }
  std::string_view function_library() const override { return graph_.library; }
  std::string_view model_info() const override { return graph_.model_info; }

 private:
  const Graph& graph_;
};

}  // namespace tarn
