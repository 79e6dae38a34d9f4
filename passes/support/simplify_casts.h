// What simplify_shapes does with a Cast: one to the dtype there is, one behind another.
#pragma once

#include "passes/support/simplify.h"

namespace tarn {

// At a Cast: goes, or reads through another that keeps every value.
Status simplify_cast(Simplifier& s, NodeId id);

}  // namespace tarn
