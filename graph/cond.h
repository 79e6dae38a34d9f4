// Cond: two branches of which a run takes one, as TensorFlow's tf.cond writes them: values enter a branch through
// Switch and leave through Merge.
//
//   Cond cond(scope, flag);                                   // nodes below `<scope>/cond/`
//   Operation x = cond.enter(cond.scope, value);              // output 1 is alive if the flag is true, else output 0
//   Output y = cond.merge(ops::Neg(cond.scope, x.output(0)), ops::Relu(cond.scope, x.output(1)));
#pragma once

#include "graph/scope.h"

namespace tarn {

class Cond {
 public:
  Cond(const Scope& parent, const Output& flag) : scope(parent.NewSubScope("cond")) {
    Operation pivot = AddNode(scope.WithOpName("Switch"), "Switch", {flag, flag});
    on_true_ = AddNode(scope.WithOpName("switch_t"), "Identity", {pivot.output(1)}).output(0);
    on_false_ = AddNode(scope.WithOpName("switch_f"), "Identity", {pivot.output(0)}).output(0);
    pred_ = AddNode(scope.WithOpName("pred_id"), "Identity", {flag}).output(0);
  }
  // For nodes without data inputs (constants, reads of variables): they run in their branch only.
  Scope in_true(const Scope& within) const { return within.WithControlDependencies(on_true_); }
  Scope in_false(const Scope& within) const { return within.WithControlDependencies(on_false_); }
  // Output 0 is alive in the false branch, output 1 in the true one.
  Operation enter(const Scope& within, const Output& value, std::string_view name = "Switch") const {
    return AddNode(within.WithOpName(name), "Switch", {value, pred_});
  }
  Output merge(const Output& when_false, const Output& when_true) const {
    return AddNode(scope, "Merge", {InputList{when_false, when_true}}).output(0);
  }

  const Scope scope;

 private:
  Output on_true_, on_false_, pred_;
};

}  // namespace tarn
