#include "passes/support/records.h"

namespace tarn {

std::vector<NodeRecord> node_records(const Graph& graph) {
  std::vector<NodeRecord> records;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    NodeRecord record{.name = node.name, .op = node.op, .device = node.device, .attrs = node.attrs};
    for (Wire wire : node.inputs) {
      if (!wire.is_none()) record.inputs.push_back(graph.wire_name(wire));
    }
    for (NodeId control : node.controls) record.inputs.push_back("^" + graph.node(control).name);
    records.push_back(std::move(record));
  }
  return records;
}

Status read_back(Graph& graph, std::vector<NodeRecord> records) {
  AssembleOptions options;
  options.ops = &graph.ops();
  options.allow_unknown_ops = true;
  options.infer_attrs = true;
  std::vector<std::string> names;
  for (const NodeRecord& record : records) names.push_back(record.name);
  options.place = [&](int node, int) { return str_cat("node ", quoted(names[static_cast<size_t>(node)])); };
  Problems problems;
  Graph read = assemble_graph(std::move(records), options, problems);
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  read.versions = graph.versions;
  read.library = graph.library;
  graph = std::move(read);
  return {};
}

}  // namespace tarn
