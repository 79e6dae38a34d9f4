#include "graph/records.h"

namespace tarn {

NodeRecord record_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  NodeRecord record{.name = node.name, .op = node.op, .device = node.device, .attrs = node.attrs};
  for (Wire wire : node.inputs) {
    if (!wire.is_none()) record.inputs.push_back(graph.wire_name(wire));
  }
  for (NodeId control : node.controls) record.inputs.push_back("^" + graph.node(control).name);
  return record;
}

std::vector<NodeRecord> node_records(const Graph& graph) {
  std::vector<NodeRecord> records;
  for (NodeId id : graph.ids()) records.push_back(record_of(graph, id));
  return records;
}

Result<Graph> graph_of_records(const Graph& like, std::vector<NodeRecord> records, const RecordOptions& options) {
  AssembleOptions assemble;
  assemble.ops = &like.ops();
  assemble.allow_unknown_ops = true;
  assemble.infer_attrs = options.infer_attrs;
  std::vector<std::string> names;
  for (const NodeRecord& record : records) names.push_back(record.name);
  assemble.place = [&](int node, int) { return str_cat("node ", quoted(names[static_cast<size_t>(node)])); };
  Problems problems;
  Graph graph = assemble_graph(std::move(records), assemble, problems);
  TARN_RETURN_IF_ERROR(problems.to_status(std::string(options.heading)));
  graph.versions = like.versions;
  graph.library = like.library;
  graph.model_info = like.model_info;
  return graph;
}

}  // namespace tarn
