#include "passes/support/rewriter.h"

#include <algorithm>

namespace tarn {
namespace {

// Every rule we have lowers its measure by one a change, and none of them starts above a few times the nodes' number.
constexpr int kMostChangesPerNode = 50;
constexpr int kFewNodes = 100;
// A pattern's root lies at most so far below the node that changed.
constexpr int kPatternDepth = 4;
// What hundreds read (a shared constant, an input) is not walked through: the sweeps find what is left.
constexpr size_t kManyUsers = 32;

}  // namespace

Rewriter::Rewriter(Graph& graph, PassContext& context)
    : GraphView(graph, context.inputs, context.outputs), graph_(&graph), context_(&context) {}

Result<Rewriter> Rewriter::make(Graph& graph, PassContext& context) {
  Problems problems;
  problems.add(context.find(graph, context.inputs).status());
  problems.add(context.find(graph, context.outputs).status());
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return Rewriter(graph, context);
}

bool Rewriter::has_control_users(NodeId id) const {
  const std::vector<Use>& uses = graph_->uses(id);
  return std::any_of(uses.begin(), uses.end(), [](const Use& use) { return use.input == Use::kControl; });
}

bool Rewriter::has_one_user(NodeId id) const {
  const std::vector<Use>& uses = graph_->uses(id);
  return uses.size() == 1 && uses[0].input != Use::kControl && !is_public(id);
}

bool Rewriter::uses_other_outputs(NodeId id) const {
  const std::vector<Use>& uses = graph_->uses(id);
  return context_->wants_other_outputs(node(id).name) || std::any_of(uses.begin(), uses.end(), [](const Use& use) {
           return use.input != Use::kControl && use.slot != 0;
         });
}

const Tensor* Rewriter::constant(Wire wire) const {
  if (wire.is_none()) return nullptr;
  const Node& from = node(wire.node);
  return from.is("Const") && from.controls.empty() && !is_input(wire.node) ? &from.outputs[0].value : nullptr;
}

Patch Rewriter::patch() {
  std::vector<NodeId> keep = inputs(), also = outputs();
  keep.insert(keep.end(), also.begin(), also.end());
  return Patch(*graph_, std::move(keep));
}

bool Rewriter::visit_again(NodeId id) {
  auto slot = static_cast<size_t>(id);
  if (slot >= is_queued_.size()) is_queued_.resize(slot + slot / 2 + 1, false);
  if (is_queued_[slot] || !graph_->is_alive(id)) return false;
  is_queued_[slot] = true;
  queue_.push_back(id);
  return true;
}

void Rewriter::visit_around(NodeId id) {
  std::vector<NodeId> level = {id};
  for (int depth = 0; depth <= kPatternDepth && !level.empty(); ++depth) {
    std::vector<NodeId> next;
    for (NodeId at : level) {
      const std::vector<Use>& uses = graph_->uses(at);
      if (!visit_again(at) || uses.size() > kManyUsers) continue;
      for (const Use& use : uses) next.push_back(use.node);
    }
    level = std::move(next);
  }
}

Status Rewriter::commit(Patch& patch, NodeId at, std::string_view what) {
  std::string name = node(at).name;
  TARN_RETURN_IF_ERROR(patch.commit());
  ++changes_;
  context_->changed(name, what);
  for (NodeId id : patch.touched()) {
    if (!graph_->is_alive(id)) continue;
    visit_around(id);
    // What it reads may have one user less.
    for (Wire wire : node(id).inputs) {
      if (!wire.is_none() && graph_->uses(wire.node).size() <= kManyUsers) visit_around(wire.node);
    }
  }
  return {};
}

Status Rewriter::splice(NodeId id, Wire by, std::string_view what) {
  Patch change = patch();
  if (is_output(id)) {
    by = change.add({.name = str_cat(node(id).name, "/identity"),
                     .op = "Identity",
                     .inputs = {by},
                     .attrs = {{"T", fact(by).dtype}},
                     .device = node(id).device});
  }
  change.replace_node(id, by);
  return commit(change, id, what);
}

void Rewriter::changed(NodeId id, std::string_view what) {
  ++changes_;
  context_->changed(node(id).name, what);
  visit_around(id);
}

Status rewrite(Graph& graph, PassContext& context, const std::function<Status(Rewriter&, NodeId)>& visit) {
  TARN_ASSIGN_OR_RETURN(Rewriter rewriter, Rewriter::make(graph, context));
  int most = kMostChangesPerNode * (graph.node_count() + kFewNodes);
  for (int before = -1; before != rewriter.changes_;) {
    before = rewriter.changes_;
    TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
    for (NodeId id : order) rewriter.visit_again(id);
    while (!rewriter.queue_.empty()) {
      NodeId id = rewriter.queue_.front();
      rewriter.queue_.pop_front();
      rewriter.is_queued_[static_cast<size_t>(id)] = false;
      if (!graph.is_alive(id)) continue;
      if (context.changes >= context.most_changes) return {};
      TARN_RETURN_IF_ERROR(visit(rewriter, id));
      if (rewriter.changes_ > most) {
        return internal_error("the rewrite does not come to an end: ", rewriter.changes_, " changes, the last at ",
                              quoted(context.changed_nodes.back()));
      }
    }
  }
  return {};
}

}  // namespace tarn
