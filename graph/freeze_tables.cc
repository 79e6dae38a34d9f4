#include "graph/freeze_tables.h"

#include <algorithm>

#include "graph/graph_source.h"
#include "graph/records.h"
#include "runtime/table_initializers.h"

namespace tarn {
namespace {

class TableReader {
 public:
  TableReader(const Graph& graph, const std::vector<bool>& needed, const TableSources& sources)
      : graph_(graph), needed_(needed), sources_(sources) {}

  TableContents run() {
    TableContents contents;
    for (const auto& [table, runs] : find_fillers()) {
      if (runs.empty()) continue;
      Result<FilledTable> filled = fill(table, runs);
      if (filled.ok()) {
        contents.tables.push_back(*std::move(filled));
      } else {
        contents.reasons[graph_.node(table).name] = filled.status().message();
      }
    }
    return contents;
  }

  void fill_mutable(Session& session) {
    for (const auto& [table, runs] : find_fillers()) {
      if (is_mutable(graph_.node(table))) (void)run_fillers(runs, graph_, session);
    }
  }

 private:
  using Runs = std::vector<std::vector<NodeId>>;  // one after the other

  static bool reads_file(const Node& node) { return node.op.starts_with("InitializeTableFrom"); }
  static bool puts_in(const Node& node) {
    return node.op.starts_with("LookupTableInsert") || node.op.starts_with("LookupTableImport");
  }
  static bool is_filled_once(const Node& table) { return table.is("HashTable") || table.is("HashTableV2"); }
  static bool is_mutable(const Node& table) { return table.is("MutableHashTable") || table.is("MutableHashTableV2"); }

  struct Fillers {
    std::vector<NodeId> files, first, restores, later;
    bool is_changed = false;  // by what is needed
  };

  static bool changes(const Node& node) { return puts_in(node) || node.op.starts_with("LookupTableRemove"); }

  std::map<NodeId, Runs> find_fillers() const {
    std::vector<NodeId> candidates;
    for (NodeId id : graph_.ids()) {
      if (changes(graph_.node(id)) || reads_file(graph_.node(id))) candidates.push_back(id);
    }
    if (candidates.empty()) return {};
    GraphSource source(graph_);
    std::map<NodeId, Fillers> found;
    std::vector<bool> is_first = reached(sources_.initializers), is_later = reached(sources_.later_initializers);
    for (NodeId id : candidates) {
      const Node& node = graph_.node(id);
      NodeId table = table_behind(source, id);
      if (table < 0 || !needed_[static_cast<size_t>(table)]) continue;
      const Node& made = graph_.node(table);
      Fillers& fillers = found[table];
      if (needed_[static_cast<size_t>(id)]) fillers.is_changed = true;
      if (is_filled_once(made) && reads_file(node) && sources_.files != nullptr) fillers.files.push_back(id);
      if (!is_mutable(made) || !puts_in(node)) continue;
      if (!restored_names(id).empty()) {
        if (!sources_.checkpoint.empty()) fillers.restores.push_back(id);
        continue;
      }
      if (is_first[static_cast<size_t>(id)]) fillers.first.push_back(id);
      if (is_later[static_cast<size_t>(id)]) fillers.later.push_back(id);
    }
    std::map<NodeId, Runs> runs;
    for (const auto& [table, fillers] : found) {
      if (fillers.is_changed) continue;
      // What is restored takes the place of what was there first.
      for (const std::vector<NodeId>& one :
           {fillers.files, fillers.restores.empty() ? fillers.first : fillers.restores, fillers.later}) {
        if (!one.empty()) runs[table].push_back(one);
      }
    }
    return runs;
  }

  std::vector<bool> reached(const std::vector<std::string>& names) const {
    std::vector<NodeId> targets;
    for (const std::string& name : names) {
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

  // In a session on `graph`, which has these nodes.
  Status run_fillers(const Runs& runs, const Graph& graph, Session& session) const {
    for (const std::vector<NodeId>& fillers : runs) {
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
      TARN_RETURN_IF_ERROR(session.Run(feeds, {}, targets, nullptr));
    }
    return {};
  }

  // Runs the fillers on their own and takes out what they left.
  Result<FilledTable> fill(NodeId table, const Runs& runs) const {
    std::vector<NodeId> fillers;
    for (const std::vector<NodeId>& run : runs) fillers.insert(fillers.end(), run.begin(), run.end());
    std::vector<bool> part = ancestors(graph_, fillers);
    std::vector<NodeRecord> records;
    for (NodeId id : graph_.ids()) {
      if (part[static_cast<size_t>(id)]) records.push_back(record_of(graph_, id));
    }
    const Node& made = graph_.node(table);
    bool is_handle = made.op.ends_with("V2");
    std::string contents = graph_.unique_name("contents");
    NodeRecord all{
        .name = contents, .op = is_handle ? "LookupTableExportV2" : "LookupTableExport", .inputs = {made.name}};
    all.attrs.set("Tkeys", made.attrs.get_or<DType>("key_dtype", DType::kInvalid));
    all.attrs.set("Tvalues", made.attrs.get_or<DType>("value_dtype", DType::kInvalid));
    records.push_back(std::move(all));
    TARN_ASSIGN_OR_RETURN(Graph graph, graph_of_records(graph_, std::move(records)));

    Session session(graph, {.threads = 1, .files = sources_.files});
    session.allow_checkpoint_writes(false);
    TARN_RETURN_IF_ERROR(run_fillers(runs, graph, session));
    std::vector<Tensor> out;
    TARN_RETURN_IF_ERROR(session.Run({}, {contents + ":0", contents + ":1"}, &out));
    return FilledTable{table, fillers[0], out[0], out[1]};
  }

  const Graph& graph_;
  const std::vector<bool>& needed_;
  const TableSources& sources_;
};

}  // namespace

TableContents read_tables(const Graph& graph, const std::vector<bool>& needed, const TableSources& sources) {
  return TableReader(graph, needed, sources).run();
}

void fill_mutable_tables(const TableSources& sources, Session& session) {
  const Graph& graph = session.graph();
  // The tables alone: what changes them may be run later, and is none of the filling's business.
  std::vector<bool> needed(static_cast<size_t>(graph.id_limit()), false);
  for (NodeId id : graph.ids()) needed[static_cast<size_t>(id)] = graph.node(id).op.starts_with("MutableHashTable");
  TableReader(graph, needed, sources).fill_mutable(session);
}

}  // namespace tarn
