// Makes a failing graph small: delta debugging on nodes, outputs, edges, sizes and passes.
//
//   Reduced small = reduce(graph_case, "strip fold_constants", [&](const GraphCase& g, const std::string& pipeline) {
//     return checker.check(g, pipeline) is the same finding;
//   });
//
// Whatever it tries is taken only if `fails` still says so and the graph runs; so what comes out fails as what went in.
// Ends: every step taken makes the graph or the pipeline smaller, and there are at most `most_tries`.
#pragma once

#include <functional>
#include <string>

#include "tests/property/random_graph.h"

namespace tarn::testing {

struct Reduced {
  GraphCase graph_case;
  std::string pipeline;
  int tries = 0;
};

using Fails = std::function<bool(const GraphCase& graph_case, const std::string& pipeline)>;

Reduced reduce(const GraphCase& graph_case, const std::string& pipeline, const Fails& fails, int most_tries = 4000);

}  // namespace tarn::testing
