// Runs every pass, alone and in random pipelines, on random graphs; shrinks what goes wrong and writes it down.
//
//   fuzz_passes --seeds=1-20000                              # all passes
//   fuzz_passes --seeds=812 --pass=strip --print             # one graph, one pass; prints the graph
//   fuzz_passes --seeds=1-1000 --reduce --out=tests/passes/regression
//
// Finished graphs and findings go to standard output, progress to standard error. Exit code 1: something was found.
#include <gflags/gflags.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>

#include "core/file.h"
#include "graph/text.h"
#include "tests/examples/temp_folder.h"
#include "tests/property/case_file.h"
#include "tests/property/op_samples.h"
#include "tests/property/pass_check.h"
#include "tests/property/random_graph.h"
#include "tests/property/reduce.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_string(seeds, "1-200", "Seeds of the graphs: A-B, both included, or one");
DEFINE_string(pass, "", "This pass alone, and in pipelines; by default all");
DEFINE_int32(pipelines, 3, "Random pipelines a graph");
DEFINE_bool(reduce, false, "Shrink what goes wrong to a few nodes");
DEFINE_string(out, "", "Folder for a file of each finding");
DEFINE_bool(print, false, "Print the graphs");
DEFINE_bool(counts, false, "Print how often each kind of piece was refused, and how many nodes of each op there were");
DEFINE_int32(most_findings, 20, "Stop after so many different ones");
DEFINE_int32(seconds_a_graph, 120, "A graph that takes longer ends the program, which says where it was");
DEFINE_string(replay, "", "A file of a finding: tried again instead");

