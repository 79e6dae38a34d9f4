// Questions about whole graphs: are two the same, which nodes form loops, what do they look like.
// (topological_order and ancestors are in graph/graph.h.)
//
//   EXPECT_EQ(graph_difference(before, after), "");
//   EXPECT_EQ(difference_up_to_renaming(*expected, *got, {.same_names = {"y"}}), "");
//   write_file_atomically("graph.dot", graph_to_dot(graph));      // dot -Tsvg graph.dot > graph.svg
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// The first difference between two graphs (order of nodes, names, ops, attrs bit by bit, inputs, controls, devices,
// versions, library), or "".
std::string graph_difference(const Graph& a, const Graph& b);

struct RenamingOptions {
  std::vector<std::string> same_names;  // nodes that must have their name in both: fetches, feeds
};
// Whether the nodes of `a` can be renamed to give `b`; versions, library and the order of nodes and of control inputs
// do not count. "" or which nodes of either side have no match.
std::string difference_up_to_renaming(const Graph& a, const Graph& b, const RenamingOptions& options = {});
inline bool same_up_to_renaming(const Graph& a, const Graph& b, const RenamingOptions& options = {}) {
  return difference_up_to_renaming(a, b, options).empty();
}

// The same, telling which node of `b` is which of `a`: by id of `a`, -1 where there is no node. Nothing if they differ.
std::optional<std::vector<NodeId>> find_renaming(const Graph& a, const Graph& b, const RenamingOptions& options = {});

// Nodes that reach each other, back edges included: a while loop is one set. Nodes outside of loops are left out. Sets
// and their nodes are in the order of ids.
std::vector<std::vector<NodeId>> find_loops(const Graph& graph);

struct DotOptions {
  std::string title;
  bool shapes = true;  // on the edges
};
// For Graphviz: boxes coloured by what an op does, constants small, control edges dashed.
std::string graph_to_dot(const Graph& graph, const DotOptions& options = {});

}  // namespace tarn
