// prune_branches: where the predicate is known, the branch taken replaces the choice, and the other branch goes.
//
// Before:  y = Merge(Neg(Switch(x, false)), Relu(Switch(x, false):1))        After:  y = Neg(x)
// When:    the predicate is known: a Const, or what logic, comparisons, casts and reshapes make of Consts
//          (passes/support/known_values.h), in a loop too; false && anything is false
//          - Switch, RefSwitch, _SwitchN: the branch not taken, followed by data and control edges (the pivots switch_t
//            and switch_f), ends in Merges, none of them a loop's. Each loses the inputs that are dead; one that has
//            one left is spliced out, and its value_index is a Const
//          - Select: both values have one shape, as far as is known (and sizes that do not agree are no longer
//          refused);
//            SelectV2: the other value and the predicate broadcast into the one taken, as is known
//          - If, StatelessIf, Case, StatelessCase: the function taken is written out in its place; where it cannot be,
//          a
//            PartitionedCall of it stays
//          Left alone: a branch that an output is in, or an input; a Merge that waits for something
// Math:    a node with a dead input, or one that waits for a dead node, is dead; a Merge passes on what is alive. What
//          waited for the predicate goes on doing so, in an Identity
// Keeps:   the names of inputs and outputs.   Contract: exact.
// Ends:    every change removes a Switch, a Select, an If or Case, or a control edge. Functions do not call themselves.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "graph/functions.h"
#include "passes/pass.h"
#include "passes/support/known_values.h"
#include "passes/support/rewriter.h"
#include "passes/support/unneeded_nodes.h"
#include "runtime/branch_taken.h"
#include "runtime/wire_functions.h"

namespace tarn {
namespace {

bool is_switch(const Node& node) {
  return node.is("Switch") || node.is("RefSwitch") || node.is("_SwitchN");
}
bool is_merge(const Node& node) {
  return node.is("Merge") || node.is("RefMerge");
}

// --- v1 control flow -------------------------------------------------------------------------------------------------

// What never has a value because one branch is never taken.
struct DeadPart {
  std::vector<NodeId> nodes;               // producers before what reads them, but for loops
  std::map<NodeId, std::set<int>> merges;  // by Merge that stays alive: its dead inputs
  std::vector<NodeId> waiters;             // Merges and ControlTriggers that wait for dead nodes without dying
};

class DeadPartFinder {
 public:
  explicit DeadPartFinder(const Rewriter& rewriter) : r_(rewriter) {}

  // Nothing if an output is dead, or an input or a loop that is alive stands in the way.
  std::optional<DeadPart> find(NodeId from, int taken) {
    for (const Use& use : r_.graph().uses(from)) {
      // What waits for the Switch itself belongs to neither branch.
      if (use.input != Use::kControl && use.slot != taken) reach(use);
    }
    while (!stack_.empty() && fits_) {
      NodeId id = stack_.back();
      stack_.pop_back();
      for (const Use& use : r_.graph().uses(id)) reach(use);
    }
    for (auto it = part_.merges.begin(); it != part_.merges.end() && fits_;) {
      bool is_dead = seen_.contains(it->first);
      fits_ = is_dead || may_lose(it->first, it->second);
      it = is_dead ? part_.merges.erase(it) : std::next(it);
    }
    if (!fits_) return std::nullopt;
    return std::move(part_);
  }

 private:
  void die(NodeId id) {
    if (!seen_.insert(id).second) return;
    if (r_.is_public(id)) fits_ = false;
    part_.nodes.push_back(id);
    stack_.push_back(id);
  }

  void reach(const Use& use) {
    const Node& user = r_.node(use.node);
    bool waits_only = is_merge(user) || user.is("ControlTrigger");
    if (use.input == Use::kControl && waits_only) {
      part_.waiters.push_back(use.node);
    } else if (use.input != Use::kControl && is_merge(user)) {
      std::set<int>& dead = part_.merges[use.node];
      dead.insert(use.input);
      // A loop's back edge dies with the loop.
      bool all = true;
      for (size_t i = 0; i < user.inputs.size(); ++i) {
        Wire input = user.inputs[i];
        bool is_back = input.is_none() || is_back_edge(r_.graph(), use.node, input.node);
        all = all && (is_back || dead.contains(static_cast<int>(i)));
      }
      if (all) die(use.node);
    } else {
      die(use.node);
    }
  }

