// What goes into a graph and what comes out of it, where nobody named it.
//
//   TARN_ASSIGN_OR_RETURN(std::string output, only_output(graph, path, "output_layer"));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// Placeholders, in the order of the file; with `outputs`, those that they need.
std::vector<std::string> likely_inputs(const Graph& graph, const std::vector<std::string>& outputs = {});
// Nodes that nobody uses and that give a value that a model is run for.
std::vector<std::string> likely_outputs(const Graph& graph);

// The one there is. Errors name the file, the flag that settles it, and the candidates.
Result<std::string> only_input(const Graph& graph, const std::string& output, std::string_view path,
                               std::string_view flag);
Result<std::string> only_output(const Graph& graph, std::string_view path, std::string_view flag);

}  // namespace tarn
