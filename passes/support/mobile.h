// optimize_for_mobile as a library: what the tool of that name does to a graph, step by step.
//
//   MobileOptions options;                                    // all of it found and chosen
//   TARN_RETURN_IF_ERROR(find_outputs(graph, options).status());
//   TARN_RETURN_IF_ERROR(find_inputs(graph, options).status());
//   TARN_RETURN_IF_ERROR(optimize_for_mobile(graph, options).status());
//   TARN_RETURN_IF_ERROR(store_self_test(graph, options));
//   TARN_RETURN_IF_ERROR(write_graph(graph, "mobile.pb"));
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/output_candidates.h"
#include "graph/session.h"
#include "passes/support/pass_manager.h"
#include "passes/support/target_runtime.h"

namespace tarn {

struct MobileOptions {
  std::vector<std::string> inputs = {}, outputs = {};  // node or tensor names
  TargetRuntime runtime = TargetRuntime::kTarn;
  bool quantize_weights = false;
  // "keep_prob=0.8": what mode placeholders are, in place of what fold_mode_placeholders finds.
  std::vector<std::string> mode_values = {};
  std::string passes = {};        // another pipeline, run once; none: mobile_pipeline(), run until it changes nothing
  bool allow_custom_ops = false;  // ops that nothing is known of may stay: an app may bring them
  bool verify = false;
  std::vector<Session::Feed> feeds = {};  // for verification; none: made-up ones
  std::function<Status(const PassReport& report, const Graph& graph)> after_pass = {};
};

// Outputs that were not named: choose_outputs(), whose error this gives. Those found are returned, with the reasons.
Result<std::vector<OutputCandidate>> find_outputs(const Graph& graph, MobileOptions& options);

// Inputs, once the outputs are known. Placeholders need no names. What the graph fed itself, from queues, iterators and
// tf.Examples that it parsed, becomes Placeholders; of a graph whose only inputs have defaults these are the inputs.
// Where inputs are named, those that are one of several outputs of a node become Placeholders. Returns what was done, a
// sentence each.
Result<std::vector<std::string>> find_inputs(Graph& graph, MobileOptions& options);

// As transform_graph takes it. Every pass of it keeps the outputs but for rounding (quantize_weights: and quantizing),
// and none assumes more than that the graph is used, not trained.
std::string mobile_pipeline(const MobileOptions& options);

// Runs the passes over a frozen graph. FailedPrecondition with every node that the runtime cannot run, on which way it
// is needed, and what would take it out.
Result<std::vector<PassReport>> optimize_for_mobile(Graph& graph, const MobileOptions& options);

// Puts a test of the graph into its model_info (runtime/self_test.h). Errors are those of stored_test(), and leave the
// graph as it is.
Status store_self_test(Graph& graph, const MobileOptions& options);

}  // namespace tarn
