// sort_by_execution_order: each node stands after those it reads.
//
// Before:  y = Relu(x);  x = Placeholder        After:  x = Placeholder;  y = Relu(x)
// When:    always; only NextIteration stands after the Merge that reads it. Nodes that may stand in either order stay
// in
//          the one they have as far as that goes
// Keeps:   every node as it is: only the order in the file changes.   Contract: exact.
// Ends:    one sort; a sorted graph stays as it is.
#include <algorithm>

#include "passes/pass.h"

namespace tarn {
namespace {

// The order nodes are in is the order they were added in: so they are added anew.
Result<Graph> in_order(const Graph& graph, const std::vector<NodeId>& order) {
  Graph sorted(graph.ops());
  sorted.versions = graph.versions;
  sorted.library = graph.library;
  std::vector<NodeId> new_id(static_cast<size_t>(graph.id_limit()), -1);
  auto moved = [&](NodeId id) { return new_id[static_cast<size_t>(id)]; };
  for (NodeId id : order) {
    const Node& node = graph.node(id);
    NodeSpec spec{.name = node.name, .op = node.op, .attrs = node.attrs, .device = node.device};
    for (Wire wire : node.inputs) {
      spec.inputs.push_back(wire.is_none() ? wire : Wire{moved(wire.node), wire.slot});  // none yet: a back edge
    }
    for (NodeId control : node.controls) spec.controls.push_back(moved(control));
    TARN_ASSIGN_OR_RETURN(new_id[static_cast<size_t>(id)],
                          sorted.add(std::move(spec), {.infer_attrs = false, .allow_unknown_op = node.def == nullptr}));
  }
  for (NodeId id : order) {
    const Node& node = graph.node(id);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Wire wire = node.inputs[i];
      if (wire.is_none() || !sorted.node(moved(id)).inputs[i].is_none()) continue;
      TARN_RETURN_IF_ERROR(sorted.connect_back_edge(moved(id), static_cast<int>(i), {moved(wire.node), wire.slot}));
    }
  }
  return sorted;
}

Status sort_by_execution_order(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  std::vector<NodeId> ids = graph.ids();
  if (order == ids) return {};
  TARN_ASSIGN_OR_RETURN(Graph sorted, in_order(graph, order));
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
