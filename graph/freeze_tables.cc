#include "graph/freeze_tables.h"

#include <algorithm>

#include "graph/assemble.h"
#include "graph/graph_source.h"
#include "runtime/table_initializers.h"

namespace tarn {
namespace {

class TableReader {
 public:
  TableReader(const Graph& graph, const std::vector<bool>& needed, const TableSources& sources)
      : graph_(graph), needed_(needed), sources_(sources) {}

  TableContents run() {
    std::map<NodeId, std::vector<NodeId>> fillers = find_fillers();
    for (const auto& [table, nodes] : fillers) {
      if (nodes.empty()) continue;
      Result<FilledTable> filled = fill(table, nodes);
      if (filled.ok()) {
        contents_.tables.push_back(*std::move(filled));
      } else {
        contents_.reasons[graph_.node(table).name] = filled.status().message();
      }
    }
    return std::move(contents_);
  }

 private:
  static bool reads_file(const Node& node) { return node.op.starts_with("InitializeTableFrom"); }
  static bool puts_in(const Node& node) {
    return node.op.starts_with("LookupTableInsert") || node.op.starts_with("LookupTableImport");
  }
  static bool is_filled_once(const Node& table) { return table.is("HashTable") || table.is("HashTableV2"); }
  static bool is_mutable(const Node& table) { return table.is("MutableHashTable") || table.is("MutableHashTableV2"); }

  // By table; an empty list for those that are left alone.
  std::map<NodeId, std::vector<NodeId>> find_fillers() {
    GraphSource source(graph_);
    std::map<NodeId, std::vector<NodeId>> files, restores, initializers;
    std::vector<NodeId> changed;
    std::vector<bool> is_initializer = reached_by_initializers();
    for (NodeId id : graph_.ids()) {
      const Node& node = graph_.node(id);
      bool changes = puts_in(node) || node.op.starts_with("LookupTableRemove");
      if (!changes && !reads_file(node)) continue;
      NodeId table = table_behind(source, id);
      if (table < 0 || !needed_[static_cast<size_t>(table)]) continue;
      const Node& made = graph_.node(table);
      if (needed_[static_cast<size_t>(id)]) {
        changed.push_back(table);
      } else if (is_filled_once(made) && reads_file(node) && sources_.files != nullptr) {
        files[table].push_back(id);
      } else if (is_mutable(made) && puts_in(node) && !sources_.checkpoint.empty() && !restored_names(id).empty()) {
        restores[table].push_back(id);
      } else if (is_mutable(made) && puts_in(node) && is_initializer[static_cast<size_t>(id)]) {
        initializers[table].push_back(id);
      }
    }
    // What was saved comes after what was there first, as for variables.
    std::map<NodeId, std::vector<NodeId>> all = std::move(files);
    for (auto& [table, nodes] : restores) all[table] = nodes;
    all.merge(initializers);
    for (NodeId table : changed) all.erase(table);
    return all;
  }

  std::vector<bool> reached_by_initializers() const {
    std::vector<NodeId> targets;
    for (const std::string& name : sources_.initializers) {
      if (Result<NodeId> id = graph_.find_node(name); id.ok()) targets.push_back(*id);
    }
    return ancestors(graph_, targets);
  }

  // The wires that bring the checkpoint's name to the RestoreV2 ops before `id`.
  std::vector<Wire> restored_names(NodeId id) const {
    std::vector<bool> before = ancestors(graph_, std::span(&id, 1));
    std::vector<Wire> names;
    for (NodeId other : graph_.ids()) {
      const Node& node = graph_.node(other);
      if (before[static_cast<size_t>(other)] && node.is("RestoreV2") && !node.inputs.empty())
        names.push_back(node.inputs[0]);
    }
    return names;
  }

  // Runs `fillers` and takes out what they left.
  Result<FilledTable> fill(NodeId table, const std::vector<NodeId>& fillers) const {
    std::vector<bool> part = ancestors(graph_, fillers);
    std::vector<NodeRecord> records;
    for (NodeId id : graph_.ids()) {
      if (!part[static_cast<size_t>(id)]) continue;
      const Node& node = graph_.node(id);
      NodeRecord record{.name = node.name, .op = node.op, .attrs = node.attrs};
      for (Wire wire : node.inputs) record.inputs.push_back(graph_.wire_name(wire));
      for (NodeId control : node.controls) record.inputs.push_back("^" + graph_.node(control).name);
      records.push_back(std::move(record));
    }
    const Node& made = graph_.node(table);
    bool is_handle = made.op.ends_with("V2");
    std::string contents = graph_.unique_name("contents");
    NodeRecord all{
        .name = contents, .op = is_handle ? "LookupTableExportV2" : "LookupTableExport", .inputs = {made.name}};
    all.attrs.set("Tkeys", made.attrs.get_or<DType>("key_dtype", DType::kInvalid));
    all.attrs.set("Tvalues", made.attrs.get_or<DType>("value_dtype", DType::kInvalid));
    records.push_back(std::move(all));
    AssembleOptions options;
    options.ops = &graph_.ops();
    options.allow_unknown_ops = true;
    options.place = [](int node, int) { return str_cat("node ", node); };
    Problems problems;
    Graph graph = assemble_graph(std::move(records), options, problems);
    TARN_RETURN_IF_ERROR(problems.to_status(""));

    std::vector<Session::Feed> feeds;
    for (const Session::Feed& feed : sources_.feeds) {
      if (graph.find_wire(feed.first).ok()) feeds.push_back(feed);
    }
    std::vector<std::string> targets;
    for (NodeId filler : fillers) {
      targets.push_back(graph_.node(filler).name);
      for (Wire wire : restored_names(filler)) {
        std::string name = graph_.wire_name(wire);
        bool is_new = std::none_of(feeds.begin(), feeds.end(), [&](const auto& feed) { return feed.first == name; });
        if (is_new) feeds.emplace_back(name, Tensor::scalar<std::string>(sources_.checkpoint));
      }
    }
    Session session(graph, {.threads = 1, .files = sources_.files});
    session.allow_checkpoint_writes(false);
    TARN_RETURN_IF_ERROR(session.Run(feeds, {}, targets, nullptr));
    std::vector<Tensor> out;
    TARN_RETURN_IF_ERROR(session.Run({}, {contents + ":0", contents + ":1"}, &out));
    return FilledTable{table, fillers[0], out[0], out[1]};
  }

  const Graph& graph_;
  const std::vector<bool>& needed_;
  const TableSources& sources_;
  TableContents contents_;
};

}  // namespace

TableContents read_tables(const Graph& graph, const std::vector<bool>& needed, const TableSources& sources) {
  return TableReader(graph, needed, sources).run();
}

}  // namespace tarn
