// Taking out what no output needs.
//
//   int removed = remove_unneeded_nodes(graph, inputs, outputs);
#pragma once

#include <vector>

#include "graph/graph.h"

namespace tarn {

// What `outputs` need stays, and goes no further back than `inputs`, which stay too; what fills a table that is needed
// is needed. Inputs must read nothing, as Placeholders do; they no longer wait for what goes. Returns how many nodes
// went.
int remove_unneeded_nodes(Graph& graph, const std::vector<NodeId>& inputs, const std::vector<NodeId>& outputs);

// Those nodes.
std::vector<NodeId> unneeded_nodes(const Graph& graph, const std::vector<NodeId>& inputs,
                                   const std::vector<NodeId>& outputs);
// Takes nodes out that only each other read, loops too. They may be gone already.
int remove_nodes(Graph& graph, const std::vector<NodeId>& nodes);
// Inputs no longer wait for what is not needed (in the order of ids): what is fed waits for nothing.
void wait_no_longer(Graph& graph, const std::vector<NodeId>& inputs, const std::vector<NodeId>& unneeded);
// They read nothing and wait for nothing anymore.
void cut_loose(Graph& graph, const std::vector<NodeId>& nodes);

}  // namespace tarn
