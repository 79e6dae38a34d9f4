// unroll_loops: a loop that runs a known, small number of times is written out.
//
// Before:  i = 0; while (i < 3) { v = v * 2 + i; i = i + 1 }        After:  v * 2 + 0, * 2 + 1, * 2 + 2
// When:    - a while frame of Enter, Merge, Switch, LoopCond, NextIteration, Exit as TensorFlow builds it, within no
//            other loop or branch, with no loop or branch of its own; each loop variable's Merge takes an Enter and a
//            NextIteration; none of its nodes is an input or output (its Exits may be outputs), and nothing waits for
//            an Exit
//          - all ops in it are pure and known: no variables, no TensorArrays, no random numbers, nothing printed
//          - the condition follows from constants and loop variables that follow from constants (a counter), and fails
//            after at most `most_iterations` (8); what is written out has at most `most_nodes` (200)
//          Control edges within the loop go: they say in which iteration a node runs.
// Keeps:   the names of inputs and outputs.   Contract: exact: the same kernels run.
// Ends:    every change removes a loop.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "passes/support/simplify.h"
#include "runtime/evaluate.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "most_iterations", .kind = PassArg::kInteger, .fallback = "8", .doc = "a loop that runs longer stays"},
    {.name = "most_nodes", .kind = PassArg::kInteger, .fallback = "200", .doc = "nodes that take one loop's place"}};

struct Variable {
  Wire start;  // outside
  NodeId merge = -1;
  NodeId next = -1;  // NextIteration
};

// One while frame.
struct Loop {
  std::string frame;
  std::vector<NodeId> nodes;             // all within, Exits too
  std::unordered_set<NodeId> inside;     // the same
  std::map<NodeId, Variable> variables;  // by their Merge
  std::unordered_map<NodeId, NodeId> merge_of_switch;
  std::vector<NodeId> exits;
  NodeId condition = -1;  // LoopCond
};

bool has_effect(const Node& node) {
  constexpr uint32_t kEffects = kStateful | kSourceOp | kWritesRef | kTakesVariable | kMakesContainer | kTakesContainer;
  return node.def == nullptr || (node.def->def->traits & kEffects) != 0 || node.def->def->needs != ServiceId::kCount ||
         node.outputs.empty() || std::any_of(node.outputs.begin(), node.outputs.end(), [](const Fact& fact) {
           return fact.is_ref || fact.dtype == DType::kResource || fact.dtype == DType::kVariant;
         });
}

class Unroller {
 public:
  Unroller(Rewriter& rewriter, const ControlFlowReach& reach) : rewriter_(rewriter), reach_(reach) {}

  // The loop of this frame; nothing if it is none that we know how to write out.
  std::optional<Loop> loop_of(const std::string& frame) const;
  // How often its body runs; nothing if that does not follow from constants, or is more than `most`.
  std::optional<int> iterations(const Loop& loop, int64_t most) const;
  Status unroll(const Loop& loop, int count, int64_t most_nodes);

 private:
  using Values = std::unordered_map<NodeId, std::optional<Tensor>>;

  const Graph& graph() const { return rewriter_.graph(); }
  bool sort_node(Loop& loop, NodeId id) const;
  bool is_complete(const Loop& loop) const;
  std::optional<Tensor> value(const Loop& loop, Wire wire, Values& values) const;
  std::vector<NodeId> body_of(const Loop& loop) const;
  Wire copy(Patch& patch, const Loop& loop, Wire wire, std::unordered_map<NodeId, Wire>& copies) const;
  void remove_rest(const Loop& loop);

  Rewriter& rewriter_;
  const ControlFlowReach& reach_;
};

std::optional<Loop> Unroller::loop_of(const std::string& frame) const {
  Loop loop;
  loop.frame = frame;
  std::vector<NodeId> stack;
  for (NodeId id : graph().ids()) {
    const Node& node = graph().node(id);
    if (node.is("Enter") && node.attrs.get_or<std::string>("frame_name", "") == frame) stack.push_back(id);
  }
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    if (!loop.inside.insert(id).second) continue;
    loop.nodes.push_back(id);
    if (!sort_node(loop, id)) return std::nullopt;
    if (graph().node(id).is("Exit")) continue;
    for (const Use& use : graph().uses(id)) stack.push_back(use.node);
  }
  // (What follows walks through it by recursion; most_nodes is far below.)
  constexpr size_t kMostLoopNodes = 2000;
  if (loop.nodes.size() > kMostLoopNodes || !is_complete(loop)) return std::nullopt;
  return loop;
}

