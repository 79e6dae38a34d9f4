// compare_graphs: what differs between two graphs, node by node and, if asked, in what they compute.
#include <gflags/gflags.h>

#include <algorithm>

#include "graph/compare.h"
#include "graph/text.h"
#include "graph/variable_values.h"
#include "passes/support/sample_inputs.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/main.h"

DEFINE_bool(run, false, "Run both on the same inputs too and print the largest difference of each output");
DEFINE_double(
    tolerance, 0,
    "With this, what the graphs compute decides, whatever their nodes: the exit code is 0 if no output differs "
    "by more than this, of the largest value of that output. Turns --run on");
DEFINE_string(outputs, "", "Outputs to compare, comma-separated; by default all that both graphs have");
DEFINE_string(feed, "", "Inputs, NAME=FILE.npy,…; by default made-up ones, the same in every run");
DEFINE_string(checkpoint, "", "Values of variables, for a graph that has any");
DEFINE_string(executor, "session", "session, or engine: what an app runs");
DEFINE_int32(batch, 2, "What an unknown first dimension is taken for in made-up inputs");
DEFINE_int32(size, 16, "What other unknown dimensions are taken for");
DEFINE_bool(ignore_renames, false, "Graphs that differ in nothing but names of nodes count as equal");
DEFINE_bool(internal_attrs, false, "Attrs whose name begins with '_' count too");
DEFINE_int32(limit, 50, "Nodes to print of each kind of difference; 0: only how many there are");

