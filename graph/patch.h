// Patch: one change of a graph, all or nothing. New nodes, wires replaced, nodes dropped; facts are checked first.
//
//   Patch patch(graph);
//   Wire bias = patch.constant("conv1/bias", tensor);
//   Wire y = patch.add({.name = "conv1/fused", .op = "BiasAdd", .inputs = {conv, bias}});
//   patch.replace_node(bn, y);            // y's node takes bn's name and its users; bn goes
//   Status s = patch.commit();            // on an error the graph is as it was
//
// The replaced output keeps its public name. Thread-compatible.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// The node once more, to be changed and added: copy_of(conv, "/folded").
NodeSpec copy_of(const Node& node, std::string_view suffix = "");

class Patch {
 public:
  explicit Patch(Graph& graph, std::vector<NodeId> keep = {}) : graph_(graph), keep_(std::move(keep)) {}
  // Without commit() everything is undone.
  ~Patch();
  Patch(const Patch&) = delete;
  Patch& operator=(const Patch&) = delete;

  // Adds a node; its name is made unique. Errors stick until commit().
  Wire add(NodeSpec spec);
  Wire constant(std::string name, const Tensor& value);

  // Users of `from` get `to`. dtypes must agree and shapes not contradict.
  void replace(Wire from, Wire to);
  // The users of output 0 of `old` (others must be replaced or unused) get `by`, control users follow; `old` is
  // removed. If by's node is one that this patch added, it takes the name of `old`.
  void replace_node(NodeId old, Wire by);
  // Takes a node out once everything above is done, with what only it used: constants and pure nodes without users, but
  // never one of `keep`.
  void remove_if_unused(NodeId id) { doomed_.push_back(id); }
  void keep(std::span<const NodeId> ids) { keep_.insert(keep_.end(), ids.begin(), ids.end()); }

  Status commit();
  // After commit(): the nodes that were added, those that read something else now, and those that lost a reader. Some
  // of them may be gone.
  const std::vector<NodeId>& touched() const { return touched_; }

 private:
  void undo();
  Status check(Wire from, Wire to, std::string_view what) const;
  bool is_replaced(Wire wire) const;
  void sweep(std::vector<NodeId> candidates);

  struct Replacement {
    Wire from, to;
    bool whole_node;
  };
  Graph& graph_;
  Status status_;
  bool committed_ = false;
  std::vector<NodeId> added_;
  std::vector<Replacement> replacements_;
  std::vector<NodeId> doomed_, keep_, touched_;
};

}  // namespace tarn
