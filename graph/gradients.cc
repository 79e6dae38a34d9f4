#include "graph/gradients.h"

#include <algorithm>
#include <unordered_map>

namespace tarn {
namespace {

struct WireHash {
  size_t operator()(Wire wire) const {
    return std::hash<int64_t>()((static_cast<int64_t>(wire.node) << 32) ^ wire.slot);
  }
};

bool assigns_through(const Graph& graph, Wire wire) {
  const Node& node = graph.node(wire.node);
  return node.has_trait(kWritesRef) && wire.slot == 0 && !node.inputs.empty() && graph.fact(wire).is_ref;
}

// A floating value, a reference to one or a handle on one.
bool carries_gradient(const Fact& fact) {
  return dtype_is_floating(fact.variable().dtype);
}

// Gradient functions write nodes through this, under gradients/<node>_grad.
class ScopeGradBuilder : public GradBuilder {
 public:
  ScopeGradBuilder(const Scope& scope, std::string label) : scope_(scope), label_(std::move(label)) {}

  Wire op(std::string_view op, std::span<const Wire> inputs, const AttrMap& attrs) override {
    if (!scope_.ok()) return {};
    for (Wire wire : inputs) {
      if (!wire.is_none()) continue;
      scope_.UpdateStatus(internal_error("the gradient of ", label_, " feeds ", op,
                                         " with a gradient that does not exist (an output that nothing depends on)"));
      return {};
    }
    Operation added = AddNodeOnWires(scope_, op, inputs, attrs);
    return added.is_none() ? Wire() : Wire{added.id(), 0};
  }
  Wire constant(const Tensor& value) override {
    Output output = AddConst(scope_, value);
    return output.is_none() ? Wire() : output.wire();
  }
  // Facts stay in place as the graph grows: each node keeps its own on the heap.
  const Fact& fact(Wire wire) const override {
    static const Fact unknown;
    return wire.is_none() ? unknown : scope_.graph().fact(wire);
  }

 private:
  Scope scope_;
  std::string label_;
};

class GradientWalk {
 public:
  GradientWalk(const Scope& scope, const std::vector<Output>& ys, const std::vector<Output>& xs)
      : scope_(scope), graph_(scope.graph()), ys_(ys), xs_(xs), limit_(static_cast<size_t>(graph_.id_limit())) {}

  Status run(const std::vector<Output>& grad_ys, std::vector<Output>* grads) {
    TARN_RETURN_IF_ERROR(check_arguments(grad_ys));
    mark_reached();
    mark_between();
    for (size_t i = 0; i < ys_.size(); ++i) {
      TARN_ASSIGN_OR_RETURN(Wire grad, arriving_gradient(i, grad_ys));
      contributions_[variable_behind(graph_, ys_[i].wire())].push_back(grad);
    }
    TARN_RETURN_IF_ERROR(walk());
    grads->clear();
    for (const Output& x : xs_) {
      Wire wire = variable_behind(graph_, x.wire());
      if (!contributions_.contains(wire)) wire = variable_read_by(wire);
      Wire sum = total(wire);
      grads->push_back(sum.is_none() ? NoGradient() : Output(&graph_, sum));
    }
    return scope_.status();
  }

