// GraphDefs that must be refused, with what the refusal must say: rows 18-32 and 13 of the catalogue of bad inputs.
// Both readers take the same cases: graph/graph_def's test and the engine's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tarn::testing {

struct BadGraph {
  const char* what;
  std::string text;                                 // text proto; ops are those of file_ops()
  std::vector<std::string_view> parts;              // of the importer's message
  std::vector<std::string_view> engine_parts = {};  // of the engine's, where it has other words; empty: the same
};

std::vector<BadGraph> bad_graphs();

}  // namespace tarn::testing
