// Two graphs node by node: what one has more, what was renamed, what changed and by how much.
//
//   GraphComparison comparison = compare_graphs(before, after);
//   for (const GraphChange& change : comparison.changed) …     // "value: f32[784,10]: 3 of 7840 elements differ, …"
//
// Nodes belong together by name, and where names differ by what they are and what they are wired to. The order of nodes
// and of control inputs does not count. (Only whether two graphs are the same: graph/algorithms.h.)
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace tarn {

struct CompareOptions {
  bool internal_attrs = false;  // attrs whose name begins with '_' count too
  // Graphs that are the same up to renaming are paired so, whatever their names: nothing is gone, new or changed then.
  bool by_structure = false;
};

struct GraphChange {
  NodeId first, second;
  std::vector<std::string> what;  // "attr strides: [1, 1, 1, 1] -> [1, 2, 2, 1]"
};

struct GraphComparison {
  std::vector<NodeId> only_first, only_second;
  std::vector<std::pair<NodeId, NodeId>> renamed;
  std::vector<GraphChange> changed;  // what belongs together but differs in more than its name
  std::vector<std::string> notes;    // versions and function libraries, which are no nodes
  std::vector<NodeId> partners;      // of the first graph's nodes, by id; -1: none

  bool same_nodes() const { return only_first.empty() && only_second.empty() && renamed.empty() && changed.empty(); }
};

GraphComparison compare_graphs(const Graph& first, const Graph& second, const CompareOptions& options = {});

struct ValueDifference {
  bool comparable = false;  // same dtype and shape
  int64_t differing = 0;    // elements
  double largest = 0;       // |first - second|; infinite where one is NaN or infinite alone; 0 of strings
  double range = 0;         // the largest finite |first|
  // "f32[2,2]: 1 of 4 elements differ, largest difference 0.5", or both dtypes and shapes.
  std::string text;
};
ValueDifference difference_of_values(const Tensor& first, const Tensor& second);

}  // namespace tarn
