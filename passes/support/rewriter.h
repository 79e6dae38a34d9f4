// Rewriter: takes a rewrite over a graph until it finds nothing more to do.
//
//   Status fold(Rewriter& r, NodeId id) {
//     if (!r.node(id).is("Relu") || !r.has_one_user(r.node(id).inputs[0].node)) return {};
//     Patch patch = r.patch();
//     patch.replace_node(id, …);
//     return r.commit(patch, id, "two Relus are one");
//   }
//   Status run(Graph& graph, PassContext& context) { return rewrite(graph, context, fold); }
//
// Every node is visited, producers first; where something changed, what it made and what reads it is visited again,
// until a sweep over all nodes changes nothing. The rewrite must lower a measure with each change (its pass says
// which); one that does not is stopped with an error after a number of changes that no such measure needs.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/patch.h"
#include "passes/pass.h"
#include "passes/support/graph_view.h"

namespace tarn {

class Rewriter : public GraphView {
 public:
  // Errors name inputs and outputs that the graph does not have.
  static Result<Rewriter> make(Graph& graph, PassContext& context);

  using GraphView::graph;
  Graph& graph() { return *graph_; }
  PassContext& context() { return *context_; }

  // A node that is read once, by one node, and neither held fast by a control edge nor public: who replaces its reader
  // may replace it.
  bool has_one_user(NodeId id) const;
  bool has_control_users(NodeId id) const;
  // Whether an output beyond the first is read or asked for.
  bool uses_other_outputs(NodeId id) const;
  // The value of a Const that waits for nothing and is no input; nullptr for anything else.
  const Tensor* constant(Wire wire) const;

  // A patch that keeps what is public.
  Patch patch();
  // Commits, reports, and has what changed visited again. `at` is the node that the change is told of; it may be gone
  // afterwards. A patch that does not fit is an error and leaves the graph as it was.
  Status commit(Patch& patch, NodeId at, std::string_view what);
  // Users of output 0 of `id` get `by`, and `id` goes. An output keeps its name: it becomes an Identity of `by`.
  Status splice(NodeId id, Wire by, std::string_view what);
  // After changes made without a patch: `id` and what reads it is visited again.
  void changed(NodeId id, std::string_view what);

 private:
  friend Status rewrite(Graph&, PassContext&, const std::function<Status(Rewriter&, NodeId)>&);
  Rewriter(Graph& graph, PassContext& context);
  bool visit_again(NodeId id);  // false if it was to be visited anyway
  void visit_around(NodeId id);

  Graph* graph_;
  PassContext* context_;
  std::deque<NodeId> queue_;
  std::vector<bool> is_queued_;
  int changes_ = 0;
};

// Errors are the rewrite's, or Internal for one that does not come to an end.
Status rewrite(Graph& graph, PassContext& context, const std::function<Status(Rewriter&, NodeId)>& visit);

}  // namespace tarn
