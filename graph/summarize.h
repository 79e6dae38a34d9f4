// What a graph consists of, in the words of TensorFlow's summarize_graph: likely inputs and outputs, variables,
// parameters, op types, and the benchmark_model command that runs it.
//
//   std::string text = summarize_graph(graph, "model.pb");
//   // Found 1 possible inputs: (name=x, type=float(1), shape=[?,784]) …
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace tarn {

struct SummarizeOptions {
  bool print_structure = false;  // every node, its inputs, and the values of constants
  bool check_finite = false;     // constants with infinities, or with what is no number
  // What the file says of each Placeholder's shape: "[?,784]", "<unknown>", "None" without the attr. A Graph holds what
  // that means: old files write [] where they mean any shape.
  std::map<std::string, std::string> placeholder_shapes = {};
};

// For SummarizeOptions: of a GraphDef or MetaGraph, binary or text. Empty for anything else.
std::map<std::string, std::string> placeholder_shapes(std::string_view file_bytes);

// `path` is for the benchmark command.
Result<std::string> summarize_graph(const Graph& graph, std::string_view path, const SummarizeOptions& options = {});

// 950, 12.30k, 23.89M, 1.50B: as TensorFlow writes counts.
std::string human_readable_number(int64_t value);

}  // namespace tarn
