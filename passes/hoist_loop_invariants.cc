// hoist_loop_invariants: what is the same in every iteration of a loop is computed before it.
//
// Before:  while: y = Mul(Enter(a) {is_constant}, Enter(b) {is_constant});  v = Add(v, y)
// After:   y' = Mul(a, b);  while: y = Enter(y') {is_constant};  v = Add(v, y)
// When:    - the op is pure, waits for nothing, nothing waits for it, it is no input or output; all that it reads are
//            Enters with is_constant, constants, and such ops, at least one Enter among them
//          - a constant in a loop's body waits for the body to run, and what reads it has no value once the loop is
//          over:
//            then who reads the op must be without one for another reason too, and the op be one that cannot fail, for
//            it now runs even if the body never does
//          - what only passes an Enter on, or has no inputs, stays
// Keeps:   the names of inputs and outputs; that of the op within the loop.   Contract: exact.
// Ends:    every change takes an op out of a loop. (What several such ops share is computed for each, until duplicates
//          are merged.)
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "passes/support/simplify.h"

namespace tarn {
namespace {

// Ops that, where every shape is known, give a result whatever the numbers.
bool cannot_fail(const Simplifier& s, const Node& node) {
  constexpr std::string_view kSafe[] = {
      "Abs",     "Add",  "AddV2", "Cast",    "Ceil",      "Cos",      "Exp",        "ExpandDims", "Floor",
      "Greater", "Less", "Log",   "Maximum", "MatMul",    "Minimum",  "Mul",        "Neg",        "Pack",
      "RealDiv", "Relu", "Relu6", "Reshape", "Rsqrt",     "Sigmoid",  "Sin",        "Softmax",    "Sqrt",
      "Square",  "Sub",  "Sum",   "Tanh",    "Transpose", "ConcatV2", "LogicalNot", "LogicalAnd", "LogicalOr"};
  if (std::find(std::begin(kSafe), std::end(kSafe), node.op) == std::end(kSafe)) return false;
  // (An integer's division by zero is an error; RealDiv knows none.)
  if (node.is("RealDiv") && !dtype_is_floating(node.outputs[0].dtype)) return false;
  return node.outputs[0].shape.is_fully_known() &&
         std::all_of(node.inputs.begin(), node.inputs.end(), [&](Wire wire) { return s.shape(wire).is_fully_known(); });
}

class Hoist {
 public:
  Hoist(Simplifier& s, NodeId root) : s_(s), root_(root) {}

  Status run() {
    if (s_.node(root_).is("Identity") || !is_candidate(root_) || is_candidate_of_reader() || !collect(root_)) return {};
    if (enter_.is_none()) return {};
    if (reads_body_constant_) {
      bool may = std::all_of(cone_.begin(), cone_.end(), [&](NodeId id) { return cannot_fail(s_, s_.node(id)); });
      for (const Use& use : s_.rewriter.graph().uses(root_)) may = may && dies_otherwise(use.node);
      if (!may) return {};
    }
    return commit();
  }

 private:
  // What may stand in the cone: a pure op of one output.
  bool is_candidate(NodeId id) const {
    const Node& node = s_.node(id);
    return s_.may_replace(id) && !s_.rewriter.is_output(id) && node.outputs.size() == 1 && !node.inputs.empty() &&
           !node.is("Const") && !node.has_trait(kNoFold);
  }

  // Who reads the root alone may be hoisted with it: then it is that one's turn.
  bool is_candidate_of_reader() const {
    const std::vector<Use>& uses = s_.rewriter.graph().uses(root_);
    return uses.empty() || std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
             return is_candidate(use.node) && is_invariant(use.node);
           });
  }

  bool is_constant_enter(const Node& node) const {
    return node.is("Enter") && node.attrs.get_or<bool>("is_constant", false) && node.controls.empty();
  }

  // Made of constant Enters and constants alone.
  bool is_invariant(NodeId id) const {
    std::vector<NodeId> stack = {id};
    std::unordered_set<NodeId> seen;
    while (!stack.empty()) {
      NodeId at = stack.back();
      stack.pop_back();
      if (!seen.insert(at).second) continue;
      const Node& node = s_.node(at);
      if (seen.size() > kMostSteps || s_.rewriter.is_input(at)) return false;
      if (is_constant_enter(node) || node.is("Const")) continue;
      if (!is_candidate(at)) return false;
      for (Wire wire : node.inputs) stack.push_back(wire.node);
    }
    return true;
  }

