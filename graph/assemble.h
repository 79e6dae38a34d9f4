// From node records, as files hold them (in any order, inputs by name), to a checked Graph. Both importers end here:
// GraphDefs (graph/graph_def.h) and the text form (graph/text.h).
//
//   std::vector<NodeRecord> records = …;
//   Problems problems;
//   Graph graph = assemble_graph(std::move(records), options, problems);
//   TARN_RETURN_IF_ERROR(problems.to_status("graph.pb"));
//
// Everything wrong with the file is found in one go. Node ids follow the records, so that ids() is the file's order.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "graph/graph.h"

namespace tarn {

struct NodeRecord {
  std::string name = {}, op = {}, device = {};
  std::vector<std::string> inputs = {};  // as in a NodeDef
  AttrMap attrs = {};
  bool is_broken = false;  // something about it was reported already: names stay checked, the rest is not judged
};

struct AssembleOptions {
  const OpRegistry* ops = nullptr;  // null: all_ops()
  bool allow_unknown_ops = false;
  bool infer_attrs = false;                   // missing type attrs follow from the inputs
  std::unordered_set<std::string> functions;  // of the file's library: they are ops too
  // Where record `node` (or its input, if `input` >= 0) stands: "node 17", "3:14".
  std::function<std::string(int node, int input)> place;
};

// What is wrong is added to `problems`; the graph is good only if there were none.
Graph assemble_graph(std::vector<NodeRecord> records, const AssembleOptions& options, Problems& problems);

}  // namespace tarn
