// remove_control_dependencies: nodes wait for what they read, and for nothing else.
//
// Before:  y = Relu(x, ^n)        After:  y = Relu(x)
// When:    always, but where the wait decides whether a node runs at all: for what is within a branch or a loop. A
//          Const that waits for a branch would otherwise run whichever branch is taken, and one that waits in a loop
//          would not be in the loop
// Keeps:   everything else, nodes that nobody waits for anymore too.   Contract: as told: what had an effect in a
//          certain order has it in any order, or not at all.
// Ends:    every change takes control edges away.
// TensorFlow's: took all of them away, and graphs with branches or loops did not run afterwards.
#include <algorithm>

#include "passes/pass.h"

namespace tarn {
namespace {

// How many branches and loops each node is within, if the graph is put together as cond and while_loop do; for others
// it errs on the side of more.
Result<std::vector<int>> depths(const Graph& graph) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  std::vector<int> depth(static_cast<size_t>(graph.id_limit()), 0);
  for (NodeId id : order) {
    const Node& node = graph.node(id);
    int deepest = 0;
    bool is_loop_merge = false;
    for (Wire wire : node.inputs) {
      bool is_back = !wire.is_none() && is_back_edge(graph, id, wire.node);
      is_loop_merge = is_loop_merge || is_back;
      if (!wire.is_none() && !is_back) deepest = std::max(deepest, depth[static_cast<size_t>(wire.node)]);
    }
    for (NodeId control : node.controls) deepest = std::max(deepest, depth[static_cast<size_t>(control)]);
    Control kind = node.def != nullptr ? node.def->def->control : Control::kNone;
    if (kind == Control::kSwitch || kind == Control::kEnter) ++deepest;
    if (kind == Control::kMerge && !is_loop_merge) --deepest;  // out of the branch
    if (kind == Control::kExit) deepest -= 2;                  // of the loop's Enter, and of the Switch that leads out
    depth[static_cast<size_t>(id)] = std::max(deepest, 0);
  }
  return depth;
}

Status remove_control_dependencies(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<int> depth, depths(graph));
  for (NodeId id : graph.ids()) {
    if (context.changes >= context.most_changes) break;
    std::vector<NodeId> controls = graph.node(id).controls;
    size_t removed = std::erase_if(controls, [&](NodeId control) { return depth[static_cast<size_t>(control)] == 0; });
    if (removed == 0) continue;
    graph.set_controls(id, std::move(controls));
    context.changed(graph.node(id).name, str_cat("waits for ", removed, removed == 1 ? " node" : " nodes", " less"));
  }
  return {};
}

constexpr std::string_view kDoc = R"(Nodes wait for what they read, and for nothing else.
  Before:  y = Relu(x, ^n)        After:  y = Relu(x)
  When:    always, but where the wait decides whether a node runs at all: for what is within a branch or a loop
  Keeps:   everything else, nodes that nobody waits for anymore too.
  TensorFlow's took all control edges away, and graphs with branches or loops did not run afterwards.)";

}  // namespace

extern const PassDef pass_remove_control_dependencies;
const PassDef pass_remove_control_dependencies = {
    .name = "remove_control_dependencies", .doc = kDoc, .contract = as_told(), .run = remove_control_dependencies};

}  // namespace tarn
