// Whether a frozen graph works: it is run once.
//
//   TARN_ASSIGN_OR_RETURN(FrozenCheck check, check_frozen_graph(graph, {"softmax"}));
//   if (!check.why_not_run.empty()) …
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn {

struct FrozenCheck {
  std::string why_not_run;  // empty if it ran
  // An input's shape is not known, or it takes strings (the bytes of a file?): nothing could be made up that surely
  // fits it, so the failure says nothing of the graph.
  bool is_expected = false;
};

// Errors: it is no graph without variables, or none that runs with any input. Runs the outputs on zeros (unknown dims
// are 1, strings empty); the result says why the run was not made or did not come to its end: made-up inputs may fit no
// picture decoder, and ops may be missing here that another runtime has.
Result<FrozenCheck> check_frozen_graph(const Graph& graph, const std::vector<std::string>& outputs);

}  // namespace tarn
