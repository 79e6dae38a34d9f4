// Calls written out. What If, While, PartitionedCall and nodes named after a function do is made of Switch, Merge,
// Enter and the functions' own nodes before anything is compiled, as TensorFlow lowers them:
//
//   y = If(p, x) {then_branch=f, else_branch=g}
//     ->  Switch(x, p) -> f's nodes, g's nodes -> Merge
//   y = While(x) {cond=c, body=b}
//     ->  Enter(x) -> Merge -> c's nodes -> LoopCond -> Switch -> b's nodes -> NextIteration;  Exit
//
// The nodes of f, called by node `y`, are named `y/…`. Functions are judged before any is written out: a library whose
// calls lead back to themselves, go too deep or would make too many nodes is refused by the function's name.
#pragma once

#include <memory>

#include "runtime/compile.h"

namespace tarn {

// The graph after that, and what was asked for in its terms. Looks at the graph before, which must outlive it.
class InlinedGraph {
 public:
  virtual ~InlinedGraph() = default;
  virtual const NodeSource& source() const = 0;
  virtual const CompileRequest& request() const = 0;
};

// Null if nothing that `request` needs is a call.
Result<std::unique_ptr<InlinedGraph>> inline_calls(const NodeSource& source, const CompileRequest& request,
                                                   const OpRegistry& ops);

}  // namespace tarn
