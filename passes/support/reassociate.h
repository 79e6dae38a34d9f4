// Constants that come one after the other are one: (x + a) - b is x + (a - b), (x * a) * b is x * (a * b).
//
//   Status rule(Simplifier& s, NodeId id) { return merge_addends(s, id); }
//
// Integers wrap, so any dtype of theirs gives the same bits. Of floating dtypes float and double are taken, whose sum
// rounds once less, and only where neither cancellation nor overflow make that more than rounding.
#pragma once

#include "passes/support/simplify.h"

namespace tarn {

// At an Add, AddV2 or Sub of a constant and one such that it alone reads.
Status merge_addends(Simplifier& s, NodeId id, Arithmetic arithmetic);
// At a Mul, likewise.
Status merge_factors(Simplifier& s, NodeId id, Arithmetic arithmetic);
// a + b is surely not much smaller than a and b are, element by element.
bool adds_up(const Graph& graph, const Tensor& a, const Tensor& b);

}  // namespace tarn
