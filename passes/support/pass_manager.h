// PassManager: runs a pipeline of passes over a graph; times them, counts nodes and bytes, and can prove each one by
// running the graph before and after it on the same inputs.
//
//   PassManager manager({.inputs = {"input_node"}, .outputs = {"output_node"}, .verify = true});
//   Result<std::vector<PassReport>> reports = manager.run(graph, *parse_pipeline("strip fold_constants"));
// Thread-compatible.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/session.h"
#include "passes/pass.h"
#include "passes/support/pipeline.h"
#include "passes/support/verification.h"

namespace tarn {

struct PassReport : Comparison {
  std::string pass;
  int changes = 0;
  std::vector<std::string> notes;
  int round = 0;  // of a pipeline that is run again until it changes nothing
  Assumptions assumptions;
  int nodes_before = 0, nodes_after = 0;
  int64_t bytes_before = 0, bytes_after = 0;  // of constants
  double milliseconds = 0;
  std::string ignored_error;  // of a step with ignore_errors=true: the graph is as it was before
  bool verified = false;      // with verify: what it is a Comparison for
};

struct PassManagerOptions {
  std::vector<std::string> inputs = {}, outputs = {};  // node or tensor names; no inputs: every Placeholder
  bool verify = false;
  // What verification feeds; empty: seeded random values for every input, unknown sizes such that the graph runs.
  std::vector<Session::Feed> feeds = {};
  uint64_t seed = 1;
  // Passes to leave out, by any of their names: to find out which one does it.
  std::vector<std::string> disabled = {};
  // Nothing runs after this pass: its name, or "name#2" for the second of that name. Empty: all run.
  std::string stop_after = {};
  // The whole pipeline again while it changes anything, so many times at most.
  int most_rounds = 1;
  // Called after each pass, with the graph as it left it: for dumps and progress.
  std::function<Status(const PassReport& report, const Graph& graph)> after_pass = {};
};

// What bisection finds: the first step, and of a pass that counts its changes (Rewriter) the first change, with which
// some output differs from the untouched graph's by more than was allowed.
struct Culprit {
  size_t step = 0;
  std::string pass;
  std::string change;  // what the pass said of it; empty where it is not known
  std::string output;
  double difference = 0;
};

// Judges every node anew, in the order of the data: what is known of values and shapes follows from the inputs.
Status refresh_facts(Graph& graph);

// The bytes of all constants.
int64_t constant_bytes(const Graph& graph);

class PassManager {
 public:
  explicit PassManager(PassManagerOptions options) : options_(std::move(options)) {}
  // Changes `graph`. Before the first and after each pass every node is judged anew (its facts with it) and the inputs
  // and outputs must be there, under the names that passes gave them. An error names the pass; with verify, a
  // difference beyond the pass's contract is an error naming pass and output, and the first node that both graphs have
  // and that differs.
  Result<std::vector<PassReport>> run(Graph& graph, const std::vector<PipelineStep>& pipeline);
  // Looks for the step and the change that make an output differ from the graph as it is by more than `tolerance` of
  // its range; nothing if the whole pipeline does not. Runs the pipeline some log2(steps * changes) times. What passes
  // assume (PassContext::assume) is fed to both.
  Result<std::optional<Culprit>> bisect(const Graph& graph, const std::vector<PipelineStep>& pipeline,
                                        double tolerance) const;

 private:
  Status check(const Graph& graph, const GraphEnds& ends) const;
  // What the pass made of the names; made-up feeds that its Placeholders do not take are made anew.
  Status follow(const PassContext& context, const Graph& graph, GraphEnds& ends) const;
  Status check_options(const std::vector<PipelineStep>& pipeline) const;
  bool is_disabled(const PassDef& pass) const;
  // Up to the one to stop after, or all.
  Result<size_t> steps_to_run(const std::vector<PipelineStep>& pipeline) const;
  Result<PassReport> run_step(Graph& graph, const PipelineStep& step, GraphEnds& ends,
                              int most_changes = std::numeric_limits<int>::max()) const;
  Verifier verifier() const { return {options_.feeds, options_.seed}; }

  PassManagerOptions options_;
};

}  // namespace tarn
