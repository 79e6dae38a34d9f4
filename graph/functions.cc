#include "graph/functions.h"

#include <algorithm>

#include "graph/graph_source.h"
#include "graph/records.h"
#include "runtime/function_calls.h"
#include "runtime/inline_calls.h"

namespace tarn {
namespace {

// Read in place: good for as long as the graph is there.
Result<FunctionLibrary> library_of(const Graph& graph) {
  return FunctionLibrary::parse(graph.library, nullptr);
}

NodeRecord record_of(const NodeSource& source, int node, AttrMap attrs, std::string device) {
  NodeRecord record;
  record.name = source.name(node);
  record.op = source.op(node);
  record.device = std::move(device);
  record.attrs = std::move(attrs);
  for (Wire wire : source.inputs(node)) {
    std::string text(source.name(wire.node));
    if (wire.slot > 0) str_append(text, ":", wire.slot);
    record.inputs.push_back(std::move(text));
  }
  for (int control : source.controls(node)) record.inputs.push_back(str_cat("^", source.name(control)));
  return record;
}

}  // namespace

bool calls_functions(const Graph& graph, std::span<const NodeId> nodes) {
  Result<FunctionLibrary> parsed = library_of(graph);
  FunctionLibrary library = parsed.ok() ? *std::move(parsed) : FunctionLibrary();
  return std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    Call call = call_of(node.op, library, graph.ops());
    if (call == Call::kNone || call == Call::kPartitioned || call == Call::kByName) return call != Call::kNone;
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](Wire wire) { return !wire.is_none() && graph.fact(wire).dtype == DType::kResource; });
  });
}

void drop_uncalled_library(Graph& graph) {
  if (graph.library.empty()) return;
  Result<FunctionLibrary> library = library_of(graph);
  if (!library.ok()) return;
  std::vector<NodeId> ids = graph.ids();
  bool is_called = std::any_of(ids.begin(), ids.end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    if (library->find(node.op) != nullptr) return true;
    return std::any_of(node.attrs.begin(), node.attrs.end(), [](const AttrMap::Entry& entry) {
      return entry.second.is<FunctionAttr>() || entry.second.is<std::vector<FunctionAttr>>();
    });
  });
  if (!is_called) graph.library.clear();
}

Result<Graph> inline_functions(const Graph& graph, std::span<const NodeId> targets, const InlineOptions& options) {
  GraphSource source(graph);
  CompileRequest request;
  request.targets.assign(targets.begin(), targets.end());
  if (targets.empty() && options.only.empty()) request.targets = graph.ids();
  InlineCallsOptions calls;
  calls.keep_plain_control_flow = calls.all_calls = calls.as_file = true;
  calls.max_nodes = options.max_nodes;
  calls.max_depth = options.max_depth;
  calls.only = options.only;
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<InlinedGraph> inlined, inline_calls(source, request, graph.ops(), calls));
  if (inlined == nullptr) return graph;

  std::vector<NodeRecord> records;
  const NodeSource& flat = inlined->source();
  for (int node : inlined->order()) {
    NodeId origin = inlined->origin(node);
    if (!graph.is_alive(origin)) continue;
    TARN_ASSIGN_OR_RETURN(AttrMap attrs, flat.attrs(node));
    records.push_back(record_of(flat, node, std::move(attrs), graph.node(origin).device));
  }
  TARN_ASSIGN_OR_RETURN(
      Graph result,
      graph_of_records(graph, std::move(records), {.heading = "the graph with its functions inlined is not valid"}));
  drop_uncalled_library(result);
  return result;
}

}  // namespace tarn
