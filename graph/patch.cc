#include "graph/patch.h"

#include <algorithm>

namespace tarn {

NodeSpec copy_of(const Node& node, std::string_view suffix) {
  return {.name = str_cat(node.name, suffix),
          .op = node.op,
          .inputs = node.inputs,
          .attrs = node.attrs,
          .controls = node.controls,
          .device = node.device};
}

Patch::~Patch() {
  if (!committed_) undo();
}

void Patch::undo() {
  for (auto it = added_.rbegin(); it != added_.rend(); ++it) graph_.remove(*it);
  added_.clear();
}

Wire Patch::add(NodeSpec spec) {
  if (!status_.ok()) return {};
  spec.name = graph_.unique_name(spec.name);
  Result<NodeId> id = graph_.add(std::move(spec));
  if (!id.ok()) {
    status_ = id.status();
    return {};
  }
  added_.push_back(*id);
  return {*id, 0};
}

Wire Patch::constant(std::string name, const Tensor& value) {
  return add({.name = std::move(name), .op = "Const", .attrs = {{"value", value}, {"dtype", value.dtype()}}});
}

void Patch::replace(Wire from, Wire to) {
  if (status_.ok()) replacements_.push_back({from, to, false});
}

void Patch::replace_node(NodeId old, Wire by) {
  if (status_.ok()) replacements_.push_back({{old, 0}, by, true});
}

Status Patch::check(Wire from, Wire to, std::string_view what) const {
  if (to.is_none() || !graph_.is_alive(from.node) || !graph_.is_alive(to.node))
    return internal_error(what, ": a node of the patch is gone");
  // Nothing is known of what an op unknown here gives, not even how much, if nobody reads it.
  static const Fact kUnknown;
  auto fact_of = [&](Wire wire) -> const Fact& {
    return static_cast<size_t>(wire.slot) < graph_.node(wire.node).outputs.size() ? graph_.fact(wire) : kUnknown;
  };
  const Fact &old_fact = fact_of(from), &new_fact = fact_of(to);
  bool is_other =
      old_fact.dtype != new_fact.dtype && old_fact.dtype != DType::kInvalid && new_fact.dtype != DType::kInvalid;
  if (is_other || !old_fact.shape.is_compatible_with(new_fact.shape)) {
    return internal_error(what, " ", quoted(graph_.wire_name(from)), ": ", old_fact.to_string(), " cannot become ",
                          new_fact.to_string(), " of ", quoted(graph_.wire_name(to)));
  }
  return {};
}

bool Patch::is_replaced(Wire wire) const {
  return std::any_of(replacements_.begin(), replacements_.end(),
                     [&](const Replacement& r) { return !r.whole_node && r.from == wire; });
}

Status Patch::commit() {
  if (status_.ok()) {
    for (const Replacement& r : replacements_) {
      status_.update(check(r.from, r.to, "replacing"));
      if (!r.whole_node || !status_.ok()) continue;
      for (const Use& use : graph_.uses(r.from.node)) {
        if (use.input != Use::kControl && use.slot != 0 && !is_replaced({r.from.node, use.slot})) {
          status_ =
              internal_error("replacing ", quoted(graph_.node(r.from.node).name), ": output ", use.slot, " is in use");
        }
      }
    }
  }
  if (!status_.ok()) {
    undo();
    return status_;
  }
  committed_ = true;
  std::vector<NodeId> candidates = doomed_;
  touched_ = added_;
  for (const Replacement& r : replacements_) {
    // A new node that reads `from` itself goes on doing so.
    std::vector<Use> own;
    for (const Use& use : graph_.uses(r.from.node)) {
      touched_.push_back(use.node);
      if (std::find(added_.begin(), added_.end(), use.node) != added_.end()) own.push_back(use);
    }
    graph_.replace_uses(r.from, r.to);
    for (const Use& use : own) {
      if (use.input != Use::kControl && use.slot == r.from.slot) graph_.set_input(use.node, use.input, r.from);
    }
    if (!r.whole_node) continue;
    graph_.replace_control_uses(r.from.node, r.to.node);
    bool still_read = !graph_.uses(r.from.node).empty();  // by a new node of this patch
    bool is_new = std::find(added_.begin(), added_.end(), r.to.node) != added_.end();
    if (still_read) {
      // The old node stays, under another name, if the new one must have its own.
      if (is_new) {
        std::string name = graph_.node(r.from.node).name;
        Status renamed = graph_.rename(r.from.node, graph_.unique_name(name + "/replaced"));
        renamed.update(graph_.rename(r.to.node, name));
        assert(renamed.ok());
        (void)renamed;
      }
      continue;
    }
    std::string name = graph_.node(r.from.node).name;
    for (Wire input : graph_.node(r.from.node).inputs) {
      if (!input.is_none()) candidates.push_back(input.node);
    }
    for (NodeId control : graph_.node(r.from.node).controls) candidates.push_back(control);
    graph_.remove(r.from.node);
    if (is_new) {
      Status renamed = graph_.rename(r.to.node, name);
      assert(renamed.ok());
      (void)renamed;
    }
  }
  sweep(std::move(candidates));
  return {};
}

// Removes candidates without users, then what they alone used. Sources that may be fed and nodes with effects stay.
void Patch::sweep(std::vector<NodeId> candidates) {
  while (!candidates.empty()) {
    NodeId id = candidates.back();
    candidates.pop_back();
    if (!graph_.is_alive(id)) continue;
    touched_.push_back(id);
    if (!graph_.uses(id).empty() || std::find(keep_.begin(), keep_.end(), id) != keep_.end()) continue;
    const Node& node = graph_.node(id);
    if (node.has_trait(kSourceOp) || node.is("PlaceholderWithDefault") ||
        (node.has_trait(kStateful) && !node.is("RandomUniform")))
      continue;
    for (Wire input : node.inputs) {
      if (!input.is_none()) candidates.push_back(input.node);
    }
    for (NodeId control : node.controls) candidates.push_back(control);
    graph_.remove(id);
  }
}

}  // namespace tarn
