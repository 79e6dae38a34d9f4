#include "tools/support/graph_ends.h"

#include <algorithm>

namespace tarn {
namespace {

// Ops that nobody reads from and that still are no outputs.
constexpr std::string_view kNoOutputs[] = {"Const",       "NoOp",    "Placeholder",   "Variable",    "VariableV2",
                                           "VarHandleOp", "Assign",  "Assert",        "Print",       "Save",
                                           "SaveV2",      "Restore", "ScalarSummary", "MergeSummary"};

Result<std::string> only_one(const std::vector<std::string>& names, std::string_view what, std::string_view path,
                             std::string_view flag) {
  if (names.size() == 1) return names[0];
  if (names.empty()) return invalid_argument(path, ": no ", what, " to be seen; name it with --", flag);
  constexpr size_t kMostShown = 5;
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    if (shown.size() < kMostShown) shown.push_back(quoted(name));
  }
  return invalid_argument(path, ": ", names.size(), " possible ", what, "s; name one with --", flag, ": ",
                          str_join(shown), names.size() > kMostShown ? ", …" : "");
}

}  // namespace

std::vector<std::string> likely_inputs(const Graph& graph, const std::vector<std::string>& outputs) {
  std::vector<NodeId> targets;
  for (const std::string& output : outputs) {
    if (Result<NodeId> id = graph.find_node(output); id.ok()) targets.push_back(*id);
  }
  std::vector<bool> needed = ancestors(graph, targets);
  std::vector<std::string> names;
  for (NodeId id : graph.ids()) {
    bool counts = targets.empty() || needed[static_cast<size_t>(id)];
    if (counts && graph.node(id).is("Placeholder")) names.push_back(graph.node(id).name);
  }
  return names;
}

std::vector<std::string> likely_outputs(const Graph& graph) {
  std::vector<std::string> names;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    bool is_none = std::find(std::begin(kNoOutputs), std::end(kNoOutputs), node.op) != std::end(kNoOutputs);
    if (graph.uses(id).empty() && !is_none && !node.outputs.empty()) names.push_back(node.name);
  }
  return names;
}

Result<std::string> only_input(const Graph& graph, const std::string& output, std::string_view path,
                               std::string_view flag) {
  return only_one(likely_inputs(graph, {output}), "input", path, flag);
}

Result<std::string> only_output(const Graph& graph, std::string_view path, std::string_view flag) {
  return only_one(likely_outputs(graph), "output", path, flag);
}

}  // namespace tarn
