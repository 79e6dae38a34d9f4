// diff_graphs: what changed between two graphs by structure: how many nodes of each op, then which.
#include <gflags/gflags.h>

#include <algorithm>
#include <map>

#include "graph/compare.h"
#include "graph/text.h"
#include "tools/support/graph_file.h"
#include "core/json_text.h"
#include "tools/support/main.h"

DEFINE_bool(names, false, "Names of inner nodes count too; those of inputs and outputs always do");
DEFINE_bool(internal_attrs, false, "Attrs whose name begins with '_' count too");
DEFINE_bool(json, false, "One JSON object, with every difference");
DEFINE_int32(limit, 20, "Nodes to print of each kind of difference; 0: only how many there are");

namespace {

using tarn::Graph;
using tarn::GraphComparison;
using tarn::NodeId;

// Op -> how many of it the first and the second graph have.
using OpCounts = std::map<std::string, std::pair<int, int>>;

OpCounts count_ops(const Graph& first, const Graph& second) {
  OpCounts counts;
  for (NodeId id : first.ids()) ++counts[first.node(id).op].first;
  for (NodeId id : second.ids()) ++counts[second.node(id).op].second;
  return counts;
}

// Inputs and outputs: who uses the graph knows them by name.
bool is_public(const Graph& graph, NodeId id) {
  return graph.node(id).has_trait(tarn::kSourceOp) || graph.uses(id).empty();
}

bool are_equal(const GraphComparison& comparison, const Graph& first) {
  if (!comparison.only_first.empty() || !comparison.only_second.empty() || !comparison.changed.empty()) return false;
  return std::none_of(comparison.renamed.begin(), comparison.renamed.end(),
                      [&](const auto& pair) { return FLAGS_names || is_public(first, pair.first); });
}

template <class Items, class Line>
void print_items(std::string_view what, const Items& items, const Line& line) {
  if (items.empty()) return;
  tarn::print(what, ": ", items.size(), "\n");
  size_t most = std::min(items.size(), static_cast<size_t>(FLAGS_limit));
  for (size_t i = 0; i < most; ++i) tarn::print("  ", line(items[i]), "\n");
  if (items.size() > most && most > 0) tarn::print("  and ", items.size() - most, " more; --limit shows more\n");
}

void print_text(const tarn::Arguments& files, const GraphComparison& comparison, const Graph& first,
                const Graph& second) {
  tarn::print(files[0], ": ", first.node_count(), " nodes, ", files[1], ": ", second.node_count(), " nodes\n");
  std::vector<std::string> changes;
  for (const auto& [op, count] : count_ops(first, second)) {
    if (count.first != count.second)
      changes.push_back(tarn::str_cat(tarn::printable(op), " ", count.first, " -> ", count.second));
  }
  if (!changes.empty()) tarn::print("ops: ", tarn::str_join(changes), "\n");
  tarn::TextWriteOptions short_text;
  short_text.elide_constants = true;
  short_text.max_list_elements = 8;
  auto line_of = [&](const Graph& graph) {
    return [&](NodeId id) { return tarn::node_to_text(graph, id, short_text); };
  };
  print_items("gone", comparison.only_first, line_of(first));
  print_items("new", comparison.only_second, line_of(second));
  print_items("changed", comparison.changed, [&](const tarn::GraphChange& change) {
    const tarn::Node& node = first.node(change.first);
    return tarn::str_cat(node.op, " ", tarn::quoted(node.name), ": ", tarn::str_join(change.what, "; "));
  });
  print_items("renamed", comparison.renamed, [&](const std::pair<NodeId, NodeId>& pair) {
    bool counts = is_public(first, pair.first);
    return tarn::str_cat(first.node(pair.first).op, " ", tarn::quoted(first.node(pair.first).name), " -> ",
                         tarn::quoted(second.node(pair.second).name), counts ? " (an input or output)" : "");
  });
  for (const std::string& note : comparison.notes) tarn::print("note: ", note, "\n");
  if (are_equal(comparison, first)) tarn::print("the same\n");
}

std::string json_list(const std::vector<std::string>& items) {
  return "[" + tarn::str_join(items) + "]";
}

void print_json(const tarn::Arguments& files, const GraphComparison& comparison, const Graph& first,
                const Graph& second) {
  auto name_of = [](const Graph& graph, NodeId id) { return tarn::json_text(graph.node(id).name); };
  auto nodes = [&](const Graph& graph, const std::vector<NodeId>& ids) {
    std::vector<std::string> items;
    for (NodeId id : ids)
      items.push_back(
          tarn::str_cat("{\"name\": ", name_of(graph, id), ", \"op\": ", tarn::json_text(graph.node(id).op), "}"));
    return json_list(items);
  };
  std::vector<std::string> ops, changed, renamed, notes;
  for (const auto& [op, count] : count_ops(first, second)) {
    if (count.first != count.second)
      ops.push_back(tarn::str_cat(tarn::json_text(op), ": [", count.first, ", ", count.second, "]"));
  }
  for (const tarn::GraphChange& change : comparison.changed) {
    std::vector<std::string> what;
    for (const std::string& text : change.what) what.push_back(tarn::json_text(text));
    changed.push_back(tarn::str_cat(
        "{\"op\": ", tarn::json_text(first.node(change.first).op), ", \"first\": ", name_of(first, change.first),
        ", \"second\": ", name_of(second, change.second), ", \"what\": ", json_list(what), "}"));
  }
  for (const auto& [from, to] : comparison.renamed) {
    renamed.push_back(tarn::str_cat("{\"op\": ", tarn::json_text(first.node(from).op),
                                    ", \"first\": ", name_of(first, from), ", \"second\": ", name_of(second, to), "}"));
  }
  for (const std::string& note : comparison.notes) notes.push_back(tarn::json_text(note));
  tarn::print("{\"first\": ", tarn::json_text(files[0]), ", \"second\": ", tarn::json_text(files[1]), ", \"nodes\": [",
              first.node_count(), ", ", second.node_count(),
              "], \"equal\": ", are_equal(comparison, first) ? "true" : "false", ", \"ops\": {", tarn::str_join(ops),
              "}, \"gone\": ", nodes(first, comparison.only_first),
              ", \"new\": ", nodes(second, comparison.only_second), ", \"changed\": ", json_list(changed),
              ", \"renamed\": ", json_list(renamed), ", \"notes\": ", json_list(notes), "}\n");
}

tarn::Result<int> run(const tarn::Arguments& files) {
  if (files.size() != 2) {
    return tarn::invalid_argument("expected two graph files, found ", files.size(),
                                  "; 'diff_graphs --help' shows an example");
  }
  tarn::ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph first, tarn::load_graph_file(files[0], read));
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph second, tarn::load_graph_file(files[1], read));
  GraphComparison comparison = tarn::compare_graphs(
      first.graph, second.graph, {.internal_attrs = FLAGS_internal_attrs, .by_structure = !FLAGS_names});
  auto print = FLAGS_json ? print_json : print_text;
  print(files, comparison, first.graph, second.graph);
  return are_equal(comparison, first.graph) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "diff_graphs",
       .summary =
           "Prints what changed between two graphs by structure: how many nodes of each op, then which are gone, "
           "new and changed. Neither the order of nodes nor names inside count. Any file that holds a graph will "
           "do. Exit code 0: equal, 1: they differ, 2: they could not be compared.",
       .example = "diff_graphs frozen.pb optimized.pb\n"
                  "diff_graphs frozen.pb optimized.pb --json",
       .ranges = {{"limit", 0, 1e9}},
       .arguments = "FIRST SECOND",
       .failed_code = 2},
      run);
}
