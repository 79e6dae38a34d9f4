// Graphs in text, frozen with every variable 7: what tests of freeze() are written in.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "graph/freeze.h"
#include "graph/variable_values.h"
#include "tests/support/graph_text.h"

namespace tarn {

// Every variable is 7, of its declared shape.
inline VariableValues sevens(std::vector<std::string>* asked = nullptr) {
  return [asked](const Graph& graph, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> values;
    for (NodeId id : variables) {
      if (asked != nullptr) asked->push_back(graph.node(id).name);
      values.push_back(
          *tensor_from_text(str_cat("f32", graph.node(id).attrs.get_or<Shape>("shape", Shape()), "fill(7)")));
    }
    return values;
  };
}

inline std::string frozen_text(std::string_view text, std::vector<std::string> outputs) {
  Result<FrozenGraph> frozen = freeze(graph_with_unknown_ops(text), {.outputs = std::move(outputs)}, sevens());
  return frozen.ok() ? "\n" + graph_to_text(frozen->graph) : frozen.status().to_string();
}

}  // namespace tarn
