#include "tools/support/pass_run.h"

#include <algorithm>
#include <cstdio>

#include "tools/support/main.h"
#include "tools/support/progress.h"

namespace tarn {
namespace {

// Of an output's range: a decision may well fall otherwise.
constexpr double kMuch = 0.05;

}  // namespace

std::string difference_text(double difference) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", difference);
  return text;
}

std::string nodes_text(int before, int after) {
  return str_cat(before, " -> ", after, " nodes");
}

void print_pass(std::string_view tool, const PassReport& report, bool notes) {
  if (!report.ignored_error.empty()) {
    print(report.pass, ": left out, for it failed: ", report.ignored_error, "\n");
    return;
  }
  print(report.pass, ": ", report.changes, report.changes == 1 ? " change, " : " changes, ",
        nodes_text(report.nodes_before, report.nodes_after), ", ", fixed_text(report.milliseconds, 1), " ms");
  if (report.verified) print(", largest difference ", difference_text(report.max_relative_difference));
  if (!report.assumed.empty()) print(" with ", str_join(report.assumed, ", "));
  if (report.max_constant_difference > 0) print(" (of a weight ", difference_text(report.max_constant_difference), ")");
  print("\n");
  // Quantization promises something of weights, not of outputs.
  if (report.max_relative_difference > kMuch) {
    warn(tool, str_cat(report.pass, " moves an output by ", difference_text(100 * report.max_relative_difference),
                       " % of its range on made-up inputs: look at the accuracy on real ones"));
  }
  if (!notes) return;
  for (const std::string& note : report.notes) print("  ", note, "\n");
}

Status check_feeds(const Graph& graph, const std::vector<Session::Feed>& feeds, std::string_view path) {
  Problems problems;
  for (const Session::Feed& feed : feeds) problems.add(graph.find_wire(feed.first).status());
  return problems.to_status(str_cat(printable(path), ": --verify_feed"));
}

Status ask_for_feeds(const Status& status) {
  constexpr std::string_view kAdvice = "give it real ones";
  std::string text(status.message());
  size_t at = text.find(kAdvice);
  if (at == std::string::npos) return status;
  bool is_missing = status.code() == Code::kUnimplemented;
  text.replace(at, kAdvice.size(),
               is_missing ? "it cannot be verified" : "give it real ones with --verify_feed=NAME=FILE,…");
  return Status(status.code(), text);
}

void warn_of_inputs(std::string_view tool, std::string_view flag, const Graph& graph,
                    const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  if (inputs.empty()) return;
  auto ids_of = [&](const std::vector<std::string>& names) {
    std::vector<NodeId> ids;
    for (const std::string& name : names) {
      if (Result<NodeId> id = graph.find_node(name); id.ok()) ids.push_back(*id);
    }
    return ids;
  };
  std::vector<bool> needed = ancestors(graph, ids_of(outputs), {});
  std::vector<NodeId> named = ids_of(inputs);
  for (NodeId id : named) {
    if (!needed[static_cast<size_t>(id)])
      warn(tool, str_cat("no output needs the input ", quoted(graph.node(id).name)));
  }
  for (NodeId id : graph.ids()) {
    if (!needed[static_cast<size_t>(id)] || !graph.node(id).is("Placeholder")) continue;
    if (std::find(named.begin(), named.end(), id) == named.end())
      warn(tool, str_cat("the outputs need ", quoted(graph.node(id).name), " too, which is not in --", flag));
  }
}

}  // namespace tarn