namespace tarn::testing {
namespace {

// What is being done, for the signal handler: plain memory, always ending in 0.
char g_doing[512];

void say_where(int signal) {
  constexpr char kText[] = "\nfuzz_passes: a crash, or no end, at ";
  (void)!write(STDERR_FILENO, kText, sizeof(kText) - 1);
  (void)!write(STDERR_FILENO, g_doing, std::strlen(g_doing));
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void doing(const std::string& what) {
  std::strncpy(g_doing, what.c_str(), sizeof(g_doing) - 1);
}

Result<std::pair<uint64_t, uint64_t>> seed_range() {
  std::vector<std::string> ends = str_split(FLAGS_seeds, '-');
  auto number = [](const std::string& text) -> std::optional<uint64_t> {
    if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    return std::stoull(text);
  };
  if (ends.size() == 1) ends.push_back(ends[0]);
  std::optional<uint64_t> first = ends.size() == 2 ? number(ends[0]) : std::nullopt;
  std::optional<uint64_t> last = first ? number(ends[1]) : std::nullopt;
  if (!last || *last < *first) return invalid_argument("--seeds: '", FLAGS_seeds, "' is no A-B");
  return std::pair{*first, *last};
}

bool is_same(const std::optional<Finding>& found, const Finding& as) {
  return found && found->kind == as.kind;
}

std::string file_stem(const Finding& finding, uint64_t seed) {
  std::string name =
      str_cat(finding.pipeline.substr(0, finding.pipeline.find_first_of(" (")), "_", finding.kind, "_", seed);
  for (char& c : name) c = c == ' ' ? '_' : c;
  return name;
}

Status report(const GraphCase& graph_case, const Finding& finding, uint64_t seed) {
  RegressionCase regression{graph_case, finding.pipeline, {}};
  Finding last = finding;
  if (FLAGS_reduce) {
    PassChecker checker;
    Reduced small = reduce(graph_case, finding.pipeline, [&](const GraphCase& candidate, const std::string& pipeline) {
      return is_same(checker.check(candidate, pipeline), finding);
    });
    regression = {small.graph_case, small.pipeline, {}};
    if (std::optional<Finding> again = checker.check(small.graph_case, small.pipeline)) last = *again;
  }
  regression.remarks = {str_cat(last.kind, ": ", last.detail), str_cat("fuzz_passes --seeds=", seed)};
  std::string text = regression_text(regression);
  print("--- seed ", seed, ": ", last.pipeline, ": ", last.kind, ": ", last.detail, "\n", FLAGS_reduce ? text : "",
        "\n");
  std::fflush(stdout);
  if (FLAGS_out.empty()) return {};
  TARN_RETURN_IF_ERROR(make_dirs(FLAGS_out));
  return write_file_atomically(path_join(FLAGS_out, file_stem(last, seed) + ".txt"), text);
}

Result<int> replay() {
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(FLAGS_replay));
  TARN_ASSIGN_OR_RETURN(RegressionCase regression, parse_regression(text, FLAGS_replay));
  PassChecker checker;
  std::optional<Finding> found = checker.check(regression.graph_case, regression.pipeline);
  if (!found) {
    print("clean\n");
    return 0;
  }
  TARN_RETURN_IF_ERROR(report(regression.graph_case, *found, 0));
  return 1;
}

// A pass that never changes a graph was never tried.
void print_passes(const std::map<std::string, PassCount>& passes) {
  print("  changed      runs  pass\n");
  std::vector<std::string> silent;
  for (const PassDef* pass : pass_table) {
    auto it = passes.find(std::string(pass->name));
    PassCount count = it == passes.end() ? PassCount() : it->second;
    char numbers[64];
    std::snprintf(numbers, sizeof(numbers), "%9lld %9lld  ", static_cast<long long>(count.fired),
                  static_cast<long long>(count.runs));
    print(numbers, pass->name, "\n");
    if (count.fired == 0) silent.emplace_back(pass->name);
  }
  if (!silent.empty()) print("  never changed a graph: ", str_join(silent), "\n");
}

void print_counts(const DrawCounts& draws) {
  for (const auto& [name, count] : draws.pieces)
    print(name, ": ", count.drawn, " drawn, ", count.refused, " refused\n");
  print(draws.ops.size(), " ops:");
  for (const auto& [op, count] : draws.ops) print(" ", op, " ", count);
  print("\n");
}

Result<int> run() {
  for (int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGALRM}) std::signal(signal, say_where);
  if (!FLAGS_pass.empty() && find_pass(FLAGS_pass) == nullptr) {
    return invalid_argument("--pass: there is no pass ", tarn::quoted(FLAGS_pass),
                            did_you_mean(FLAGS_pass, pass_names()));
  }
  if (!FLAGS_replay.empty()) return replay();
  TARN_ASSIGN_OR_RETURN(auto range, seed_range());
  auto [first, last] = range;
  auto total = static_cast<int64_t>(last - first + 1);
  Progress progress({.total = total, .label = "graphs", .unit = "graphs"});
  const SampleSource samples = golden_samples();
  PassChecker checker;
  const examples::TempFolder scratch;
  checker.scratch_folder = scratch.path();
  DrawCounts draws;
  std::map<std::string, int> findings;  // "strip: differs" -> how many graphs
  int64_t bad_graphs = 0, nodes = 0, done = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    alarm(static_cast<unsigned>(FLAGS_seconds_a_graph));
    doing(str_cat("seed ", seed, ", its graph"));
    GraphCase graph_case = random_graph(seed, samples, &draws);
    nodes += graph_case.graph.node_count();
    if (FLAGS_print) print("--- seed ", seed, "\n", regression_text({graph_case, "none", {}}), "\n");
    if (FLAGS_print) std::fflush(stdout);  // before a crash
    Random random(seed ^ 0x5eed);
    checker.on_start = [&](const std::string& pipeline) { doing(str_cat("seed ", seed, ", ", pipeline)); };
    std::vector<Finding> found = checker.check_all(graph_case, FLAGS_pipelines, random, FLAGS_pass);
    bad_graphs += found.empty() ? 0 : 1;
    for (const Finding& finding : found) {
      std::string what =
          str_cat(finding.pipeline.find(' ') == std::string::npos ? finding.pipeline : "pipelines", ": ", finding.kind);
      if (++findings[what] > 3) continue;  // of one kind the first few tell
      alarm(0);
      TARN_RETURN_IF_ERROR(report(graph_case, finding, seed));
    }
    ++done;
    progress.update(done, str_cat(bad_graphs, " with findings"));
    if (static_cast<int>(findings.size()) >= FLAGS_most_findings) break;
  }
  alarm(0);
  progress.finish(str_cat(bad_graphs, " with findings"));
  const CheckCounts& c = checker.counts;
  print(done, " graphs of ", nodes / std::max<int64_t>(1, done), " nodes: ", c.runs, " runs of passes and pipelines, ",
        c.changed, " changed the graph, ", c.compared, " compared outputs, ", c.tipped, " too ill-conditioned, ",
        c.refused, " refused; ", bad_graphs, " graphs with findings\n");
  for (const auto& [what, count] : findings) print("  ", what, " (", count, ")\n");
  if (FLAGS_pass.empty()) print_passes(c.passes);
  if (FLAGS_counts) print_counts(draws);
  return findings.empty() ? 0 : 1;
}

}  // namespace
}  // namespace tarn::testing

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "fuzz_passes",
       .summary = "Runs passes on random graphs and compares what the graphs give before and after.",
       .example = "fuzz_passes --seeds=1-20000 --reduce --out=findings",
       .ranges = {{"pipelines", 0, 1000}, {"most_findings", 1, 1000000}, {"seconds_a_graph", 1, 100000}}},
      tarn::testing::run);
}
