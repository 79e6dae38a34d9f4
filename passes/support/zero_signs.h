// Rules that are exact of integers, and of floats but for the sign of a zero: theirs belong to a pass that may round.
//
//   Status rule(Simplifier& s, NodeId id) { return turn_difference(s, id, Arithmetic::kInteger); }
#pragma once

#include "passes/support/simplify.h"

namespace tarn {

// At a Neg of a Sub that it alone reads: -(a - b) is b - a. (Of a = b these are -0 and +0.)
Status turn_difference(Simplifier& s, NodeId id, Arithmetic arithmetic);
// At a Relu6 of a Relu, and a Relu of a Relu6: one Relu6. (Which leaves -0 as it is, where Relu gives +0.)
Status clamp_once(Simplifier& s, NodeId id, Arithmetic arithmetic);

}  // namespace tarn
