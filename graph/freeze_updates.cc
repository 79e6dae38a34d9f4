#include "graph/freeze_updates.h"

#include <algorithm>
#include <map>
#include <utility>

#include "graph/variable_values.h"

namespace tarn {
namespace {

// Passes a handle on as it is.
bool is_same_handle(const Node& node) {
  return node.is("Identity") || node.is("RefIdentity") || (changes_variable(node) && takes_reference(node));
}

class Follower {
 public:
  Follower(const Graph& graph, const std::vector<bool>& needed, const std::vector<bool>& holds_handle)
      : graph_(graph), needed_(needed), holds_handle_(holds_handle) {}

  UpdatedReads run(std::span<const NodeId> outputs) {
    find_updates();
    reads_.valued.assign(needed_.size(), false);
    for (NodeId id : outputs) visit(id);
    while (!left_.empty()) {
      NodeId id = left_.back();
      left_.pop_back();
      const Node& node = graph_.node(id);
      bool now = reads_now(node);
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        Wire wire = node.inputs[i];
        // What was there before is written over.
        if (wire.is_none() || (i == 0 && brings_handle(wire) && update_form(node) == UpdateForm::kSet)) continue;
        visit(wire.node);
        if (now && brings_handle(wire)) read({id, static_cast<int>(i)}, wire);
      }
    }
    return std::move(reads_);
  }

 private:
  struct Update {
    NodeId id;
    Wire root;
    std::vector<bool> reach = {};  // what comes after it; filled when asked for
  };

  void visit(NodeId id) {
    auto at = static_cast<size_t>(id);
    if (!needed_[at] || reads_.valued[at]) return;
    reads_.valued[at] = true;
    left_.push_back(id);
  }

  // As in Freezer: the second output of a Merge is a number.
  bool brings_handle(Wire wire) const {
    if (wire.is_none() || !holds_handle_[static_cast<size_t>(wire.node)]) return false;
    return wire.slot == 0 || !graph_.node(wire.node).op.ends_with("Merge");
  }
  // The input that brings a handle; none if no input does.
  Wire handle_of(NodeId id) const {
    const std::vector<Wire>& inputs = graph_.node(id).inputs;
    auto found = std::find_if(inputs.begin(), inputs.end(), [&](Wire wire) { return brings_handle(wire); });
    return found == inputs.end() ? Wire{} : *found;
  }

  // Rather than passing the handle on to who reads later.
  bool reads_now(const Node& node) const {
    static constexpr std::string_view kPassers[] = {"RefIdentity",      "RefSwitch", "RefMerge", "RefEnter", "RefExit",
                                                    "RefNextIteration", "Switch",    "Merge",    "Enter",    "Exit",
                                                    "NextIteration",    "Identity"};
    if (std::find(std::begin(kPassers), std::end(kPassers), node.op) == std::end(kPassers)) return true;
    // Of a reference these give the value.
    return !node.op.starts_with("Ref") && !node.inputs.empty() && !is_resource(node.inputs[0]);
  }
  bool is_resource(Wire wire) const {
    for (int steps = 0; steps < graph_.id_limit() && !wire.is_none(); ++steps) {
      if (is_variable(graph_.node(wire.node))) return is_resource_variable(graph_.node(wire.node));
      wire = handle_of(wire.node);
    }
    return false;
  }

  void find_updates() {
    for (NodeId id : graph_.ids()) {
      if (!needed_[static_cast<size_t>(id)] || !changes_variable(graph_.node(id))) continue;
      Wire handle = handle_of(id);
      if (handle.is_none()) continue;
      updates_[storage(handle)].push_back({.id = id, .root = root(handle)});
    }
  }

  // Where a handle comes from: its variable, or the branch or loop that handed it in.
  Wire root(Wire wire) {
    while (is_same_handle(graph_.node(wire.node))) {
      Wire from = handle_of(wire.node);
      if (from.is_none()) break;
      wire = from;
    }
    if (!is_variable(graph_.node(wire.node))) return wire;
    // Several nodes may be handles of the same variable.
    auto [first, is_new] = variables_.emplace(variable_storage_name(graph_.node(wire.node)), wire.node);
    return {first->second, 0};
  }

  std::string storage(Wire wire) {
    for (int steps = 0; steps < graph_.id_limit(); ++steps) {
      Wire from = handle_of(wire.node);
      if (from.is_none()) return variable_storage_name(graph_.node(wire.node));
      wire = from;
    }
    return {};
  }

