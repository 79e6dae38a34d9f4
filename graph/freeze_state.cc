#include "graph/freeze_state.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "graph/graph_source.h"
#include "graph/variable_values.h"

namespace tarn {
namespace {

constexpr std::string_view kSources[] = {
    "TemporaryVariable",  "AutoReloadVariable", "HashTable",           "HashTableV2", "MutableHashTable",
    "MutableHashTableV2", "IteratorV2",         "OneShotIterator",     "Iterator",    "FIFOQueue",
    "FIFOQueueV2",        "PaddingFIFOQueueV2", "RandomShuffleQueueV2"};

bool holds_state(const Node& node) {
  return is_variable(node) || std::find(std::begin(kSources), std::end(kSources), node.op) != std::end(kSources);
}

// The ops that fill the table `name`, and what to do about them; empty if there are none.
std::string way_to_fill(const Graph& graph, const std::string& name) {
  GraphSource source(graph);
  Result<NodeId> table = graph.find_node(name);
  if (!table.ok()) return "";
  std::vector<std::string> fillers;
  bool read_file = false;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    bool reads_file = node.op.starts_with("InitializeTableFrom");
    bool fills = reads_file || node.op.starts_with("LookupTableI") || node.op.starts_with("InitializeTable");
    if (!fills || table_behind(source, id) != *table) continue;
    read_file = read_file || reads_file;
    fillers.push_back(quoted(node.name));
  }
  if (fillers.empty()) return "";
  constexpr size_t kMostShown = 3;
  std::string more = fillers.size() > kMostShown ? ", …" : "";
  fillers.resize(std::min(fillers.size(), kMostShown));
  return str_cat("; to have it filled, name what fills it (", str_join(fillers), more,
                 read_file ? ", which reads a file" : "", ") among the outputs and run that first");
}

}  // namespace

std::vector<TableInitializer> keep_table_initializers(const Graph& graph, std::span<const NodeId> stops,
                                                      std::vector<bool>& needed) {
  std::unordered_multimap<NodeId, NodeId> initializers;  // by table
  for (const TableInitializer& found : find_table_initializers(GraphSource(graph), graph.ops())) {
    if (graph.is_alive(found.node) && !found.reads_file) initializers.emplace(found.table, found.node);
  }
  std::vector<TableInitializer> kept;
  if (initializers.empty()) return kept;
  std::vector<NodeId> left;  // needed, and not yet looked at
  for (NodeId id : graph.ids()) {
    if (needed[static_cast<size_t>(id)]) left.push_back(id);
  }
  auto need = [&](NodeId id) {
    if (needed[static_cast<size_t>(id)]) return;
    needed[static_cast<size_t>(id)] = true;
    left.push_back(id);
  };
  while (!left.empty()) {
    NodeId id = left.back();
    left.pop_back();
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) continue;
    const Node& node = graph.node(id);
    for (Wire wire : node.inputs) {
      if (!wire.is_none()) need(wire.node);
    }
    for (NodeId control : node.controls) need(control);
    auto [begin, end] = initializers.equal_range(id);
    for (auto it = begin; it != end; ++it) {
      kept.push_back({id, it->second});
      need(it->second);
    }
  }
  std::sort(kept.begin(), kept.end(),
            [](const TableInitializer& a, const TableInitializer& b) { return a.node < b.node; });
  return kept;
}

std::vector<std::string> unfrozen_state(const Graph& before, const Graph& frozen, std::span<const std::string> outputs,
                                        const std::unordered_set<std::string>& filled,
                                        const std::map<std::string, std::string>& reasons) {
  std::vector<NodeId> sources;
  for (NodeId id : frozen.ids()) {
    if (holds_state(frozen.node(id)) && !filled.contains(frozen.node(id).name)) sources.push_back(id);
  }
  std::map<NodeId, std::vector<std::string>> users;  // outputs, by source
  for (const std::string& output : sources.empty() ? std::span<const std::string>() : outputs) {
    Result<NodeId> id = frozen.find_node(output);
    if (!id.ok()) continue;
    std::vector<bool> needed = ancestors(frozen, std::span(&*id, 1));
    for (NodeId source : sources) {
      if (needed[static_cast<size_t>(source)]) users[source].push_back(quoted(output));
    }
  }
  std::vector<std::string> sentences;
  constexpr size_t kMostShown = 3;
  for (auto& [source, names] : users) {
    size_t count = names.size();
    names.resize(std::min(count, kMostShown));
    const Node& node = frozen.node(source);
    auto reason = reasons.find(node.name);
    sentences.push_back(str_cat(count == 1 ? "output " : "outputs ", str_join(names), count > kMostShown ? ", …" : "",
                                count == 1 ? " depends on " : " depend on ", quoted(node.name), " (", node.op,
                                "), which is not frozen",
                                reason != reasons.end() ? ": " + reason->second : way_to_fill(before, node.name)));
  }
  return sentences;
}

}  // namespace tarn
