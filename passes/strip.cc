// strip: only what the outputs need at inference stays.
//
// Before:  x -> Identity -> CheckNumerics -> y, a trainer beside it
// After:   x -> y
// When:    - nodes that no output needs: always; what fills a table that one needs is needed too
//          - `_class`, which names nodes that may be gone: always
//          - an input that is not a Placeholder becomes one, of the tensor's own dtype and shape, with its name
//          - Identity, StopGradient, PreventGradient, CheckNumerics, Snapshot: unless it is an input or output, or a
//            control edge hangs on it
//          - Print: always; an Identity has its place where its name or an order hangs on it
//          - control edges from what waits for nothing: constants, such as the pivots of folded branches become; and from
//            an Identity of what the node reads itself
//          Modes, branches and dropout: fold_mode_placeholders, prune_branches, remove_dropout
// Keeps:   the names of inputs and outputs.   Contract: exact.
// Ends:    every change removes a node or a use of one.
#include <algorithm>

#include "graph/patch.h"
#include "passes/pass.h"
#include "passes/support/known_values.h"
#include "passes/support/unneeded_nodes.h"

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
    forget_colocation();
    // Each round opens up the next: an Identity that waited for a constant can go.
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
  bool is_output(NodeId id) const { return std::find(outputs_.begin(), outputs_.end(), id) != outputs_.end(); }
  bool is_input(NodeId id) const { return std::find(inputs_.begin(), inputs_.end(), id) != inputs_.end(); }

  Status cut_at_inputs() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Node& node = graph_.node(inputs_[i]);
      if (node.is("Placeholder")) {
        // What it waits for is above it, where all goes that no output needs.
        if (node.controls.empty()) continue;
        graph_.set_controls(inputs_[i], {});
        context_.changed(node.name, "is fed: it waits for nothing");
        continue;
      }
      if (node.outputs.size() != 1 || node.outputs[0].dtype == DType::kInvalid) {
        std::string why = node.outputs.size() == 1
                              ? "is not supported, so that nothing is known of what it gives"
                              : str_cat("has ", node.outputs.size(), " outputs; an input must have one");
        return invalid_argument("input ", quoted(node.name), ": op ", quoted(node.op), " ", why,
                                ". Of queues and iterators freeze_graph makes Placeholders, one an output");
      }
      Patch patch(graph_);
      patch.keep(outputs_);
      patch.keep(inputs_);  // one may be all that another was made of
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
    int dropped = remove_unneeded_nodes(graph_, inputs_, outputs_);
    if (dropped > 0) context_.changed("graph", str_cat(dropped, " nodes that no output needs"));
  }

  // `_class: loc:@x` asks for a place beside x: nothing to a graph that runs in one place, and TensorFlow refuses the
  // file once x is gone.
  void forget_colocation() {
    int forgot = 0;
    for (NodeId id : graph_.ids()) {
      if (graph_.node(id).attrs.find("_class") == nullptr) continue;
      graph_.erase_attr(id, "_class");
      ++forgot;
    }
    if (forgot > 0) context_.changed("graph", str_cat(forgot, " nodes forget beside which they were placed"));
  }

  Status visit(NodeId id) {
    if (!drop_idle_controls(graph_, id, [this](NodeId input) { return is_input(input); }).empty())
      context_.changed(graph_.node(id).name, "no longer waits for what does not hold it up");
    const Node& node = graph_.node(id);
    if (is_input(id)) return {};
    // As a control input it may pin a branch or an order.
    bool orders = !node.controls.empty() || has_control_users(id);
    // A Print says what only its author wanted to read: it goes even then.
    if (node.is("Print")) return splice(id, node.inputs[0], "no longer prints", orders);
    if (is_output(id)) return {};
    if (node.is("Identity") || node.is("StopGradient") || node.is("PreventGradient") || node.is("CheckNumerics") ||
        node.is("Snapshot")) {
      bool is_ref = !node.outputs.empty() && node.outputs[0].is_ref;
      if (orders || is_ref != graph_.fact(node.inputs[0]).is_ref) return {};
      return splice(id, node.inputs[0], "passed its input through");
    }
    return {};
  }

  bool has_control_users(NodeId id) const {
    const std::vector<Use>& uses = graph_.uses(id);
    return std::any_of(uses.begin(), uses.end(), [](const Use& use) { return use.input == Use::kControl; });
  }

  // Users of `id` get `by`. If `id` is an output its name must stay, and with `orders` what waits for it and what it
  // waits for: it becomes an Identity.
  Status splice(NodeId id, Wire by, std::string_view why, bool orders = false) {
    std::string name = graph_.node(id).name;
    Patch patch(graph_);
    patch.keep(outputs_);
    patch.keep(inputs_);
    const Node& node = graph_.node(id);
    if (is_output(id) || orders) {
      // Of what an op unknown here gives, nothing but its users tells.
      DType dtype = node.outputs.empty() ? graph_.fact(by).dtype : node.outputs[0].dtype;
      by = patch.add({.name = name + "/identity",
                      .op = "Identity",
                      .inputs = {by},
                      .attrs = {{"T", dtype}},
                      .controls = node.controls});
    }
    patch.replace_node(id, by);
    TARN_RETURN_IF_ERROR(patch.commit());
    std::replace(outputs_.begin(), outputs_.end(), id, by.node);
    context_.changed(name, why);
    return {};
  }

  Graph& graph_;
  PassContext& context_;
  std::vector<NodeId> inputs_, outputs_;
};

constexpr std::string_view kDoc = R"(Only what the outputs need at inference stays.
  Before:  x -> Identity -> CheckNumerics -> y, a trainer beside it
  After:   x -> y
  When:    nodes that no output needs, nor a table that one needs to be filled; `_class` attrs; an input that is not a
           Placeholder becomes one of the tensor's own dtype and shape; Identity, StopGradient, PreventGradient,
           CheckNumerics, Snapshot that are neither input nor output and order nothing; Print, which an Identity replaces
           where its name or an order hangs on it; control edges from constants, and from
           an Identity of what the node reads itself
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