  bool may_lose(NodeId merge, const std::set<int>& dead) const {
    const Node& node = r_.node(merge);
    bool in_loop = std::any_of(node.inputs.begin(), node.inputs.end(),
                               [&](Wire wire) { return wire.is_none() || is_back_edge(r_.graph(), merge, wire.node); });
    // What reads its input in its place would die with what it waits for.
    bool waits = std::any_of(node.controls.begin(), node.controls.end(),
                             [&](NodeId control) { return !seen_.contains(control); });
    bool tells_which = r_.uses_other_outputs(merge);
    return !in_loop && !waits && !r_.is_input(merge) && !(tells_which && node.inputs.size() - dead.size() > 1);
  }

  const Rewriter& r_;
  DeadPart part_;
  std::vector<NodeId> stack_;
  std::unordered_set<NodeId> seen_;
  bool fits_ = true;
};

// Gives what they read and waited for, as far as it is still there.
std::vector<NodeId> take_out(Graph& graph, const std::vector<NodeId>& nodes) {
  std::vector<NodeId> read;
  for (NodeId id : nodes) {
    for (Wire wire : graph.node(id).inputs) {
      if (!wire.is_none()) read.push_back(wire.node);
    }
    read.insert(read.end(), graph.node(id).controls.begin(), graph.node(id).controls.end());
  }
  remove_nodes(graph, nodes);
  std::erase_if(read, [&](NodeId id) { return !graph.is_alive(id); });
  return read;
}

// A node of `like`'s device that gives what `wire` gives, after `controls`.
Wire add_identity(Rewriter& r, Patch& patch, NodeId like, Wire wire, std::vector<NodeId> controls) {
  const Node& node = r.node(like);
  return patch.add({.name = node.name + "/identity",
                    .op = "Identity",
                    .inputs = {wire},
                    .attrs = {{"T", r.fact(wire).dtype}},
                    .controls = std::move(controls),
                    .device = node.device});
}

// One input is left: it replaces the Merge.
Status splice_merge(Rewriter& r, NodeId merge, int left) {
  const Node& node = r.node(merge);
  Wire alive = node.inputs[static_cast<size_t>(left)];
  bool is_ref = node.outputs[0].is_ref, tells_which = r.uses_other_outputs(merge);
  Patch patch = r.patch();
  Wire by = alive;
  bool needs_identity = r.is_output(merge) || (is_ref != r.fact(alive).is_ref) ||
                        (r.has_control_users(merge) && is_switch(r.node(alive.node)));
  if (tells_which) {
    Wire index = patch.constant(node.name + "/value_index", Tensor::scalar<int32_t>(left));
    bool is_asked_for = r.context().wants_other_outputs(node.name);
    if (is_asked_for || !always_has_value(r, alive)) {
      // Where the value may be missing its number is, too; and "merge:1" is asked for by that name.
      by = patch.add({.name = node.name + "/identity",
                      .op = "IdentityN",
                      .inputs = {alive, index},
                      .attrs = {{"T", std::vector<DType>{r.fact(alive).dtype, DType::kInt32}}},
                      .device = node.device});
      index = {by.node, 1};
    } else if (needs_identity) {
      by = add_identity(r, patch, merge, alive, {});
    }
    patch.replace({merge, 1}, index);
  } else if (needs_identity) {
    by = add_identity(r, patch, merge, alive, {});
  }
  patch.replace_node(merge, by);
  return r.commit(patch, merge, "has one branch left");
}

Status shrink_merge(Rewriter& r, NodeId merge, const std::set<int>& dead) {
  const Node& node = r.node(merge);
  std::vector<int> left;
  for (int i = 0; i < std::ssize(node.inputs); ++i) {
    if (!dead.contains(i)) left.push_back(i);
  }
  if (left.size() == 1) return splice_merge(r, merge, left[0]);
  NodeSpec spec{.name = node.name + "/alive", .op = node.op, .attrs = node.attrs, .device = node.device};
  for (int i : left) spec.inputs.push_back(node.inputs[static_cast<size_t>(i)]);
  spec.attrs.set("N", std::ssize(left));
  Patch patch = r.patch();
  patch.replace_node(merge, patch.add(std::move(spec)));
  return r.commit(patch, merge, str_cat("has ", left.size(), " branches left"));
}

std::optional<int> branch_taken_of(const KnownScalar& known, DType dtype, size_t branches) {
  if (!known.shape.is_scalar()) return std::nullopt;
  Result<Tensor> value = filled(dtype, {}, known.number);
  if (!value.ok()) return std::nullopt;
  return branch_taken(dtype, value->data(), branches);
}

// Users of the output taken get `data`, or an Identity of it if something must be waited for.
Result<Wire> replace_taken(Rewriter& r, NodeId id, int taken, bool waits, std::string_view what) {
  const Node& node = r.node(id);
  Wire data = node.inputs[0];
  std::vector<NodeId> controls = node.controls;
  if (waits) controls.push_back(node.inputs[1].node);
  bool needs_identity = !controls.empty() || node.outputs[static_cast<size_t>(taken)].is_ref != r.fact(data).is_ref ||
                        (r.has_control_users(id) && is_switch(r.node(data.node)));
  Patch patch = r.patch();
  Wire by = needs_identity ? add_identity(r, patch, id, data, std::move(controls)) : data;
  patch.replace({id, taken}, by);
  TARN_RETURN_IF_ERROR(r.commit(patch, id, what));
  return by;
}

// Once nothing reads it: what waited for the Switch waits for `by`, which takes its name if it was made for it.
Status drop_switch(Rewriter& r, NodeId id, Wire by, const std::vector<NodeId>& unused) {
  Graph& graph = r.graph();
  Patch patch = r.patch();
  std::string name;
  if (graph.is_alive(id)) {
    Wire data = r.node(id).inputs[0];
    if (!graph.is_alive(by.node)) by = data;
    if (by != data) name = r.node(id).name;
    patch.replace_node(id, by);
  }
  for (NodeId node : unused) patch.remove_if_unused(node);
  TARN_RETURN_IF_ERROR(patch.commit());
  return !name.empty() && graph.is_alive(by.node) ? graph.rename(by.node, name) : Status();
}

Status prune_switch(Rewriter& r, NodeId id) {
  const Node& node = r.node(id);
  std::optional<KnownScalar> known = known_scalar(r, node.inputs[1]);
  if (!known || r.is_public(id)) return {};
  std::optional<int> taken = branch_taken_of(*known, r.fact(node.inputs[1]).dtype, node.outputs.size());
  if (!taken) return {};
  bool holds_up =
      known->waits || !node.controls.empty() || (r.has_control_users(id) && is_switch(r.node(node.inputs[0].node)));
  if (node.outputs[static_cast<size_t>(*taken)].is_ref && holds_up) return {};  // an Identity gives no reference
  std::optional<DeadPart> dead = DeadPartFinder(r).find(id, *taken);
  if (!dead) return {};
  std::string what = node.is("_SwitchN") ? str_cat("its index is always ", *taken)
                                         : str_cat("its predicate is always ", *taken == 1 ? "true" : "false");
  if (!dead->nodes.empty()) str_append(what, "; ", dead->nodes.size(), " nodes of the other branch go");
  TARN_ASSIGN_OR_RETURN(Wire by, replace_taken(r, id, *taken, known->waits, what));
  for (NodeId waiter : dead->waiters) {
    std::vector<NodeId> controls = r.node(waiter).controls;
    std::erase_if(controls, [&](NodeId control) {
      return std::find(dead->nodes.begin(), dead->nodes.end(), control) != dead->nodes.end();
    });
    r.graph().set_controls(waiter, std::move(controls));
  }
  // What only a dead node used goes with it: a Merge that nobody reads, the Switch itself.
  for (const auto& [merge, inputs] : dead->merges) {
    if (r.graph().is_alive(merge)) TARN_RETURN_IF_ERROR(shrink_merge(r, merge, inputs));
  }
  std::erase_if(dead->nodes, [&](NodeId gone) { return !r.graph().is_alive(gone); });
  std::vector<NodeId> unused = take_out(r.graph(), dead->nodes);
  return drop_switch(r, id, by, unused);
}

// --- Select ----------------------------------------------------------------------------------------------------------

Status prune_select(Rewriter& r, NodeId id) {
  const Node& node = r.node(id);
  std::optional<KnownScalar> known = known_scalar(r, node.inputs[0]);
  if (!known || known->waits || !node.controls.empty() || r.is_input(id)) return {};
  size_t taken = known->number != 0 ? 1 : 2;
  const Shape &a = r.fact(node.inputs[1]).shape, &b = r.fact(node.inputs[2]).shape, &mask = known->shape;
  bool fits;
  if (node.is("Select")) {
    bool is_row = mask.rank() == 1 && a.rank() >= 1 && mask.dim(0) == a.dim(0);
    fits = a.has_rank() && a == b && (mask.is_scalar() || is_row || mask == a);
  } else {  // broadcasts
    const Shape &result = taken == 1 ? a : b, &other = taken == 1 ? b : a;
    fits = broadcasts_into(other, result) && broadcasts_into(mask, result);
  }
  if (!fits || !always_has_value(r, node.inputs[3 - taken])) return {};
  return r.splice(id, node.inputs[taken], str_cat("it always selects its ", taken == 1 ? "first" : "second", " value"));
}

Status prune(Rewriter& r, NodeId id) {
  std::vector<NodeId> idle = drop_idle_controls(r.graph(), id, [&](NodeId node) { return r.is_input(node); });
  if (!idle.empty()) {
    Patch patch = r.patch();
    for (NodeId control : idle) patch.remove_if_unused(control);
    TARN_RETURN_IF_ERROR(r.commit(patch, id, "no longer waits for constants"));
  }
  const Node& node = r.node(id);
  if (node.def == nullptr) return {};
  if (is_switch(node)) return prune_switch(r, id);
  if (node.is("Select") || node.is("SelectV2")) return prune_select(r, id);
  return {};
}

// --- If and Case -----------------------------------------------------------------------------------------------------

struct Choice {
  NodeId node;
  FunctionAttr function;
  int taken;
  bool waits;
};

std::optional<Choice> choice_of(const Rewriter& r, NodeId id, const FunctionLibrary& library) {
  const Node& node = r.node(id);
  bool is_if = node.is("If") || node.is("StatelessIf"), is_case = node.is("Case") || node.is("StatelessCase");
  if ((!is_if && !is_case) || node.def == nullptr || r.is_input(id)) return std::nullopt;
  std::optional<KnownScalar> known = known_scalar(r, node.inputs[0]);
  if (!known || !known->shape.is_scalar()) return std::nullopt;
  Choice choice{id, {}, 0, known->waits};
  if (is_if) {
    choice.taken = known->number != 0 ? 1 : 0;
    choice.function = node.attrs.get<FunctionAttr>(choice.taken == 1 ? "then_branch" : "else_branch");
  } else {
    const auto& branches = node.attrs.get<std::vector<FunctionAttr>>("branches");
    std::optional<int> taken = branch_taken_of(*known, r.fact(node.inputs[0]).dtype, branches.size());
    if (!taken) return std::nullopt;
    choice.taken = *taken;
    choice.function = branches[static_cast<size_t>(*taken)];
  }
  if (library.find(choice.function.name) == nullptr) return std::nullopt;
  return choice;
}

// The node becomes a call of the function taken, under its own name.
Status call_taken(Rewriter& r, const Choice& choice) {
  const Node& node = r.node(choice.node);
  bool stateless = node.op.starts_with("Stateless");
  bool is_if = node.is("If") || node.is("StatelessIf");
  NodeSpec spec{.name = node.name + "/call",
                .op = stateless ? "PartitionedCall" : "StatefulPartitionedCall",
                .inputs = {node.inputs.begin() + 1, node.inputs.end()},
                .attrs = {{"f", choice.function}, {"Tin", *node.attrs.find("Tin")}, {"Tout", *node.attrs.find("Tout")}},
                .controls = node.controls,
                .device = node.device};
  if (choice.waits) spec.controls.push_back(node.inputs[0].node);
  Patch patch = r.patch();
  Wire call = patch.add(std::move(spec));
  for (int slot = 1; slot < std::ssize(node.outputs); ++slot) {
    if (r.graph().use_count({choice.node, slot}) > 0) patch.replace({choice.node, slot}, {call.node, slot});
  }
  patch.replace_node(choice.node, call);
  return r.commit(
      patch, choice.node,
      is_if ? str_cat("its condition is always ", choice.taken == 1 ? "true" : "false", ": it is what ",
                      quoted(choice.function.name), " does")
            : str_cat("its index is always ", choice.taken, ": it is what ", quoted(choice.function.name), " does"));
}

// Whether something was changed.
Result<bool> prune_calls(Graph& graph, PassContext& context) {
  std::vector<NodeId> ids = graph.ids();
  bool has_any = std::any_of(ids.begin(), ids.end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    return node.is("If") || node.is("StatelessIf") || node.is("Case") || node.is("StatelessCase");
  });
  if (!has_any) return false;
  Result<FunctionLibrary> library = FunctionLibrary::parse(graph.library, nullptr);
  if (!library.ok()) return false;  // whoever calls something says what is wrong
  std::vector<std::string> called;
  TARN_ASSIGN_OR_RETURN(Rewriter r, Rewriter::make(graph, context));
  for (NodeId id : ids) {
    if (!graph.is_alive(id) || context.changes >= context.most_changes) continue;
    std::optional<Choice> choice = choice_of(r, id, *library);
    if (!choice) continue;
    std::string name = graph.node(id).name;
    TARN_RETURN_IF_ERROR(call_taken(r, *choice));
    called.push_back(std::move(name));
  }
  if (called.empty()) return false;
  InlineOptions options;
  for (const std::string& name : called) options.only.push_back(*graph.find(name));
  Result<Graph> flat = inline_functions(graph, {}, options);
  if (flat.ok()) graph = *std::move(flat);
  return true;
}

Status prune_branches(Graph& graph, PassContext& context) {
  bool changed = true;
  while (changed) {
    TARN_RETURN_IF_ERROR(rewrite(graph, context, prune));
    TARN_ASSIGN_OR_RETURN(changed, prune_calls(graph, context));
  }
  return {};
}

constexpr std::string_view kDoc =
    R"(Where the predicate is known, the branch taken replaces the choice, and the other branch goes.
  Before:  y = Merge(Neg(Switch(x, false)), Relu(Switch(x, false):1))        After:  y = Neg(x)
  When:    the predicate is a Const, or what logic, comparisons, casts and reshapes make of Consts; false && anything is
           false. Switch, RefSwitch, _SwitchN: the branch not taken, followed by data and control edges, ends in Merges,
           none of them a loop's; one that has one input left is spliced out, and its value_index is a Const. Select:
           both values have one shape, as far as is known (and sizes that do not agree are no longer refused); SelectV2:
           the other value and the predicate broadcast into the one taken, as is known.
           [Stateless]If and Case: the function taken is written out in its place, or a PartitionedCall of it stays.
           Left alone: a branch that an output is in, or an input; a Merge that waits for something
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_prune_branches;
const PassDef pass_prune_branches = {.name = "prune_branches", .doc = kDoc, .contract = exact(), .run = prune_branches};

}  // namespace tarn
