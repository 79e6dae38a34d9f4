// What optimize_for_inference and strip_unused, TensorFlow's Python tools, have in common: a file is read, stripped to
// what lies between inputs and outputs, and changed by some more passes.
//
//   Result<StripRun> run = strip_file({.files = files, …, .more_passes = "fold_constants"});
//   TARN_RETURN_IF_ERROR(write_after_passes(run->graph, run->before, files).status());
#pragma once

#include <string>
#include <string_view>

#include "tools/support/pass_run.h"

namespace tarn {

struct StripOptions {
  PassFiles files;
  std::string inputs;   // names, comma-separated; empty: every Placeholder that the outputs need
  std::string outputs;  // names, comma-separated
  // Flag --placeholder_type_enum: TensorFlow's numbers (1: float), one for all inputs or one for each, in their order.
  // Empty: inputs have the dtype that the graph says. One that contradicts it is an error: who reads the input could
  // not take it.
  std::string placeholder_types;
  bool must_be_frozen = false;
  std::string more_passes = {};  // after strip_unused_nodes
  std::function<Status(const PassReport&, const Graph&)> after_pass = {};
};

struct StripRun {
  PassGraph before;  // without its graph
  Graph graph;       // to be written
};
// Errors name the flag or the file. Inputs that do not fit the outputs are warned of.
Result<StripRun> strip_file(const StripOptions& options);

}  // namespace tarn
