// sort_by_execution_order: each node stands after those it reads.
//
// Before:  y = Relu(x);  x = Placeholder        After:  x = Placeholder;  y = Relu(x)
// When:    always; only NextIteration stands after the Merge that reads it. Nodes that may stand in either order stay
//          in the one they have as far as that goes
// Keeps:   every node as it is: only the order in the file changes.   Contract: exact.
// Ends:    one sort; a sorted graph stays as it is.
#include "graph/records.h"
#include "passes/pass.h"

namespace tarn {
namespace {

Status sort_by_execution_order(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  std::vector<NodeId> ids = graph.ids();
  if (order == ids) return {};
  std::vector<NodeRecord> records;
  for (NodeId id : order) records.push_back(record_of(graph, id));
  TARN_ASSIGN_OR_RETURN(Graph sorted, graph_of_records(graph, std::move(records)));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (order[i] != ids[i]) context.changed(graph.node(order[i]).name, str_cat("stands at ", i));
  }
  graph = std::move(sorted);
  return {};
}

constexpr std::string_view kDoc = R"(Each node stands after those it reads.
  Before:  y = Relu(x);  x = Placeholder        After:  x = Placeholder;  y = Relu(x)
  When:    always; only NextIteration stands after the Merge that reads it. Nodes that may stand in either order stay in
           the one they have as far as that goes
  Keeps:   every node as it is: only the order in the file changes.)";

}  // namespace

extern const PassDef pass_sort_by_execution_order;
const PassDef pass_sort_by_execution_order = {
    .name = "sort_by_execution_order", .doc = kDoc, .contract = exact(), .run = sort_by_execution_order};

}  // namespace tarn