  bool comes_before(Update& update, NodeId later) {
    if (update.reach.empty()) {
      update.reach.assign(needed_.size(), false);
      std::vector<NodeId> left{update.id};
      while (!left.empty()) {
        NodeId id = left.back();
        left.pop_back();
        for (const Use& use : graph_.uses(id)) {
          auto at = static_cast<size_t>(use.node);
          if (!needed_[at] || update.reach[at]) continue;
          update.reach[at] = true;
          left.push_back(use.node);
        }
      }
    }
    return update.reach[static_cast<size_t>(later)];
  }

  bool is_behind(Wire root, NodeId update) {
    for (int steps = 0; steps < graph_.id_limit(); ++steps) {
      if (root.node == update) return true;
      root = handle_of(root.node);
      if (root.is_none()) return false;
    }
    return false;
  }

  void read(std::pair<NodeId, int> input, Wire handle) {
    const NodeId id = input.first;
    auto found = updates_.find(storage(handle));
    if (found == updates_.end()) return;
    const Wire from = root(handle);
    std::vector<Update*> before;
    for (Update& update : found->second) {
      if (update.id == id || !comes_before(update, id)) continue;
      // What is read is what the handle's own wires brought: the updates on these count already.
      if (!(update.root == from) && is_behind(from, update.id)) continue;
      before.push_back(&update);
    }
    if (before.empty()) return;
    for (const Update* update : before) {
      if (!(update->root == from)) return warn(id, update->id, "in a branch or a loop");
      if (is_in_circle(id, update->id)) return warn(id, update->id, "in a loop");
    }
    std::vector<std::pair<size_t, Update*>> ranked;
    for (Update* update : before) ranked.emplace_back(count_before(before, update), update);
    std::stable_sort(ranked.begin(), ranked.end(), [](auto& a, auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < ranked.size(); ++i) before[i] = ranked[i].second;
    for (size_t i = 1; i < before.size(); ++i) {
      if (!comes_before(*before[i - 1], before[i]->id))
        return warn(id, before[i]->id, str_cat("that comes in no order with ", quoted(name(before[i - 1]->id))));
    }
    reads_.last_update[input] = before.back()->id;
    visit(before.back()->id);
  }

  size_t count_before(const std::vector<Update*>& updates, const Update* update) {
    return static_cast<size_t>(std::count_if(updates.begin(), updates.end(), [&](Update* other) {
      return other != update && comes_before(*other, update->id);
    }));
  }

  bool is_in_circle(NodeId reader, NodeId update) {
    Update reading{.id = reader, .root = {}};
    return comes_before(reading, update) || comes_before(reading, reader);
  }

  void warn(NodeId reader, NodeId update, std::string_view what) {
    reads_.warnings.push_back(str_cat("the outputs read ", quoted(name(reader)), " after the update ",
                                      quoted(name(update)), " ", what,
                                      ": that has no frozen form; the frozen graph reads the saved value there"));
  }
  const std::string& name(NodeId id) const { return graph_.node(id).name; }

  const Graph& graph_;
  const std::vector<bool>& needed_;
  const std::vector<bool>& holds_handle_;
  std::map<std::string, std::vector<Update>> updates_;  // by variable
  std::map<std::string, NodeId> variables_;
  std::vector<NodeId> left_;
  UpdatedReads reads_;
};

}  // namespace

bool takes_reference(const Node& node) {
  if (node.def != nullptr) {
    const std::vector<ArgSpec>& inputs = node.def->schema.inputs();
    return std::any_of(inputs.begin(), inputs.end(), [](const ArgSpec& arg) { return arg.is_ref; });
  }
  for (std::string_view prefix :
       {"Ref", "Assign", "Apply", "SparseApply", "Scatter", "CountUpTo", "StridedSliceAssign"}) {
    if (node.op.starts_with(prefix) && !node.op.ends_with("VariableOp")) return true;
  }
  return false;
}

bool changes_variable(const Node& node) {
  if (node.op.starts_with("Resource")) return !node.op.starts_with("ResourceGather");
  if (node.op.starts_with("Assign")) return true;
  return takes_reference(node) && !node.op.starts_with("Ref") && !node.is("IsVariableInitialized");
}

UpdateForm update_form(const Node& node) {
  if (node.inputs.size() != 2) return UpdateForm::kNone;
  if (node.is("Assign") || node.is("AssignVariableOp")) return UpdateForm::kSet;
  if (node.is("AssignAdd") || node.is("AssignAddVariableOp")) return UpdateForm::kAdd;
  if (node.is("AssignSub") || node.is("AssignSubVariableOp")) return UpdateForm::kSubtract;
  return UpdateForm::kNone;
}

UpdatedReads follow_updates(const Graph& graph, const std::vector<bool>& needed, std::span<const NodeId> outputs,
                            const std::vector<bool>& holds_handle) {
  return Follower(graph, needed, holds_handle).run(outputs);
}

}  // namespace tarn
