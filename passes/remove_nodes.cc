// remove_nodes: nodes with the ops that are given go, and what read them reads their first input.
//
// Before:  i = Identity(x);  y = Relu(i)        After:  y = Relu(x)                  remove_nodes(op=Identity)
// When:    a node with one of the ops and 1 … max_inputs inputs, which is no input or output of the graph, and of which
//          no output but the first is read. It stays where
//          - it is what branches and loops are made of: Switch, Merge, Enter …
//          - it waits for something and a Merge reads it: the Merge would wait, which is something else
//          - something waits for it and its input is a Switch: of a Switch both branches are waited for
//          - it gives another dtype than its input: that is an error, which names the node
// Keeps:   order: who read the node, or waited for it, waits for what it waited for; who waited for it waits for its
//          input. Who stood beside it (`_class`) stands beside its input. What it alone read besides stays.
//          Contract: as told.
// Ends:    every change takes a node away.
// TensorFlow's: lost what a removed node waited for, made who waited for one branch wait for both, and left nodes whose
//          input had another dtype than they expect.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/support/colocation.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "op", .doc = "an op whose nodes go; may be given several times", .is_list = true, .is_required = true},
    {.name = "max_inputs", .kind = PassArg::kInteger, .fallback = "1", .doc = "nodes with more inputs stay"}};

Control control_of(const Node& node) {
  return node.def != nullptr ? node.def->def->control : Control::kNone;
}

// Whether its users can do with its input.
bool may_go(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.inputs[0].is_none() || control_of(node) != Control::kNone) return false;
  bool of_switch = control_of(graph.node(node.inputs[0].node)) == Control::kSwitch;
  for (const Use& use : graph.uses(id)) {
    bool waits = use.input == Use::kControl;
    if (waits ? of_switch : use.slot != 0) return false;
    if (!node.controls.empty() && control_of(graph.node(use.node)) == Control::kMerge) return false;
  }
  return true;
}

Status expect_same_dtype(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.outputs.empty() || graph.use_count({id, 0}) == 0) return {};
  DType gives = node.outputs[0].dtype, takes = graph.fact(node.inputs[0]).dtype;
  if (gives == takes || gives == DType::kInvalid || takes == DType::kInvalid) return {};
  return invalid_argument(node_label(node.op, node.name), " cannot be removed: what reads it expects ",
                          dtype_name(gives), ", but its input ", quoted(graph.wire_name(node.inputs[0])), " is ",
                          dtype_name(takes));
}

void splice_out(Graph& graph, NodeId id) {
  Wire input = graph.node(id).inputs[0];
  std::vector<NodeId> controls = graph.node(id).controls;
  std::vector<Use> users = graph.uses(id);
  graph.replace_uses({id, 0}, input);
  graph.replace_control_uses(id, input.node);
  for (const Use& use : users) {
    for (NodeId control : controls) graph.add_control(use.node, control);
  }
  graph.remove(id);
}

Status remove_nodes(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  std::unordered_set<NodeId> keep(outputs.begin(), outputs.end());
  keep.insert(inputs.begin(), inputs.end());
  std::vector<std::string> list = context.args.list("op");
  std::unordered_set<std::string> ops(list.begin(), list.end());
  int64_t most_inputs = context.args.integer("max_inputs");
  std::map<std::string, std::string> replaced;  // by the name of what is gone
  Problems problems;
  // What is left of one that goes may let another go that stayed at first.
  for (int before = -1; before != context.changes;) {
    before = context.changes;
    for (NodeId id : graph.ids()) {
      const Node& node = graph.node(id);
      bool is_meant =
          ops.contains(node.op) && !keep.contains(id) && !node.inputs.empty() && std::ssize(node.inputs) <= most_inputs;
      if (!is_meant || context.changes >= context.most_changes || !may_go(graph, id)) continue;
      if (Status status = expect_same_dtype(graph, id); !status.ok()) {
        problems.add(status);
        continue;
      }
      std::string name = node.name, input = graph.wire_name(node.inputs[0]);
      replaced[name] = graph.node(node.inputs[0].node).name;
      splice_out(graph, id);
      context.changed(name, str_cat("is gone: ", quoted(input), " is read instead"));
    }
    TARN_RETURN_IF_ERROR(problems.to_status(""));
  }
  rename_colocation(graph, [&](std::string name) {
    for (auto it = replaced.find(name); it != replaced.end(); it = replaced.find(name)) name = it->second;
    return name;
  });
  return {};
}

constexpr std::string_view kDoc =
    R"(Nodes with the ops that are given go, and what read them reads their first input: remove_nodes(op=Identity).
  Before:  i = Identity(x);  y = Relu(i)        After:  y = Relu(x)
  When:    a node with one of the ops and 1 … max_inputs inputs, which is no input or output of the graph, and of which
           no output but the first is read. It stays where
           - it is what branches and loops are made of: Switch, Merge, Enter …
           - it waits for something and a Merge reads it: the Merge would wait, which is something else
           - something waits for it and its input is a Switch: of a Switch both branches are waited for
           - it gives another dtype than its input: that is an error, which names the node
  Keeps:   order: who read the node, or waited for it, waits for what it waited for; who waited for it waits for its
           input. Who stood beside it (_class) stands beside its input. What it alone read besides stays.
  TensorFlow's lost what a removed node waited for.)";

}  // namespace

extern const PassDef pass_remove_nodes;
const PassDef pass_remove_nodes = {
    .name = "remove_nodes", .doc = kDoc, .contract = as_told(), .run = remove_nodes, .args = kArgs};

}  // namespace tarn