  // The ops of the cone, the first Enter, and whether a constant waits. False if something varies, or Enters differ in
  // their frame.
  bool collect(NodeId id) {
    if (cone_.size() > kMostSteps) return false;
    const Node& node = s_.node(id);
    if (s_.rewriter.is_public(id)) return false;
    if (is_constant_enter(node)) {
      if (enter_.is_none()) enter_ = {id, 0};
      return node.attrs.get<std::string>("frame_name") == s_.node(enter_.node).attrs.get<std::string>("frame_name");
    }
    if (node.is("Const")) {
      reads_body_constant_ = reads_body_constant_ || !node.controls.empty();
      return true;
    }
    if (!is_candidate(id)) return false;
    if (std::find(cone_.begin(), cone_.end(), id) != cone_.end()) return true;
    cone_.push_back(id);
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](Wire wire) { return collect(wire.node); });
  }

  // Without a value once the loop is over, whatever becomes of the root: something else that it reads, or waits for,
  // comes from the side of a Switch on which the body is.
  bool dies_otherwise(NodeId reader) const {
    const Node& node = s_.node(reader);
    if (node.def == nullptr || node.def->def->control != Control::kNone) return false;
    int steps = static_cast<int>(kMostSteps);
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](Wire wire) { return wire.node != root_ && dies(wire, steps); });
  }
  bool dies(Wire wire, int& steps) const {
    const Node& node = s_.node(wire.node);
    if (wire.is_none() || --steps < 0 || wire.node == root_) return false;
    if (node.is("Switch")) return wire.slot == 1 && s_.node(node.inputs[1].node).is("LoopCond");
    // A Merge or Enter has a value if one of several has; a Const that waits might be hoisted.
    if (node.def == nullptr || node.def->def->control != Control::kNone) return false;
    return std::any_of(node.inputs.begin(), node.inputs.end(), [&](Wire input) { return dies(input, steps); });
  }

  Status commit() {
    // Copies: the patch adds nodes.
    const Node root = s_.node(root_), enter = s_.node(enter_.node);
    const bool is_outermost = s_.is_always_computed(enter.inputs[0]);
    Patch patch = s_.rewriter.patch();
    std::unordered_map<NodeId, Wire> outside;
    Wire value = copy(patch, {root_, 0}, enter.inputs[0], is_outermost, outside);
    Wire inside = patch.add(
        {.name = root.name + "/enter", .op = "Enter", .inputs = {value}, .attrs = enter.attrs, .device = root.device});
    patch.replace_node(root_, inside);
    return s_.rewriter.commit(patch, root_,
                              str_cat("the same in every iteration of ",
                                      quoted(enter.attrs.get<std::string>("frame_name")), ": computed before"));
  }

  // The cone as it is computed where the Enters read.
  Wire copy(Patch& patch, Wire wire, Wire beside, bool is_outermost, std::unordered_map<NodeId, Wire>& outside) {
    const Node node = s_.node(wire.node);
    if (node.is("Enter")) return node.inputs[0];
    if (auto known = outside.find(wire.node); known != outside.end()) return known->second;
    if (node.is("Const") && node.controls.empty()) return wire;
    NodeSpec spec{.name = node.name + "/before", .op = node.op, .attrs = node.attrs, .device = node.device};
    if (node.is("Const")) {
      // Within another loop it belongs to that.
      if (!is_outermost) spec.controls = {beside.node};
    } else {
      for (Wire input : node.inputs) spec.inputs.push_back(copy(patch, input, beside, is_outermost, outside));
    }
    return outside[wire.node] = patch.add(std::move(spec));
  }

  static constexpr size_t kMostSteps = 200;  // ops that are looked at; larger cones stay
  Simplifier& s_;
  NodeId root_;
  Wire enter_;
  std::vector<NodeId> cone_;
  bool reads_body_constant_ = false;
};

Status hoist_loop_invariants(Graph& graph, PassContext& context) {
  ControlFlowReach reach(graph);
  return rewrite(graph, context, [&](Rewriter& rewriter, NodeId id) -> Status {
    // (A node that nothing of a loop reaches is none of ours.)
    if (reach.is_always_computed(id)) return {};
    Simplifier simplifier{rewriter, reach};
    return Hoist(simplifier, id).run();
  });
}

constexpr std::string_view kDoc = R"(What is the same in every iteration of a loop is computed before it.
  Before:  while: y = Mul(Enter(a) {is_constant}, Enter(b) {is_constant});  v = Add(v, y)
  After:   y' = Mul(a, b);  while: y = Enter(y') {is_constant};  v = Add(v, y)
  When:    the op is pure, waits for nothing, nothing waits for it, is no input or output, and reads, perhaps through more
           such ops, Enters with is_constant and constants alone. Of constants that wait for the body to run: if who reads
           the op has no value after the last iteration for another reason too, and the op cannot fail
  Keeps:   the names of inputs and outputs; that of the op within the loop.)";

}  // namespace

extern const PassDef pass_hoist_loop_invariants;
const PassDef pass_hoist_loop_invariants = {
    .name = "hoist_loop_invariants", .doc = kDoc, .contract = exact(), .run = hoist_loop_invariants};

}  // namespace tarn
