// A graph as a file holds it, to be edited and read back: for what renames nodes, gives them another op, leaves some
// out or puts others in their place; and for ops that this binary does not have.
//
//   std::vector<NodeRecord> records = node_records(graph);
//   records[0].op = "Relu6";
//   TARN_ASSIGN_OR_RETURN(graph, graph_of_records(graph, std::move(records), {.infer_attrs = true}));
#pragma once

#include <string_view>
#include <vector>

#include "graph/assemble.h"

namespace tarn {

// Inputs as in a NodeDef.
NodeRecord record_of(const Graph& graph, NodeId id);
// In the order of graph.ids().
std::vector<NodeRecord> node_records(const Graph& graph);

struct RecordOptions {
  std::string_view heading = {};  // of the errors: "the frozen graph is not valid"
  bool infer_attrs = false;       // missing dtype attrs follow from the inputs
};
// A graph of these nodes, and of all that `like` is beside its nodes: its ops, versions, functions and
// model_info. Ids follow the
// records. The error names every node that is wrong.
Result<Graph> graph_of_records(const Graph& like, std::vector<NodeRecord> records, const RecordOptions& options = {});

}  // namespace tarn