// Puts a node into its place; false if there is none for it.
bool Unroller::sort_node(Loop& loop, NodeId id) const {
  const Node& node = graph().node(id);
  if (rewriter_.is_input(id) || has_effect(node)) return false;
  if (std::any_of(node.inputs.begin(), node.inputs.end(), [](Wire wire) { return wire.is_none(); })) return false;
  if (node.is("Exit")) {
    loop.exits.push_back(id);
    return node.controls.empty() && !rewriter_.has_control_users(id);
  }
  if (rewriter_.is_output(id)) return false;
  switch (node.def->def->control) {
    case Control::kNone:
    case Control::kNextIteration: return true;
    case Control::kEnter:
      return node.controls.empty() && node.attrs.get_or<std::string>("frame_name", "") == loop.frame &&
             reach_.is_always_computed(node.inputs[0].node);
    case Control::kLoopCond: {
      if (loop.condition >= 0) return false;
      loop.condition = id;
      return true;
    }
    case Control::kMerge: {
      if (node.inputs.size() != 2 || rewriter_.uses_other_outputs(id)) return false;
      const Node &enter = graph().node(node.inputs[0].node), &next = graph().node(node.inputs[1].node);
      if (!enter.is("Enter") || !next.is("NextIteration")) return false;
      loop.variables[id] = {enter.inputs[0], id, node.inputs[1].node};
      return true;
    }
    case Control::kSwitch: {
      const Node& merge = graph().node(node.inputs[0].node);
      if (!node.is("Switch") || !merge.is("Merge") || !graph().node(node.inputs[1].node).is("LoopCond")) return false;
      loop.merge_of_switch[id] = node.inputs[0].node;
      return true;
    }
    default: return false;
  }
}

// Everything within is there, and reads nothing from outside but constants.
bool Unroller::is_complete(const Loop& loop) const {
  if (loop.condition < 0 || loop.variables.empty() || loop.exits.empty()) return false;
  for (NodeId id : loop.nodes) {
    const Node& node = graph().node(id);
    if (node.is("Enter")) {
      // A loop variable's Enter is read by its Merge alone, and any other is constant.
      bool is_constant = node.attrs.get_or<bool>("is_constant", false);
      for (const Use& use : graph().uses(id)) {
        if (use.input == Use::kControl || is_constant == graph().node(use.node).is("Merge")) return false;
      }
      continue;
    }
    for (Wire wire : node.inputs) {
      if (!loop.inside.contains(wire.node) && rewriter_.constant(wire) == nullptr) return false;
    }
    for (NodeId control : node.controls) {
      if (!loop.inside.contains(control)) return false;
    }
    if (node.is("Exit")) {
      bool is_end = loop.merge_of_switch.contains(node.inputs[0].node) && node.inputs[0].slot == 0;
      if (!is_end) return false;
      continue;
    }
    // The side of a Switch that ends the loop leads out of it alone, and the condition to Switches.
    for (Wire wire : node.inputs) {
      if (wire.node == loop.condition && !node.is("Switch")) return false;
      if (loop.merge_of_switch.contains(wire.node) && wire.slot == 0) return false;
    }
  }
  return true;
}

