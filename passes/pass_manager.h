// PassManager: runs a pipeline of passes over a graph; times them, counts nodes, and can prove each one by running the
// graph before and after it on the same inputs.
//
//   PassManager manager({.inputs = {"input_node"}, .outputs = {"output_node"}, .verify = true});
//   Result<std::vector<PassReport>> reports = manager.run(graph, *parse_pipeline("strip fold_constants"));
//
// A pipeline is text: names, each perhaps with arguments, separated by spaces or commas:
//   strip fold_constants(max_constant_size_in_bytes=1000) quantize_weights
// Thread-compatible.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/session.h"
#include "passes/pass.h"

namespace tarn {

struct PipelineStep {
  const PassDef* pass;
  AttrMap args;
};

// Errors name the position and the nearest pass.
Result<std::vector<PipelineStep>> parse_pipeline(std::string_view text);
std::string pipeline_text(const std::vector<PipelineStep>& pipeline);

struct PassReport {
  std::string pass;
  int changes = 0;
  std::vector<std::string> notes;
  std::vector<std::string> assumed;  // "keep_prob = 1": what verification fed, for the pass holds at inference only
  int nodes_before = 0, nodes_after = 0;
  double milliseconds = 0;
  // With verify: the largest difference of any output, relative to that output's largest magnitude.
  bool verified = false;
  double max_relative_difference = 0;
  // The same for the constants that a quantizing pass changed.
  double max_constant_difference = 0;
};

struct PassManagerOptions {
  std::vector<std::string> inputs, outputs;  // node or tensor names; no inputs: every Placeholder
  bool verify = false;
  // What verification feeds; empty: seeded random values for every input, unknown sizes such that the graph runs.
  std::vector<Session::Feed> feeds;
  uint64_t seed = 1;
  // Called after each pass, with the graph as it left it: for dumps and progress.
  std::function<Status(const PassReport& report, const Graph& graph)> after_pass;
};

class PassManager {
 public:
  explicit PassManager(PassManagerOptions options) : options_(std::move(options)) {}
  // Changes `graph`. Before the first and after each pass every node is judged anew (its facts with it) and the inputs
  // and outputs must be there. An error names the pass; with verify, a difference beyond the pass's contract is an
  // error naming pass and output.
  Result<std::vector<PassReport>> run(Graph& graph, const std::vector<PipelineStep>& pipeline);

 private:
  // Feeds that the graph has no place for are left out.
  Result<std::vector<Tensor>> fetch(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                    const std::vector<std::string>& names) const;
  Result<std::vector<Session::Feed>> make_feeds(const Graph& graph) const;
  Status check(const Graph& graph) const;
  Status compare(const PassDef& pass, const PassContext& context, const Graph& before, const Graph& after,
                 std::vector<Session::Feed> feeds, PassReport& report) const;
  Status compare_constants(const PassDef& pass, const PassContext& context, const Graph& before, const Graph& after,
                           PassReport& report) const;

  PassManagerOptions options_;
};

// Largest |a - b| relative to the largest magnitude in `a` (1 if a is all zeros); infinity where dtype or shape differ,
// or where one is NaN and the other is not.
double relative_difference(const Tensor& a, const Tensor& b);

}  // namespace tarn
