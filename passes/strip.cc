// strip: only what the outputs need at inference stays.
//
// Before:  x -> Identity -> CheckNumerics -> Switch(training = false) / Merge -> dropout -> y, a trainer beside it
// After:   x -> y
// When:    - nodes that no output needs: always
//          - an input that is not a Placeholder becomes one, of the tensor's own dtype and shape, with its name
//          - PlaceholderWithDefault that is not an input: its default
//          - Identity, StopGradient, PreventGradient, CheckNumerics, Snapshot: unless it is an input or output, or a
//            control edge hangs on it
//          - Switch whose predicate is constant: the branch taken replaces it; Merge of what is left is spliced out
//          - dropout, in the forms TensorFlow 1.x wrote: x * (1/keep) masked by RandomUniform: x
// Keeps:   the names of inputs and outputs.   Contract: exact (what is cut is the identity at inference).
// Ends:    every change removes a node.
#include <algorithm>

#include "graph/patch.h"
#include "passes/pass.h"

namespace tarn {
namespace {

class Strip {
 public:
  Strip(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}

  Status run() {
    TARN_ASSIGN_OR_RETURN(outputs_, context_.find(graph_, context_.outputs));
    TARN_ASSIGN_OR_RETURN(inputs_, context_.find(graph_, context_.inputs));
    TARN_RETURN_IF_ERROR(cut_at_inputs());
    drop_unneeded();
    // Each round opens up the next: a folded Switch leaves a Merge with one input, and so on.
    for (int before = -1; before != context_.changes;) {
      before = context_.changes;
      for (NodeId id : graph_.ids()) {
        if (graph_.is_alive(id)) TARN_RETURN_IF_ERROR(visit(id));
      }
      drop_unneeded();
    }
    return {};
  }

 private:
  bool is_public(NodeId id) const {
    return std::find(outputs_.begin(), outputs_.end(), id) != outputs_.end() || is_input(id);
  }
  bool is_input(NodeId id) const { return std::find(inputs_.begin(), inputs_.end(), id) != inputs_.end(); }

  Status cut_at_inputs() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Node& node = graph_.node(inputs_[i]);
      if (node.is("Placeholder")) continue;
      if (node.outputs.size() != 1) {
        return invalid_argument("input ", quoted(node.name), " has ", node.outputs.size(),
                                " outputs; an input must have one");
      }
      Patch patch(graph_);
      patch.keep(outputs_);
      Fact fact = node.outputs[0];
      std::string name = node.name;
      Wire placeholder = patch.add(
          {.name = name + "/input", .op = "Placeholder", .attrs = {{"dtype", fact.dtype}, {"shape", fact.shape}}});
      patch.replace_node(inputs_[i], placeholder);
      TARN_RETURN_IF_ERROR(patch.commit());
      inputs_[i] = placeholder.node;
      context_.changed(name, str_cat("becomes a Placeholder ", fact.to_string()));
    }
    return {};
  }