namespace {

struct Side {
  std::string path;
  const tarn::Graph& graph;
};

tarn::TextWriteOptions short_text() {
  tarn::TextWriteOptions options;
  options.elide_constants = true;
  options.max_list_elements = 8;
  return options;
}

// Calls `line` with each item up to the limit.
template <class Items, class Line>
void print_items(const Items& items, const Line& line) {
  size_t most = std::min(items.size(), static_cast<size_t>(FLAGS_limit));
  for (size_t i = 0; i < most; ++i) tarn::print(line(items[i]));
  if (items.size() > most && most > 0) tarn::print("  and ", items.size() - most, " more; --limit shows more\n");
}

void print_nodes(const tarn::GraphComparison& comparison, const Side& a, const Side& b) {
  auto node_line = [&](const Side& side) {
    return [&side](tarn::NodeId id) {
      return tarn::str_cat("only in ", side.path, ": ", tarn::node_to_text(side.graph, id, short_text()), "\n");
    };
  };
  print_items(comparison.only_first, node_line(a));
  print_items(comparison.only_second, node_line(b));
  print_items(comparison.renamed, [&](const std::pair<tarn::NodeId, tarn::NodeId>& pair) {
    const tarn::Node& node = a.graph.node(pair.first);
    return tarn::str_cat("renamed: ", node.op, " ", tarn::quoted(node.name), " -> ",
                         tarn::quoted(b.graph.node(pair.second).name), "\n");
  });
  print_items(comparison.changed, [&](const tarn::GraphChange& change) {
    const tarn::Node& node = a.graph.node(change.first);
    std::string lines = tarn::str_cat("changed: ", node.op, " ", tarn::quoted(node.name), "\n");
    for (const std::string& what : change.what) tarn::str_append(lines, "  ", what, "\n");
    return lines;
  });
  for (const std::string& note : comparison.notes) tarn::print("note: ", note, "\n");
  if (comparison.same_nodes()) {
    tarn::print("the same ", a.graph.node_count(), " nodes\n");
    return;
  }
  tarn::print(a.graph.node_count(), " nodes -> ", b.graph.node_count(), " nodes: ", comparison.only_first.size(),
              " gone, ", comparison.only_second.size(), " new, ", comparison.renamed.size(), " renamed, ",
              comparison.changed.size(), " changed\n");
}

// The name in the second graph of what is called so in the first: "x", "bn:1".
tarn::Result<std::string> name_in_second(const std::string& name, const tarn::GraphComparison& comparison,
                                         const Side& a, const Side& b) {
  tarn::Result<tarn::Wire> wire = a.graph.find_wire(name);
  if (!wire.ok()) return wire.status().with_context(a.path);
  tarn::NodeId other = comparison.partners[static_cast<size_t>(wire->node)];
  if (other >= 0) return b.graph.wire_name({other, wire->slot});
  return tarn::not_found(b.path, ": has nothing like ", tarn::quoted(name), " of ", a.path);
}

tarn::Result<tarn::GraphRunner> runner_for(const Side& side, tarn::ExecutorKind executor) {
  bool has_variables = false;
  for (tarn::NodeId id : side.graph.ids()) has_variables = has_variables || tarn::is_variable(side.graph.node(id));
  return tarn::GraphRunner::load(side.path, has_variables ? FLAGS_checkpoint : "", {.executor = executor});
}

struct RunFlags {
  bool run = false;
  tarn::ExecutorKind executor = tarn::ExecutorKind::kSession;
  std::vector<std::string> outputs = {};
  std::vector<tarn::NamedFeed> feeds = {};
};

// Judged before the graphs are read. Flags that nothing would come of are mistakes.
tarn::Result<RunFlags> run_flags() {
  RunFlags flags;
  flags.run = FLAGS_run || tarn::flag_was_given("tolerance");
  TARN_ASSIGN_OR_RETURN(flags.executor, tarn::executor_kind_from_name(FLAGS_executor));
  TARN_ASSIGN_OR_RETURN(flags.outputs, tarn::list_flag("outputs", FLAGS_outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> feed_items, tarn::list_flag("feed", FLAGS_feed));
  for (std::string_view flag : {"outputs", "feed", "checkpoint", "executor", "batch", "size"}) {
    if (flags.run || !tarn::flag_was_given(flag)) continue;
    return tarn::invalid_argument("--", flag, ": the graphs are run only with --run or --tolerance; give one too");
  }
  TARN_ASSIGN_OR_RETURN(flags.feeds, tarn::read_feeds("feed", feed_items));
  return flags;
}

// Whether every output agrees within --tolerance.
tarn::Result<bool> compare_outputs(const tarn::GraphComparison& comparison, const Side& a, const Side& b,
                                   const RunFlags& flags) {
  const tarn::ExecutorKind executor = flags.executor;
  std::vector<std::string> outputs = flags.outputs;
  std::vector<tarn::NamedFeed> feeds = flags.feeds;
  if (outputs.empty()) {
    outputs = tarn::likely_outputs(a.graph);
    std::erase_if(outputs, [&](const std::string& name) { return !name_in_second(name, comparison, a, b).ok(); });
    if (outputs.empty()) return tarn::not_found(a.path, " and ", b.path, " have no output in common; give --outputs");
  }
  TARN_RETURN_IF_ERROR(tarn::check_nodes("outputs", outputs, a.graph, a.path));
  if (feeds.empty()) {
    TARN_ASSIGN_OR_RETURN(feeds, tarn::sample_feeds(a.graph, {}, outputs, {FLAGS_batch, FLAGS_size}, 1));
  }
  std::vector<tarn::NamedFeed> second_feeds;
  for (const tarn::NamedFeed& feed : feeds) {
    // A feed that the second graph has no more is one it does not need.
    tarn::Result<std::string> name = name_in_second(feed.first, comparison, a, b);
    if (name.ok()) second_feeds.emplace_back(*name, feed.second);
  }
  std::vector<std::string> second_outputs;
  for (const std::string& output : outputs) {
    TARN_ASSIGN_OR_RETURN(std::string name, name_in_second(output, comparison, a, b));
    second_outputs.push_back(name);
  }
  TARN_ASSIGN_OR_RETURN(tarn::GraphRunner first, runner_for(a, executor));
  TARN_ASSIGN_OR_RETURN(tarn::GraphRunner second, runner_for(b, executor));
  tarn::Result<std::vector<tarn::Tensor>> expected = first.run(feeds, outputs);
  if (!expected.ok()) return tarn::graph_error(expected.status(), a.path);
  tarn::Result<std::vector<tarn::Tensor>> got = second.run(second_feeds, second_outputs);
  if (!got.ok()) return tarn::graph_error(got.status(), b.path);
  bool all_within = true;
  for (size_t i = 0; i < outputs.size(); ++i) {
    tarn::ValueDifference difference = tarn::difference_of_values((*expected)[i], (*got)[i]);
    bool within = difference.comparable && difference.largest <= FLAGS_tolerance * difference.range &&
                  (difference.differing == 0 || difference.largest > 0);
    all_within = all_within && within;
    tarn::print("output ", outputs[i], ": ", difference.text);
    if (difference.differing > 0)
      tarn::print(" (largest value ", tarn::str_cat(static_cast<float>(difference.range)), ")");
    tarn::print("\n");
  }
  return all_within;
}

tarn::Result<int> run(const tarn::Arguments& files) {
  if (files.size() != 2) {
    return tarn::invalid_argument("expected two graph files, found ", files.size(),
                                  "; 'compare_graphs --help' shows an example");
  }
  TARN_ASSIGN_OR_RETURN(RunFlags flags, run_flags());
  tarn::ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph first, tarn::load_graph_file(files[0], read));
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph second, tarn::load_graph_file(files[1], read));
  Side a{files[0], first.graph}, b{files[1], second.graph};
  tarn::GraphComparison comparison = tarn::compare_graphs(a.graph, b.graph, {.internal_attrs = FLAGS_internal_attrs});
  print_nodes(comparison, a, b);
  bool same = comparison.same_nodes() || (FLAGS_ignore_renames && comparison.only_first.empty() &&
                                          comparison.only_second.empty() && comparison.changed.empty());
  bool outputs_decide = tarn::flag_was_given("tolerance");
  if (flags.run) {
    TARN_ASSIGN_OR_RETURN(bool within, compare_outputs(comparison, a, b, flags));
    if (outputs_decide) same = within;
  }
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "compare_graphs",
       .summary = "Prints what differs between two graphs: nodes gone, new, renamed and changed, constants with their "
                  "largest difference. Any file that holds a graph will do. Exit code 0: equal, 1: they differ, 2: "
                  "they could not be compared.",
       .example = "compare_graphs frozen.pb optimized.pb\n"
                  "compare_graphs frozen.pb optimized.pb --tolerance=1e-5\n"
                  "compare_graphs model.ckpt-7.meta frozen.pb --checkpoint=model.ckpt-7 --outputs=y --run",
       .ranges = {{"tolerance", 0, 1e9}, {"batch", 1, 1e6}, {"size", 1, 1e6}, {"limit", 0, 1e9}},
       .arguments = "FIRST SECOND",
       .failed_code = 2},
      run);
}
