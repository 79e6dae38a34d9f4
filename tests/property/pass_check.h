// Whether passes keep what they promise on one graph: run it, rewrite it, judge the result, run that.
//
//   PassChecker checker;
//   if (auto found = checker.check(graph_case, "strip fold_constants")) …   // found->detail says what is wrong
//
// What is asked of every pass, whatever its contract: no error, a graph in which every node can be judged and that is
// the same again once written and read, the same bytes from the same graph, and of a pass alone that it finds nothing
// to do in what it made. Then the outputs, before and after each step of a pipeline: bit by bit under exact contracts;
// under rounding ones within the epsilon, and what the graph itself makes of roundings of that size where this is more
// (x - y of nearly equal ones); under quantizing ones dtype, and that it runs.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "passes/support/pipeline.h"
#include "tests/property/random_graph.h"

namespace tarn::testing {

struct Finding {
  // "error", "invalid", "not repeatable", "not settled", "does not run", "differs"; "not accepted": the graph itself.
  std::string kind;
  std::string pipeline;  // as text
  std::string detail;
};

struct PassCount {
  int64_t runs = 0;   // as a step of a pipeline, or alone
  int64_t fired = 0;  // changed the graph
};

struct CheckCounts {
  std::map<std::string, PassCount> passes;
  int64_t runs = 0;      // of a pipeline on a graph
  int64_t changed = 0;   // the graph
  int64_t compared = 0;  // outputs of both graphs
  int64_t tipped = 0;    // not compared: a rounding anywhere in the graph makes more of a difference than all
  int64_t refused = 0;   // a pass that does as told said no, or arguments drawn at random were
  void add(const CheckCounts& other);
};

class PassChecker {
 public:
  CheckCounts counts;
  std::string scratch_folder;  // for files that passes read; without it those passes are left out
  // Called before a pipeline is tried, for whoever has to say where a crash was.
  std::function<void(const std::string& pipeline)> on_start;

  std::optional<Finding> check(const GraphCase& graph_case, const std::string& pipeline);
  // Every pass alone (those that must be told something with what fits the graph), then `pipelines` random ones of 2 to
  // 6. `only`: this pass alone and in pipelines.
  std::vector<Finding> check_all(const GraphCase& graph_case, int pipelines, Random& random,
                                 const std::string& only = "");

 private:
  std::optional<Finding> check_outputs(const GraphCase& before, const GraphCase& after,
                                       std::span<const PipelineStep> steps, const std::string& pipeline);
};

// Equal bit by bit, NaN as NaN whatever its bits.
bool same_bits(const Tensor& a, const Tensor& b);

}  // namespace tarn::testing
