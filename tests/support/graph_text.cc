#include "tests/support/graph_text.h"

#include <gtest/gtest.h>

namespace tarn {

Graph graph_of(std::string_view text, const TextReadOptions& options) {
  Result<Graph> graph = graph_from_text(text, options);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (graph.ok()) return *std::move(graph);
  return Graph(options.ops != nullptr ? *options.ops : all_ops());
}

Graph graph_with_unknown_ops(std::string_view text) {
  return graph_of(text, {.allow_unknown_ops = true});
}

}  // namespace tarn