// What a wire is in the iteration in which the Merges are what `values` says; nothing if that is not known.
std::optional<Tensor> Unroller::value(const Loop& loop, Wire wire, Values& values) const {
  const Node& node = graph().node(wire.node);
  if (auto known = values.find(wire.node); known != values.end()) {
    return wire.slot == 0 ? known->second : std::nullopt;
  }
  if (auto merge = loop.merge_of_switch.find(wire.node); merge != loop.merge_of_switch.end()) {
    return value(loop, {merge->second, 0}, values);
  }
  if (wire.slot != 0 || node.outputs.size() != 1) return std::nullopt;
  if (node.is("Const") && !rewriter_.is_input(wire.node)) return node.outputs[0].value;
  if (!loop.inside.contains(wire.node)) return std::nullopt;
  values[wire.node] = std::nullopt;
  std::vector<Tensor> inputs;
  for (Wire input : node.inputs) {
    std::optional<Tensor> known = value(loop, input, values);
    if (!known) return std::nullopt;
    inputs.push_back(*std::move(known));
  }
  bool passes_on = node.is("Enter") || node.is("LoopCond") || node.is("NextIteration") || node.is("Identity");
  if (passes_on) return values[wire.node] = inputs[0];
  // What counters are made of: small, and of small results.
  constexpr std::string_view kCounting[] = {"Add",          "AddV2",    "Sub",      "Mul",        "Neg",
                                            "FloorDiv",     "FloorMod", "Less",     "LessEqual",  "Greater",
                                            "GreaterEqual", "Equal",    "NotEqual", "LogicalAnd", "LogicalOr",
                                            "LogicalNot",   "Maximum",  "Minimum",  "Cast"};
  constexpr int64_t kMostElements = 64;
  if (std::find(std::begin(kCounting), std::end(kCounting), node.op) == std::end(kCounting)) return std::nullopt;
  for (const Tensor& input : inputs) {
    if (input.element_count() > kMostElements) return std::nullopt;
  }
  Result<std::vector<Tensor>> result = evaluate_node(*node.def, node.name, node.attrs, inputs);
  if (!result.ok()) return std::nullopt;
  return values[wire.node] = result->at(0);
}

std::optional<int> Unroller::iterations(const Loop& loop, int64_t most) const {
  Values merges;
  for (const auto& [merge, variable] : loop.variables) {
    const Tensor* start = rewriter_.constant(variable.start);
    merges[merge] = start != nullptr ? std::optional<Tensor>(*start) : std::nullopt;
  }
  for (int count = 0;; ++count) {
    Values values = merges;
    std::optional<Tensor> goes_on = value(loop, {loop.condition, 0}, values);
    if (!goes_on || goes_on->dtype() != DType::kBool || goes_on->element_count() != 1) return std::nullopt;
    if (!goes_on->item<bool>()) return count;
    if (count >= most) return std::nullopt;
    Values next;
    for (const auto& [merge, variable] : loop.variables) next[merge] = value(loop, {variable.next, 0}, values);
    merges = std::move(next);
  }
}

// What the loop variables' next values are made of.
std::vector<NodeId> Unroller::body_of(const Loop& loop) const {
  std::vector<NodeId> stack, body;
  std::unordered_set<NodeId> seen;
  for (const auto& [merge, variable] : loop.variables) stack.push_back(graph().node(variable.next).inputs[0].node);
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    const Node& node = graph().node(id);
    if (!loop.inside.contains(id) || node.def->def->control != Control::kNone || !seen.insert(id).second) continue;
    if (!node.is("Const")) body.push_back(id);
    for (Wire wire : node.inputs) stack.push_back(wire.node);
  }
  return body;
}

// The same of this iteration: `copies` has what the Merges are in it, what was copied, and constants.
Wire Unroller::copy(Patch& patch, const Loop& loop, Wire wire, std::unordered_map<NodeId, Wire>& copies) const {
  if (auto known = copies.find(wire.node); known != copies.end())
    return {known->second.node, known->second.slot + wire.slot};
  if (auto merge = loop.merge_of_switch.find(wire.node); merge != loop.merge_of_switch.end())
    return copies.at(merge->second);
  const Node node = graph().node(wire.node);
  if (node.is("Enter")) return node.inputs[0];
  if (!loop.inside.contains(wire.node)) return wire;
  if (node.is("NextIteration")) return copy(patch, loop, node.inputs[0], copies);
  NodeSpec spec{.name = node.name + "/unrolled", .op = node.op, .attrs = node.attrs, .device = node.device};
  spec.attrs.erase("_class");  // names nodes of the loop
  for (Wire input : node.inputs) spec.inputs.push_back(copy(patch, loop, input, copies));
  Wire copied = patch.add(std::move(spec));
  copies[wire.node] = copied;
  return {copied.node, wire.slot};
}

