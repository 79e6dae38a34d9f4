// A graph as a file holds it, to be edited and read back: for passes that change what nodes are called or which op they
// have, and for ops that this binary does not have.
//
//   std::vector<NodeRecord> records = node_records(graph);
//   records[0].op = "Relu6";
//   TARN_RETURN_IF_ERROR(read_back(graph, std::move(records)));
#pragma once

#include <vector>

#include "graph/assemble.h"

namespace tarn {

// In the order of graph.ids(); inputs as in a NodeDef.
std::vector<NodeRecord> node_records(const Graph& graph);

// The graph becomes what the records say, with its versions and functions. Ids are new. Missing dtype attrs follow from
// inputs. On an error, which names every node that is wrong, the graph is as it was.
Status read_back(Graph& graph, std::vector<NodeRecord> records);

}  // namespace tarn
