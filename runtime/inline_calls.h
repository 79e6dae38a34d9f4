// Calls written out. What If, Case, While, PartitionedCall and nodes named after a function do is made of Switch,
// Merge, Enter and the functions' own nodes, as TensorFlow lowers them:
//
//   y = If(p, x) {then_branch=f, else_branch=g}
//     ->  Switch(x, p) -> y/then/… (f's nodes), y/else/… (g's) -> Merge
//   y = While(x) {cond=c, body=b}
//     ->  Enter(x) -> Merge -> y/cond/… -> LoopCond -> Switch -> y/body/… -> NextIteration;  Exit
//
// Used by compile(), for what it is asked, and by graph/functions.h, which gives the graph to those who edit it.
// Functions are judged before any is written out: a library whose calls lead back to themselves, go too deep or would
// make too many nodes is refused by the function's name.
#pragma once

#include <memory>

#include "runtime/compile.h"

namespace tarn {

struct InlineCallsOptions {
  // An If, Case or While that takes no resource stays as it is.
  bool keep_plain_control_flow = false;
  // Calls that the request does not need are written out too, but for those that cannot be.
  bool all_calls = false;
  // If not empty: no other calls of the graph than these nodes (but those within their functions).
  std::vector<int> only = {};
  // The result is to be a file: under a call's name its outputs stay, for who asks for them by name, and constants are
  // within the loop that reads them. If not: only what is done when the call is.
  bool as_file = false;
  int64_t max_nodes = 1'000'000;  // written out; long names, many wires and large attrs count as more
  int max_depth = 100;            // of calls within calls
};

// The graph after that, and what was asked for in its terms. Nodes of the graph before keep their index. Looks at the
// graph before, which must outlive it.
class InlinedGraph {
 public:
  virtual ~InlinedGraph() = default;
  virtual const NodeSource& source() const = 0;
  virtual const CompileRequest& request() const = 0;
  // All nodes, what was written out for a call before the call.
  virtual std::vector<int> order() const = 0;
  // The node of the graph before that this one is, or was written out for.
  virtual int origin(int node) const = 0;
};

// Null if there is nothing to write out.
Result<std::unique_ptr<InlinedGraph>> inline_calls(const NodeSource& source, const CompileRequest& request,
                                                   const OpRegistry& ops, const InlineCallsOptions& options = {});

}  // namespace tarn
