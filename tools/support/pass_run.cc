#include "tools/support/pass_run.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "core/file.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/progress.h"

namespace tarn {
namespace {

// Of an output's range: a decision may well fall otherwise.
constexpr double kMuch = 0.05;

// "x" and "x:0" are one tensor.
Status check_different(std::string_view flag, const std::vector<std::string>& names) {
  std::map<std::string, std::string> seen;
  Problems problems;
  for (const std::string& name : names) {
    auto [other, is_new] = seen.emplace(name.ends_with(":0") ? name.substr(0, name.size() - 2) : name, name);
    if (!is_new) {
      problems.add(invalid_argument("--", flag, ": ", tarn::quoted(other->second), " and ", tarn::quoted(name),
                                    " are one tensor"));
    }
  }
  return problems.to_status("");
}

}  // namespace

std::string difference_text(double difference) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", difference);
  return text;
}

std::string nodes_text(int before, int after) {
  return str_cat(before, " -> ", after, " nodes");
}

void print_pass(std::string_view tool, const PassReport& report, NotesShown notes) {
  if (!report.ignored_error.empty()) {
    print(report.pass, ": left out, for it failed: ", report.ignored_error, "\n");
    return;
  }
  print(report.pass, report.round > 0 ? str_cat(" (round ", report.round + 1, ")") : "", ": ", report.changes,
        report.changes == 1 ? " change, " : " changes, ", nodes_text(report.nodes_before, report.nodes_after), ", ",
        fixed_text(report.milliseconds, 1), " ms");
  bool is_empty = report.verified && report.changes > 0 && report.compared == 0;
  if (report.verified) {
    print(is_empty ? ", nothing to compare: the outputs are empty for these inputs"
                   : str_cat(", largest difference ", difference_text(report.max_relative_difference)));
  }
  if (report.rounding_noise > 0)
    print(" (one rounding of all constants: ", difference_text(report.rounding_noise), ")");
  if (!report.assumed.empty()) print(" with ", str_join(report.assumed, ", "));
  if (report.max_constant_difference > 0) print(" (of a weight ", difference_text(report.max_constant_difference), ")");
  print("\n");
  // Quantization promises something of weights, not of outputs.
  if (report.max_relative_difference > kMuch) {
    warn(tool, str_cat(report.pass, " moves an output by ", difference_text(100 * report.max_relative_difference),
                       " % of its range on made-up inputs: look at the accuracy on real ones"));
  }
  if (notes == NotesShown::kNone) return;
  constexpr size_t kFew = 3;
  // All of four: a line that says "and 1 more" is as long as the one it hides.
  size_t count = notes == NotesShown::kAll || report.notes.size() == kFew + 1 ? report.notes.size() : kFew;
  for (size_t i = 0; i < std::min(count, report.notes.size()); ++i) print("  ", report.notes[i], "\n");
  if (count < report.notes.size()) print("  … and ", report.notes.size() - count, " more\n");
}

Status check_folder_of(const std::string& path) {
  std::error_code ignored;
  std::string folder = path_dir(path);
  if (folder.empty() || std::filesystem::is_directory(folder, ignored)) return {};
  return not_found("cannot write ", tarn::quoted(path), ": there is no folder ", tarn::quoted(folder));
}

Result<PassGraph> load_for_passes(const PassFiles& files, const std::vector<std::string>& inputs,
                                  const std::vector<std::string>& outputs, const std::vector<Session::Feed>& feeds) {
  if (files.writes) TARN_RETURN_IF_ERROR(check_output_path(files.out_flag, files.out_path, {files.in_path}));
  if (files.writes) TARN_RETURN_IF_ERROR(check_folder_of(files.out_path));
  TARN_ASSIGN_OR_RETURN(AnyGraph input, load_graph_file(files.in_path, {.allow_unknown_ops = true}));
  if (files.writes) TARN_RETURN_IF_ERROR(check_output_path(files.out_flag, files.out_path, files_of(input)));
  Problems problems;
  problems.add(check_nodes(files.outputs_flag, outputs, input.graph, files.in_path));
  problems.add(check_nodes(files.inputs_flag, inputs, input.graph, files.in_path));
  problems.add(check_different(files.outputs_flag, outputs));
  problems.add(check_different(files.inputs_flag, inputs));
  problems.add(check_feeds(input.graph, feeds, files.in_path));
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  int nodes = input.graph.node_count();
  return PassGraph{std::move(input.graph), input.bytes, nodes};
}

Result<uint64_t> write_after_passes(Graph& graph, const PassGraph& before, const PassFiles& files, GraphFormat format) {
  for (const std::string& lost : drop_untrue_metadata(graph, files.out_path, format)) warn(files.tool, lost);
  TARN_ASSIGN_OR_RETURN(AtomicFile file, write_graph_aside(graph, files.out_path, format));
  if (files.append) TARN_RETURN_IF_ERROR(files.append(file));
  TARN_RETURN_IF_ERROR(file.commit());
  TARN_ASSIGN_OR_RETURN(uint64_t bytes, file_size(files.out_path));
  print(files.out_path, ": ", nodes_text(before.nodes, graph.node_count()), ", ", before.bytes, " -> ", bytes,
        " bytes\n");
  return bytes;
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
      warn(tool, str_cat("no output needs the input ", tarn::quoted(graph.node(id).name)));
  }
  for (NodeId id : graph.ids()) {
    if (!needed[static_cast<size_t>(id)] || !graph.node(id).is("Placeholder")) continue;
    if (std::find(named.begin(), named.end(), id) == named.end())
      warn(tool, str_cat("the outputs need ", tarn::quoted(graph.node(id).name), " too, which is not in --", flag));
  }
}

}  // namespace tarn
