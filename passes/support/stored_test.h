// The self-test that goes into a file (runtime/self_test.h), made of the graph that will be in it.
//
//   Result<SelfTest> test = stored_test(graph, {"x"}, {"y"});
//   if (test.ok()) graph.model_info = serialize_model_info({.self_test = *test});
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/model_info.h"

namespace tarn {

// Runs the graph as an engine does, on one thread, a batch of one where that is open. Errors: what keeps it from
// running on made-up inputs; FailedPrecondition where two runs differ. No inputs: every Placeholder that the outputs
// need.
Result<SelfTest> stored_test(const Graph& graph, const std::vector<std::string>& inputs,
                             const std::vector<std::string>& outputs);

}  // namespace tarn
