// What optimize_for_inference and strip_unused, TensorFlow's Python tools, have in common: a file is read, stripped to
// what lies between inputs and outputs, changed by some more passes, and written.
//
//   Result<StripRun> run = strip_file({.tool = kTool, .input = FLAGS_input_graph, …, .more_passes = "fold_constants"});
//   print(run->graph.node_count(), " ops in the final graph.\n");
#pragma once

#include <string>
#include <string_view>

#include "graph/graph_io.h"
#include "passes/support/pass_manager.h"

namespace tarn {

// The value of a flag and how it is called.
struct NamedFlag {
  std::string_view flag;
  std::string value;
};

struct StripOptions {
  std::string_view tool;
  std::string input;
  NamedFlag output;
  NamedFlag inputs;   // names, comma-separated; empty: every Placeholder that the outputs need
  NamedFlag outputs;  // names, comma-separated
  // Flag --placeholder_type_enum: TensorFlow's numbers (1: float), one for all inputs or one for each, in their order.
  // Empty: inputs have the dtype that the graph says. One that contradicts it is an error: who reads the input could
  // not take it.
  std::string placeholder_types;
  GraphFormat format = GraphFormat::kByExtension;
  bool must_be_frozen = false;
  std::string more_passes = {};  // after strip_unused_nodes
  std::function<Status(const PassReport&, const Graph&)> after_pass = {};
};

struct StripRun {
  Graph graph;  // as written
  int nodes_before = 0;
  uint64_t bytes_before = 0, bytes_after = 0;
};
// Errors name the flag or the file; then nothing was written. Inputs that do not fit the outputs are warned of.
Result<StripRun> strip_file(const StripOptions& options);

}  // namespace tarn
