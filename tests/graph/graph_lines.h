// A graph as text, a node a line, for tests that state which nodes something writes.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn::testing {

// "op name <- input input:1 ^control" of every node under one of `prefixes` (all if none), in the order they were
// added.
inline std::vector<std::string> graph_lines(const Graph& graph, const std::vector<std::string>& prefixes = {}) {
  std::vector<std::string> lines;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    bool wanted = prefixes.empty();
    for (const std::string& prefix : prefixes) wanted = wanted || node.name.starts_with(prefix);
    if (!wanted) continue;
    std::string line = node.op + " " + node.name;
    if (!node.inputs.empty() || !node.controls.empty()) line += " <-";
    for (Wire wire : node.inputs) line += " " + graph.wire_name(wire);
    for (NodeId control : node.controls) line += " ^" + graph.node(control).name;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace tarn::testing