  void drop_unneeded() {
    std::vector<bool> needed = ancestors(graph_, outputs_, inputs_);
    Result<std::vector<NodeId>> order = topological_order(graph_);
    std::vector<NodeId> all = order.ok() ? *order : graph_.ids();
    int dropped = 0;
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      if (needed[static_cast<size_t>(*it)] || is_input(*it)) continue;
      if (!graph_.uses(*it).empty()) continue;  // within a loop; its consumer goes first next time
      graph_.remove(*it);
      ++dropped;
    }
    if (dropped > 0) context_.changed("graph", str_cat(dropped, " nodes that no output needs"));
  }

  // Waiting for a constant orders nothing: such edges are what is left of the pivots of folded branches.
  void drop_idle_controls(NodeId id) {
    std::vector<NodeId> controls = graph_.node(id).controls;
    size_t removed = std::erase_if(controls, [&](NodeId control) {
      const Node& before = graph_.node(control);
      return before.outputs.size() == 1 && before.controls.empty() && constant_of({control, 0}) != nullptr;
    });
    if (removed > 0) graph_.set_controls(id, std::move(controls));
  }

  Status visit(NodeId id) {
    drop_idle_controls(id);
    const Node& node = graph_.node(id);
    if (is_public(id)) return {};
    if (node.is("Identity") || node.is("StopGradient") || node.is("PreventGradient") || node.is("CheckNumerics") ||
        node.is("Snapshot")) {
      // As a control input it may pin a branch or an order; then it stays.
      if (!node.controls.empty() || has_control_users(id) ||
          node.outputs[0].is_ref != graph_.fact(node.inputs[0]).is_ref)
        return {};
      return splice(id, node.inputs[0], "passed its input through");
    }
    if (node.is("PlaceholderWithDefault")) return splice(id, node.inputs[0], "takes its default");
    if (node.is("Switch")) return fold_switch(id);
    if (node.is("Mul") || node.is("SelectV2") || node.is("Select")) return drop_dropout(id);
    return {};
  }

  bool has_control_users(NodeId id) const {
    const std::vector<Use>& uses = graph_.uses(id);
    return std::any_of(uses.begin(), uses.end(), [](const Use& use) { return use.input == Use::kControl; });
  }

  Status splice(NodeId id, Wire by, std::string_view why) {
    std::string name = graph_.node(id).name;
    Patch patch(graph_);
    patch.keep(outputs_);
    patch.keep(inputs_);
    patch.replace_node(id, by);
    TARN_RETURN_IF_ERROR(patch.commit());
    context_.changed(name, why);
    return {};
  }

  // The constant behind a wire, through nodes that only pass it on.
  const Tensor* constant_of(Wire wire) const {
    while (true) {
      const Node& node = graph_.node(wire.node);
      if (is_input(wire.node)) return nullptr;
      if (node.is("Const")) return &node.outputs[0].value;
      if ((node.is("Identity") || node.is("PlaceholderWithDefault")) && node.controls.empty()) {
        wire = node.inputs[0];
        continue;
      }
      return nullptr;
    }
  }

  Status fold_switch(NodeId id) {
    const Tensor* predicate = constant_of(graph_.node(id).inputs[1]);
    if (predicate == nullptr || predicate->dtype() != DType::kBool || predicate->element_count() != 1) return {};
    int taken = predicate->item<bool>() ? 1 : 0;
    Wire data = graph_.node(id).inputs[0];
    // The untaken side must end in Merges alone, or the graph needs a value that never comes.
    std::vector<std::pair<NodeId, int>> dead_merge_inputs;
    if (!find_dead_merges({id, 1 - taken}, dead_merge_inputs)) return {};
    std::string name = graph_.node(id).name;
    for (auto [merge, input] : dead_merge_inputs) {
      if (!graph_.is_alive(merge)) continue;  // reached twice
      Wire alive = graph_.node(merge).inputs[static_cast<size_t>(1 - input)];
      if (graph_.use_count({merge, 1}) > 0) return {};
      if (is_public(merge)) {
        // Its name must stay: it becomes an Identity of the branch taken.
        Patch patch(graph_);
        patch.keep(outputs_);
        Wire identity = patch.add({.name = graph_.node(merge).name + "/taken", .op = "Identity", .inputs = {alive}});
        patch.replace_node(merge, identity);
        TARN_RETURN_IF_ERROR(patch.commit());
        std::replace(outputs_.begin(), outputs_.end(), merge, identity.node);
      } else {
        Patch patch(graph_);
        patch.keep(outputs_);
        patch.keep(inputs_);
        patch.keep(std::span<const NodeId>(&id, 1));
        patch.replace_node(merge, alive);
        TARN_RETURN_IF_ERROR(patch.commit());
      }
    }
    if (!graph_.is_alive(id)) return {};
    Patch patch(graph_);
    patch.keep(outputs_);
    patch.keep(inputs_);
    patch.replace({id, taken}, data);
    patch.remove_if_unused(id);
    TARN_RETURN_IF_ERROR(patch.commit());
    context_.changed(name, str_cat("its predicate is always ", taken == 1 ? "true" : "false"));
    return {};
  }

  // Follows a dead wire to the Merge inputs where it ends; false if it reaches an output or something with an effect.
  bool find_dead_merges(Wire dead, std::vector<std::pair<NodeId, int>>& merges) const {
    std::vector<Wire> stack = {dead};
    std::vector<bool> seen(static_cast<size_t>(graph_.id_limit()), false);
    while (!stack.empty()) {
      Wire wire = stack.back();
      stack.pop_back();
      for (const Use& use : graph_.uses(wire.node)) {
        bool control = use.input == Use::kControl;
        // Control edges from the Switch itself belong to neither branch.
        if (control ? wire.node == dead.node : use.slot != wire.slot && wire.node == dead.node) continue;
        const Node& user = graph_.node(use.node);
        if (user.is("Merge")) {
          if (control || user.inputs.size() != 2) return false;
          merges.emplace_back(use.node, use.input);
          continue;
        }
        if (std::find(outputs_.begin(), outputs_.end(), use.node) != outputs_.end()) return false;
        if (seen[static_cast<size_t>(use.node)]) continue;
        seen[static_cast<size_t>(use.node)] = true;
        for (size_t slot = 0; slot < std::max<size_t>(1, user.outputs.size()); ++slot)
          stack.push_back({use.node, static_cast<int>(slot)});
      }
    }
    return true;
  }

  // --- dropout ------------------------------------------------------------------------------------------------------
  // The mask: made of a RandomUniform and constants by comparing or flooring.
  bool is_mask(Wire wire, int depth = 0) const {
    const Node& node = graph_.node(wire.node);
    if (depth > 6) return false;
    if (node.is("RandomUniform")) return true;
    if (node.is("Floor") || node.is("Cast") || node.is("Identity")) return is_mask(node.inputs[0], depth + 1);
    if (node.is("Add") || node.is("AddV2") || node.is("Sub") || node.is("Mul")) {
      return is_mask(node.inputs[0], depth + 1) || is_mask(node.inputs[1], depth + 1);
    }
    if (node.is("GreaterEqual") || node.is("Less"))
      return is_mask(node.inputs[0], depth + 1) || is_mask(node.inputs[1], depth + 1);
    return false;
  }
  bool is_boolean_or_floored_mask(Wire wire) const {
    const Node& node = graph_.node(wire.node);
    bool form = node.is("Floor") || node.is("Cast") || node.is("GreaterEqual") || node.is("Less");
    return form && is_mask(wire);
  }
  // x / keep or x * (1 / keep): x.
  Wire before_scaling(Wire wire) const {
    const Node& node = graph_.node(wire.node);
    auto is_scalar = [&](Wire w) { return graph_.fact(w).shape.is_scalar(); };
    if ((node.is("RealDiv") || node.is("Div")) && is_scalar(node.inputs[1])) return node.inputs[0];
    if (node.is("Mul") && is_scalar(node.inputs[1])) return node.inputs[0];
    if (node.is("Mul") && is_scalar(node.inputs[0])) return node.inputs[1];
    return {};
  }

  Status drop_dropout(NodeId id) {
    const Node& node = graph_.node(id);
    Wire kept;
    if (node.is("Mul")) {
      for (int i = 0; i < 2 && kept.is_none(); ++i) {
        if (is_boolean_or_floored_mask(node.inputs[static_cast<size_t>(i)]))
          kept = before_scaling(node.inputs[static_cast<size_t>(1 - i)]);
      }
    } else if (is_boolean_or_floored_mask(node.inputs[0])) {
      const Tensor* zero = constant_of(node.inputs[2]);
      if (zero != nullptr && zero->dtype() == DType::kFloat && zero->element_count() == 1 && zero->item<float>() == 0) {
        kept = before_scaling(node.inputs[1]);
      }
    }
    if (kept.is_none()) return {};
    return splice(id, kept, "dropout, which only training needs");
  }

  Graph& graph_;
  PassContext& context_;
  std::vector<NodeId> inputs_, outputs_;
};

constexpr std::string_view kDoc = R"(Only what the outputs need at inference stays.
  Before:  x -> Identity -> CheckNumerics -> Switch(training = false) / Merge -> dropout -> y, a trainer beside it
  After:   x -> y
  When:    nodes that no output needs; an input that is not a Placeholder becomes one of the tensor's own dtype and shape;
           PlaceholderWithDefault that is no input takes its default; Identity, StopGradient, PreventGradient,
           CheckNumerics, Snapshot that are neither input nor output and order nothing; a Switch whose predicate is constant,
           with its Merge; dropout in the forms TensorFlow 1.x wrote
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_strip;
const PassDef pass_strip = {
    .name = "strip",
    .doc = kDoc,
    .contract = exact(),
    .run = [](Graph& graph, PassContext& context) { return Strip(graph, context).run(); },
};

}  // namespace tarn
