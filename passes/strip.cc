// strip: only what the outputs need at inference stays.
//
// Before:  x -> Identity -> CheckNumerics -> Switch(training = false) / Merge -> dropout -> y, a trainer beside it
// After:   x -> y
// When:    - nodes that no output needs: always; what fills a table that one needs is needed too
//          - `_class`, which names nodes that may be gone: always
//          - an input that is not a Placeholder becomes one, of the tensor's own dtype and shape, with its name
//          - PlaceholderWithDefault that is not an input: its default
//          - Identity, StopGradient, PreventGradient, CheckNumerics, Snapshot: unless it is an input or output, or a
//            control edge hangs on it
//          - Print: always; an Identity has its place where its name or an order hangs on it
//          - Switch whose predicate is constant: the branch taken replaces it; Merge of what is left is spliced out
//          - dropout, in the forms TensorFlow wrote: x / keep * floor(keep + u), x * scale * (u >= rate) and so on, u a
//            RandomUniform and the scale 1 / keep: x. Unless keep is an input.
// Keeps:   the names of inputs and outputs.   Contract: exact (what is cut is the identity at inference, where dropout
//          keeps everything: verification feeds keep = 1).
// Ends:    every change removes a node or a use of one.
#include <algorithm>
#include <cmath>
#include <optional>

