// What passes are told when random graphs are tried: what they must be told, drawn so that it fits the graph.
#pragma once

#include <optional>
#include <string>

#include "passes/pass.h"
#include "tests/property/random_graph.h"

namespace tarn::testing {

// "fold_constants", "remove_nodes(op=Relu)"; nothing where the graph has nothing that the pass could be told of, or the
// pass reads a file and there is no folder for it.
std::optional<std::string> told_step(const PassDef& pass, const Graph& graph, const std::string& scratch_folder,
                                     Random& random);
// A pass that need not be told anything, perhaps with a size or count drawn: "quantize_weights(minimum_size=2)".
std::string drawn_step(const PassDef& pass, Random& random);

}  // namespace tarn::testing
