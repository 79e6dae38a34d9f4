// Inputs on which ops are known to run: the goldens of tests/goldens/ops, which have most ops of the table at most of
// their dtypes, with attrs and the special values that their makers thought of.
//
//   GraphCase one = random_graph(7, golden_samples(), nullptr);
#pragma once

#include "tests/property/random_graph.h"

namespace tarn::testing {

// Draws an op first, then one of its cases. The files are read once; none if they cannot be.
SampleSource golden_samples();

}  // namespace tarn::testing