#include "graph/freeze_state.h"
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
    forget_colocation();
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
    std::vector<bool> needed = ancestors(graph_, outputs_, inputs_);
    keep_table_initializers(graph_, inputs_, needed);
    int dropped = 0;
    std::vector<NodeId> unneeded;
    for (NodeId id : graph_.ids()) {
      if (!needed[static_cast<size_t>(id)] && !is_input(id)) unneeded.push_back(id);
    }
    // Nothing that is needed uses them: cut loose first, they can go in any order, loops too.
    for (NodeId id : unneeded) {
      for (size_t i = 0; i < graph_.node(id).inputs.size(); ++i) graph_.set_input(id, static_cast<int>(i), Wire{});
      graph_.set_controls(id, {});
    }
    for (NodeId id : unneeded) {
      graph_.remove(id);
      ++dropped;
    }
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

  // Waiting for a constant, or for nothing, orders nothing: such edges are what is left of the pivots of folded
  // branches.
  bool is_idle(NodeId control) const {
    const Node& node = graph_.node(control);
    if (node.is("NoOp")) return node.controls.empty();
    return node.outputs.size() == 1 && constant_of({control, 0}, true) != nullptr;
  }
  void drop_idle_controls(NodeId id) {
    std::vector<NodeId> controls = graph_.node(id).controls;
    size_t removed = std::erase_if(controls, [&](NodeId control) { return is_idle(control); });
    if (removed == 0) return;
    graph_.set_controls(id, std::move(controls));
    context_.changed(graph_.node(id).name, "no longer waits for constants");
  }

  Status visit(NodeId id) {
    drop_idle_controls(id);
    const Node& node = graph_.node(id);
    if (is_input(id)) return {};
    if (node.is("Mul") || node.is("SelectV2") || node.is("Select")) return drop_dropout(id);
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
    if (node.is("PlaceholderWithDefault") && node.controls.empty())
      return splice(id, node.inputs[0], "takes its default");
    if (node.is("Switch")) return fold_switch(id);
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

  // The constant behind a wire, through nodes that only pass it on; with `at_once`, one that nothing delays.
  const Tensor* constant_of(Wire wire, bool at_once = false) const {
    while (true) {
      const Node& node = graph_.node(wire.node);
      if (is_input(wire.node) || (at_once && !node.controls.empty())) return nullptr;
      if (node.is("Const")) return &node.outputs[0].value;
      if (!node.is("Identity") && !node.is("PlaceholderWithDefault")) return nullptr;
      wire = node.inputs[0];
    }
  }

  // --- branches whose predicate is constant -------------------------------------------------------------------------
  Status fold_switch(NodeId id) {
    const Tensor* predicate = constant_of(graph_.node(id).inputs[1]);
    if (predicate == nullptr || predicate->dtype() != DType::kBool || predicate->element_count() != 1) return {};
    int taken = predicate->item<bool>() ? 1 : 0;
    // The side not taken must end in Merges alone, or an output waits for a value that never comes.
    std::vector<std::pair<NodeId, int>> dead_merge_inputs;
    if (!find_dead_merges({id, 1 - taken}, dead_merge_inputs)) return {};
    bool changes = graph_.use_count({id, taken}) > 0 || !dead_merge_inputs.empty();
    if (!changes) return {};
    std::string name = graph_.node(id).name;
    for (auto [merge, input] : dead_merge_inputs) {
      if (!graph_.is_alive(merge)) continue;  // reached twice
      Wire alive = graph_.node(merge).inputs[static_cast<size_t>(1 - input)];
      TARN_RETURN_IF_ERROR(splice(merge, alive, "has one branch left"));
    }
    Wire data = graph_.is_alive(id) ? graph_.node(id).inputs[0] : Wire{};
    if (!data.is_none()) {
      Patch patch(graph_);
      patch.keep(outputs_);
      patch.keep(inputs_);
      patch.replace({id, taken}, data);
      TARN_RETURN_IF_ERROR(patch.commit());
    }
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
          if (control) continue;  // it waits for dead nodes without dying
          if (!has_two_ways(use.node)) return false;
          merges.emplace_back(use.node, use.input);
          continue;
        }
        if (is_output(use.node)) return false;
        if (seen[static_cast<size_t>(use.node)]) continue;
        seen[static_cast<size_t>(use.node)] = true;
        for (size_t slot = 0; slot < std::max<size_t>(1, user.outputs.size()); ++slot)
          stack.push_back({use.node, static_cast<int>(slot)});
      }
    }
    return true;
  }

  // A Merge of two branches (not of a loop) that waits for nothing else (what reads its input in its place would die
  // with that), and whose second output, the number of the input taken, nobody asks for.
  bool has_two_ways(NodeId merge) const {
    const Node& node = graph_.node(merge);
    return node.inputs.size() == 2 && node.controls.empty() && graph_.use_count({merge, 1}) == 0 &&
           !context_.wants_other_outputs(node.name) &&
           std::none_of(node.inputs.begin(), node.inputs.end(),
                        [&](Wire wire) { return wire.is_none() || graph_.node(wire.node).is("NextIteration"); });
  }

  // --- dropout ------------------------------------------------------------------------------------------------------
  // A scalar as 1 - x, or x; x is a wire or a number.
  struct Scalar {
    Wire wire;
    std::optional<double> number;
    bool is_complement = false;  // 1 - x
    Scalar complement() const {
      Scalar other = *this;
      if (number) {
        other.number = 1 - *number;
      } else {
        other.is_complement = !is_complement;
      }
      return other;
    }
    bool equals(const Scalar& other) const {
      constexpr double kNear = 1e-5;  // of float32 arithmetic on numbers about 1
      if (number && other.number) return std::abs(*number - *other.number) <= kNear * std::abs(*number);
      return !number && !other.number && wire == other.wire && is_complement == other.is_complement;
    }
  };

  std::optional<double> number_of(Wire wire) const {
    const Tensor* value = constant_of(wire);
    if (value == nullptr || value->element_count() != 1) return std::nullopt;
    if (value->dtype() == DType::kFloat) return value->item<float>();
    if (value->dtype() == DType::kDouble) return value->item<double>();
    return std::nullopt;
  }
  bool is_number(Wire wire, double number) const { return number_of(wire) == number; }

  // Nothing for what depends on an input of the graph: whoever feeds it decides.
  std::optional<Scalar> scalar_of(Wire wire) const {
    while (graph_.node(wire.node).is("Identity") || graph_.node(wire.node).is("PlaceholderWithDefault")) {
      if (is_input(wire.node)) return std::nullopt;
      wire = graph_.node(wire.node).inputs[0];
    }
    if (std::optional<double> number = number_of(wire)) return Scalar{{}, number};
    const Node& node = graph_.node(wire.node);
    if (node.is("Sub") && is_number(node.inputs[0], 1)) {
      std::optional<Scalar> rate = scalar_of(node.inputs[1]);
      if (!rate) return std::nullopt;
      return rate->complement();
    }
    if (is_input(wire.node) || !graph_.fact(wire).shape.is_scalar()) return std::nullopt;
    return Scalar{wire, std::nullopt};
  }

  // Uniform in [0, 1): a RandomUniform, perhaps scaled by 1 and moved by 0 as tf.random_uniform writes it.
  bool is_uniform(Wire wire) const {
    const Node& node = graph_.node(wire.node);
    if (node.is("RandomUniform")) return true;
    if (node.is("Identity")) return is_uniform(node.inputs[0]);
    bool adds = node.is("Add") || node.is("AddV2");
    if (adds && is_number(node.inputs[1], 0)) return is_uniform(node.inputs[0]);
    if (!node.is("Mul")) return false;
    const Node& range = graph_.node(node.inputs[1].node);
    bool is_one = is_number(node.inputs[1], 1) ||
                  (range.is("Sub") && is_number(range.inputs[0], 1) && is_number(range.inputs[1], 0));
    return is_one && is_uniform(node.inputs[0]);
  }

  // What a wire must be taken for so that dropout lets everything through.
  struct Neutral {
    Wire wire;
    double value;
  };

  // The mask of a dropout: floor(keep + u), u >= rate, u < keep. Gives the probability to keep.
  std::optional<Scalar> keep_of_mask(Wire wire, std::vector<Neutral>& neutral) const {
    const Node* node = &graph_.node(wire.node);
    while (node->is("Cast") || node->is("Identity")) node = &graph_.node(node->inputs[0].node);
    bool floors = node->is("Floor");
    if (floors) node = &graph_.node(node->inputs[0].node);
    if (floors && !node->is("Add") && !node->is("AddV2")) return std::nullopt;
    if (!floors && !node->is("GreaterEqual") && !node->is("Less")) return std::nullopt;
    Wire uniform = node->inputs[0], threshold = node->inputs[1];
    if (floors && is_uniform(threshold)) std::swap(uniform, threshold);
    if (!is_uniform(uniform)) return std::nullopt;
    std::optional<Scalar> keep = scalar_of(threshold);
    if (!keep) return std::nullopt;
    bool is_rate = node->is("GreaterEqual");
    neutral.push_back({threshold, is_rate ? 0.0 : 1.0});
    return is_rate ? keep->complement() : *keep;
  }

  // x / keep, x * (1 / keep): x.
  Wire before_scaling(Wire wire, const Scalar& keep, std::vector<Neutral>& neutral) const {
    const Node& node = graph_.node(wire.node);
    auto keeps = [&](Wire divisor) {
      std::optional<Scalar> scalar = scalar_of(divisor);
      return scalar && scalar->equals(keep);
    };
    if (node.is("RealDiv") || node.is("Div")) {
      if (!keeps(node.inputs[1])) return {};
      neutral.push_back({node.inputs[1], 1});
      return node.inputs[0];
    }
    if (!node.is("Mul")) return {};
    for (size_t i = 0; i < 2; ++i) {
      Wire factor = node.inputs[i];
      const Node& inverse = graph_.node(factor.node);
      bool divides =
          (inverse.is("RealDiv") || inverse.is("Div")) && is_number(inverse.inputs[0], 1) && keeps(inverse.inputs[1]);
      std::optional<double> number = number_of(factor);
      bool is_inverse = number && keep.number && Scalar{{}, 1 / *number}.equals(keep);
      if (!divides && !is_inverse) continue;
      neutral.push_back({factor, 1});
      return node.inputs[1 - i];
    }
    return {};
  }

  Status drop_dropout(NodeId id) {
    const Node& node = graph_.node(id);
    if (!node.controls.empty()) return {};
    std::vector<std::pair<Wire, Wire>> candidates;  // mask, scaled x
    if (node.is("Mul")) {
      candidates = {{node.inputs[0], node.inputs[1]}, {node.inputs[1], node.inputs[0]}};
    } else if (is_number(node.inputs[2], 0)) {
      candidates = {{node.inputs[0], node.inputs[1]}};
    }
    for (auto [mask, scaled] : candidates) {
      std::vector<Neutral> neutral;
      std::optional<Scalar> keep = keep_of_mask(mask, neutral);
      if (!keep) continue;
      Wire x = before_scaling(scaled, *keep, neutral);
      if (x.is_none() || !graph_.fact(x).shape.is_compatible_with(node.outputs[0].shape)) continue;
      for (const Neutral& n : neutral) {
        DType dtype = graph_.fact(n.wire).dtype;
        context_.assume(graph_.wire_name(n.wire), dtype == DType::kDouble
                                                      ? Tensor::scalar<double>(n.value)
                                                      : Tensor::scalar<float>(static_cast<float>(n.value)));
      }
      return splice(id, x, "dropout, which only training needs");
    }
    return {};
  }

  Graph& graph_;
  PassContext& context_;
  std::vector<NodeId> inputs_, outputs_;
};

constexpr std::string_view kDoc = R"(Only what the outputs need at inference stays.
  Before:  x -> Identity -> CheckNumerics -> Switch(training = false) / Merge -> dropout -> y, a trainer beside it
  After:   x -> y
  When:    nodes that no output needs, nor a table that one needs to be filled; `_class` attrs; an input that is not a
           Placeholder becomes one of the tensor's own dtype and shape; PlaceholderWithDefault that is no input takes its default;
           Identity, StopGradient, PreventGradient, CheckNumerics, Snapshot that are neither input nor output and order nothing;
           Print, which an Identity replaces where its name or an order hangs on it; a Switch whose predicate is constant, with its Merge; dropout in the forms TensorFlow 1.x wrote
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
