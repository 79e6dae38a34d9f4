// Where a random node stands in its stream, kept by the session under the node's name.
//
//   TARN_ASSIGN_OR_RETURN(RandomState * state, random_state(c, seed_, seed2_));
//   Philox random(state->reserve(blocks));
#pragma once

#include "core/kernel.h"
#include "core/random_state.h"

namespace tarn {

// Begins the stream if the node has drawn nothing yet: at these seeds or, if both are 0, at seeds of the session's
// choice. FailedPrecondition without a place to keep it, or a source of seeds.
Result<RandomState*> random_state(RunContext& c, uint64_t seed, uint64_t seed2);

}  // namespace tarn
