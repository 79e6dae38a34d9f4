// Orders numbered nodes so that producers precede consumers, before there is a Graph (importers) and for one.
//
//   IndexGraph deps;
//   for (each node) { for (each producer p) deps.producers.push_back(p); deps.end_node(); }
//   IndexOrder sorted = order_nodes(deps);   // sorted.cycles is empty if all is well
//
// No recursion; time O(n log n + edges).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tarn {

struct IndexGraph {
  std::vector<size_t> begin{0};  // node i's producers are producers[begin[i]] … producers[begin[i + 1] - 1]
  std::vector<int> producers;
  void end_node() { begin.push_back(producers.size()); }
  int node_count() const { return static_cast<int>(begin.size()) - 1; }
};

struct IndexOrder {
  // Among the orders there are, the one that keeps nodes where they are: a sorted graph stays as it is.
  std::vector<int> order;
  // What kept the others out: disjoint cycles, each in the direction of data flow.
  std::vector<std::vector<int>> cycles;
};

IndexOrder order_nodes(const IndexGraph& graph);

// "'a' -> 'b' -> 'a'"; a long cycle is cut.
std::string cycle_text(const std::vector<std::string>& names);

}  // namespace tarn
