#include "graph/freeze_state.h"

#include <algorithm>
#include <map>
#include <unordered_map>

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

// The table behind an initializer's handle; -1 if the node is none.
NodeId table_of(const Graph& graph, const Node& node) {
  bool brings_values = node.is("InitializeTable") || node.is("InitializeTableV2");
  if (!brings_values || node.inputs.empty()) return -1;
  Wire wire = node.inputs[0];
  while (!wire.is_none() && (graph.node(wire.node).is("Identity") || graph.node(wire.node).is("RefIdentity")))
    wire = graph.node(wire.node).inputs[0];
  return wire.is_none() ? -1 : wire.node;
}

}  // namespace

std::vector<TableInitializer> keep_table_initializers(const Graph& graph, std::span<const NodeId> stops,
                                                      std::vector<bool>& needed) {
  std::unordered_multimap<NodeId, NodeId> initializers;  // by table
  for (NodeId id : graph.ids()) {
    if (NodeId table = table_of(graph, graph.node(id)); table >= 0) initializers.emplace(table, id);
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
            [](const TableInitializer& a, const TableInitializer& b) { return a.initializer < b.initializer; });
  return kept;
}

std::vector<std::string> unfrozen_state(const Graph& frozen, std::span<const std::string> outputs,
                                        const std::unordered_set<std::string>& filled) {
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
    sentences.push_back(str_cat(count == 1 ? "output " : "outputs ", str_join(names), count > kMostShown ? ", …" : "",
                                count == 1 ? " depends on " : " depend on ", quoted(node.name), " (", node.op,
                                "), which is not frozen"));
  }
  return sentences;
}

}  // namespace tarn
