// Graphs in text, as tests write them.
//
//   Graph graph = graph_of("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n");
#pragma once

#include <string_view>

#include "graph/text.h"

namespace tarn {

// A mistake in the text fails the test; the graph is empty then.
Graph graph_of(std::string_view text, const TextReadOptions& options = {});
// The same with ops that nobody has.
Graph graph_with_unknown_ops(std::string_view text);

}  // namespace tarn