 private:
  Status check_arguments(const std::vector<Output>& grad_ys) const {
    auto check = [&](const std::vector<Output>& outputs, std::string_view what) -> Status {
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i].is_none()) return invalid_argument("AddSymbolicGradients: ", what, "[", i, "] is no output");
        if (outputs[i].op().graph() != &graph_) {
          return invalid_argument("AddSymbolicGradients: ", what, "[", i, "] ", quoted(outputs[i].name()),
                                  " belongs to another graph than the scope");
        }
      }
      return {};
    };
    TARN_RETURN_IF_ERROR(check(ys_, "ys"));
    TARN_RETURN_IF_ERROR(check(xs_, "xs"));
    for (const Output& y : ys_) {
      if (!dtype_is_floating(y.dtype())) {
        return invalid_argument("AddSymbolicGradients: ", quoted(y.name()), " is ", dtype_name(y.dtype()),
                                "; only floating values have gradients");
      }
    }
    if (!grad_ys.empty() && grad_ys.size() != ys_.size())
      return invalid_argument("AddSymbolicGradients: ", ys_.size(), " ys but ", grad_ys.size(), " grad_ys");
    return {};
  }

  Result<Wire> arriving_gradient(size_t i, const std::vector<Output>& grad_ys) {
    const Output& y = ys_[i];
    if (!grad_ys.empty() && !grad_ys[i].is_none()) {
      const Output& grad = grad_ys[i];
      if (grad.op().graph() != &graph_ || grad.dtype() != y.dtype() || !grad.shape().is_compatible_with(y.shape())) {
        return invalid_argument("AddSymbolicGradients: grad_ys[", i, "] ", grad.fact().to_string(), " does not fit ",
                                quoted(y.name()), " ", y.fact().to_string());
      }
      return grad.wire();
    }
    Scope named = scope_.WithOpName("grad_ys_", i);
    TARN_ASSIGN_OR_RETURN(Tensor one, cast_literal(Tensor::scalar<double>(1), y.dtype()));
    Output ones = y.shape().is_scalar()
                      ? AddConst(named, one)
                      : AddNode(named, "Fill", {AddNode(scope_, "Shape", {y}).output(0), one}).output(0);
    if (!scope_.ok()) return scope_.status();
    return ones.wire();
  }

  // Which nodes have an input that depends on an x, by floating wires.
  void mark_reached() {
    reached_.assign(limit_, false);
    std::vector<Wire> wires;
    for (const Output& x : xs_) {
      Wire wire = variable_behind(graph_, x.wire());
      wires.push_back(wire);
      wires.push_back(variable_read_by(wire));
    }
    is_x_.assign(limit_, false);
    for (Wire wire : wires) is_x_[static_cast<size_t>(wire.node)] = true;
    while (!wires.empty()) {
      Wire wire = wires.back();
      wires.pop_back();
      if (!carries_gradient(graph_.fact(wire))) continue;
      for (const Use& use : graph_.uses(wire.node)) {
        if (use.input == Use::kControl || use.slot != wire.slot) continue;
        const Node& user = graph_.node(use.node);
        if (user.has_trait(kWritesRef)) {  // another handle on the same variable; what is assigned does not count
          bool gives_reference = use.input == 0 && !user.outputs.empty();
          if (gives_reference && seen_.insert_or_assign(use.node, true).second) wires.push_back({use.node, 0});
          continue;
        }
        if (user.is("StopGradient") || reached_[static_cast<size_t>(use.node)]) continue;
        reached_[static_cast<size_t>(use.node)] = true;
        for (int slot = 0; slot < static_cast<int>(user.outputs.size()); ++slot) wires.push_back({use.node, slot});
      }
    }
  }

  // Which reached nodes a y depends on; and how many of their uses are among those.
  void mark_between() {
    between_.assign(limit_, false);
    pending_.assign(limit_, 0);
    std::vector<NodeId> stack;
    auto visit = [&](Wire wire) {
      auto id = static_cast<size_t>(wire.node);
      if (!carries_gradient(graph_.fact(wire)) || !reached_[id] || between_[id]) return;
      between_[id] = true;
      stack.push_back(wire.node);
    };
    for (const Output& y : ys_) visit(variable_behind(graph_, y.wire()));
    while (!stack.empty()) {
      NodeId id = stack.back();
      stack.pop_back();
      order_.push_back(id);
      for (Wire wire : graph_.node(id).inputs) {
        if (!wire.is_none()) visit(variable_behind(graph_, wire));
      }
    }
    for (NodeId id : order_) {
      for_each_producer_between(graph_.node(id), [&](NodeId producer) { ++pending_[static_cast<size_t>(producer)]; });
    }
  }

  template <class F>
  void for_each_producer_between(const Node& node, const F& f) const {
    for (Wire wire : node.inputs) {
      if (wire.is_none()) continue;
      NodeId producer = variable_behind(graph_, wire).node;
      if (static_cast<size_t>(producer) < limit_ && between_[static_cast<size_t>(producer)]) f(producer);
    }
  }

  Status walk() {
    std::vector<NodeId> ready;
    for (NodeId id : order_) {
      if (pending_[static_cast<size_t>(id)] == 0) ready.push_back(id);
    }
    size_t done = 0;
    while (!ready.empty()) {
      NodeId id = ready.back();
      ready.pop_back();
      ++done;
      Node node = graph_.node(id);  // a copy: the graph grows while the gradient function runs
      TARN_RETURN_IF_ERROR(differentiate(id, node));
      for_each_producer_between(node, [&](NodeId producer) {
        if (--pending_[static_cast<size_t>(producer)] == 0) ready.push_back(producer);
      });
    }
    if (done == order_.size()) return {};
    for (NodeId id : order_) {
      if (pending_[static_cast<size_t>(id)] > 0) {
        return unimplemented("AddSymbolicGradients: ", node_label(graph_.node(id).op, graph_.node(id).name),
                             " is part of a loop; gradients through loops are not supported")
            .with_node(graph_.node(id).name);
      }
    }
    return {};
  }

  Status differentiate(NodeId id, const Node& node) {
    std::vector<Wire> outputs, output_grads;
    bool any = false;
    for (int slot = 0; slot < static_cast<int>(node.outputs.size()); ++slot) {
      outputs.push_back({id, slot});
      output_grads.push_back(total({id, slot}));
      any = any || !output_grads.back().is_none();
    }
    if (!any) return scope_.status();  // its gradient function gave nothing to any output: nothing to pass on
    const std::string label = node_label(node.op, node.name);
    const OpEntry* entry = node.def == nullptr ? nullptr : node.def->entry;
    if (entry == nullptr || entry->gradient == nullptr) {
      std::string_view reason =
          entry == nullptr ? "this binary knows nothing of its gradient" : entry->no_gradient_reason;
      return unimplemented("no gradient through ", label, ", which lies between ", quoted(ys_[0].name()), " and ",
                           quoted(x_behind(id)), ": op ", node.op, " has none (", reason, ")")
          .with_node(node.name);
    }
    ScopeGradBuilder builder(scope_.Reopen(node.name + "_grad"), label);
    GradContext context(builder, node.attrs, node.inputs, outputs, output_grads);
    TARN_RETURN_IF_ERROR(entry->gradient(context).with_context(str_cat("gradient of ", label)).with_node(node.name));
    if (!scope_.ok()) return scope_.status().with_context(str_cat("gradient of ", label));
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Wire grad = context.input_grads()[i];
      Wire input = variable_behind(graph_, node.inputs[i]);
      const Fact& fact = graph_.fact(input).variable();  // of a handle: the gradient is of the value behind it
      if (grad.is_none() || !dtype_is_floating(fact.dtype) || !wanted(input)) continue;
      const Fact& got = graph_.fact(grad);
      if (got.dtype != fact.dtype || !got.shape.is_compatible_with(fact.shape)) {
        return internal_error("gradient of ", label, ": input ", i, " is ", fact.to_string(), " but its gradient is ",
                              got.to_string());
      }
      contributions_[input].push_back(grad);
    }
    return {};
  }

  bool wanted(Wire wire) const {
    auto id = static_cast<size_t>(wire.node);
    return id < limit_ && (between_[id] || is_x_[id]);
  }

  // The gradient of a wire: its contributions added up, at most once.
  Wire total(Wire wire) {
    auto it = contributions_.find(wire);
    if (it == contributions_.end()) return {};
    std::vector<Wire>& parts = it->second;
    if (parts.size() > 1) {
      Operation sum = AddNodeOnWires(scope_, "AddN", parts);
      parts = {sum.is_none() ? Wire() : Wire{sum.id(), 0}};
    }
    return parts[0];
  }

  // The variable that an Identity or ReadVariableOp reads; any other wire is itself.
  Wire variable_read_by(Wire wire) const {
    const Node& node = graph_.node(wire.node);
    if (node.is("ReadVariableOp")) return node.inputs[0];
    if (!node.is("Identity") || node.inputs[0].is_none() || !graph_.fact(node.inputs[0]).is_ref) return wire;
    return variable_behind(graph_, node.inputs[0]);
  }

  // Name of an x that `id` depends on, for messages.
  std::string x_behind(NodeId id) const {
    std::vector<bool> needed = ancestors(graph_, std::vector<NodeId>{id});
    for (const Output& x : xs_) {
      if (needed[static_cast<size_t>(variable_behind(graph_, x.wire()).node)]) return x.name();
    }
    return xs_[0].name();
  }

  Scope scope_;
  Graph& graph_;
  const std::vector<Output>& ys_;
  const std::vector<Output>& xs_;
  size_t limit_;  // nodes from here on are ours
  std::vector<bool> reached_, between_, is_x_;
  std::unordered_map<NodeId, bool> seen_;
  std::vector<int> pending_;
  std::vector<NodeId> order_;
  std::unordered_map<Wire, std::vector<Wire>, WireHash> contributions_;
};

}  // namespace

Output NoGradient() {
  return {};
}

Wire variable_behind(const Graph& graph, Wire wire) {
  while (assigns_through(graph, wire)) {
    Wire variable = graph.node(wire.node).inputs[0];
    if (variable.is_none()) break;
    wire = variable;
  }
  return wire;
}

Status AddSymbolicGradients(const Scope& scope, const std::vector<Output>& ys, const std::vector<Output>& xs,
                            const std::vector<Output>& grad_ys, std::vector<Output>* grads) {
  if (!scope.ok()) return scope.status();
  return GradientWalk(scope.NewSubScope("gradients"), ys, xs).run(grad_ys, grads);
}

Status AddSymbolicGradients(const Scope& scope, const std::vector<Output>& ys, const std::vector<Output>& xs,
                            std::vector<Output>* grads) {
  return AddSymbolicGradients(scope, ys, xs, {}, grads);
}

}  // namespace tarn