Status Unroller::unroll(const Loop& loop, int count, int64_t most_nodes) {
  if (static_cast<int64_t>(body_of(loop).size()) * count > most_nodes) return {};
  std::string what = str_cat("runs ", count, count == 1 ? " time" : " times", ": written out");
  Patch patch = rewriter_.patch();
  std::unordered_map<NodeId, Wire> constants, merges;
  // A constant of the body is one constant for all iterations.
  for (NodeId id : loop.nodes) {
    const Node node = graph().node(id);
    if (node.is("Const")) constants[id] = patch.constant(node.name + "/unrolled", node.outputs[0].value);
  }
  for (const auto& [merge, variable] : loop.variables) merges[merge] = variable.start;
  for (int i = 0; i < count; ++i) {
    std::unordered_map<NodeId, Wire> copies = constants, next;
    copies.insert(merges.begin(), merges.end());
    for (const auto& [merge, variable] : loop.variables) next[merge] = copy(patch, loop, {variable.next, 0}, copies);
    merges = std::move(next);
  }
  for (NodeId exit : loop.exits) {
    const Node& node = graph().node(exit);
    Wire last = merges.at(loop.merge_of_switch.at(node.inputs[0].node));
    if (rewriter_.is_output(exit)) {
      last = patch.add({.name = node.name + "/identity",
                        .op = "Identity",
                        .inputs = {last},
                        .attrs = {{"T", node.outputs[0].dtype}},
                        .device = node.device});
    }
    patch.replace_node(exit, last);
  }
  // Of the last iteration not all is wanted.
  for (const auto& [id, constant] : constants) patch.remove_if_unused(constant.node);
  for (const auto& [merge, last] : merges) patch.remove_if_unused(last.node);
  // Of one iteration more is known than of all: shapes that contradict each other are the run's to report.
  if (rewriter_.commit(patch, loop.condition, what).ok()) remove_rest(loop);
  return {};
}

// What is left of a loop reads itself round in a circle: cut loose first, it can go in any order.
void Unroller::remove_rest(const Loop& loop) {
  Graph& graph = rewriter_.graph();
  std::vector<NodeId> left, starts;
  std::copy_if(loop.nodes.begin(), loop.nodes.end(), std::back_inserter(left),
               [&](NodeId id) { return graph.is_alive(id); });
  for (NodeId id : left) {
    if (graph.node(id).is("Enter")) starts.push_back(graph.node(id).inputs[0].node);
    for (size_t i = 0; i < graph.node(id).inputs.size(); ++i) graph.set_input(id, static_cast<int>(i), Wire{});
    graph.set_controls(id, {});
  }
  for (NodeId id : left) graph.remove(id);
  for (NodeId id : starts) {
    bool is_left = graph.is_alive(id) && graph.node(id).is("Const") && graph.uses(id).empty();
    if (is_left && !rewriter_.is_public(id)) graph.remove(id);
  }
}

Status unroll_loops(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(Rewriter rewriter, Rewriter::make(graph, context));
  // A loop that is gone leaves what came behind it to be always computed: then that one's turn may have come.
  for (int before = -1; before != context.changes;) {
    before = context.changes;
    ControlFlowReach reach(graph);
    Unroller unroller(rewriter, reach);
    std::vector<std::string> frames;
    for (NodeId id : graph.ids()) {
      const Node& node = graph.node(id);
      if (!node.is("Enter")) continue;
      std::string frame = node.attrs.get_or<std::string>("frame_name", "");
      if (std::find(frames.begin(), frames.end(), frame) == frames.end()) frames.push_back(frame);
    }
    for (const std::string& frame : frames) {
      if (context.changes >= context.most_changes) return {};
      std::optional<Loop> loop = unroller.loop_of(frame);
      if (!loop) continue;
      std::optional<int> count = unroller.iterations(*loop, context.args.integer("most_iterations"));
      if (count) TARN_RETURN_IF_ERROR(unroller.unroll(*loop, *count, context.args.integer("most_nodes")));
    }
  }
  return {};
}

constexpr std::string_view kDoc = R"(A loop that runs a known, small number of times is written out.
  Before:  i = 0; while (i < 3) { v = v * 2 + i; i = i + 1 }        After:  v * 2 + 0, * 2 + 1, * 2 + 2
  When:    a while frame as TensorFlow builds it, within no other loop or branch and with none of its own, all ops in it
           pure, none of it an input or output but its Exits; the condition follows from constants and counters that
           follow from constants, and fails after at most most_iterations; at most most_nodes take its place
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_unroll_loops;
const PassDef pass_unroll_loops = {
    .name = "unroll_loops", .doc = kDoc, .contract = exact(), .run = unroll_loops, .args = kArgs};

}  // namespace tarn
