// optimize_for_mobile: makes a frozen graph small and fast: strip, fold, quantize.
#include <gflags/gflags.h>

#include <algorithm>
#include <cstdio>

#include "core/file.h"
#include "passes/support/pass_manager.h"
#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_string(input, "", "Frozen graph: .pb, .pbtxt or Tarn's text, told by its content");
DEFINE_string(output, "", "File to write: .pb, or text if it ends in .pbtxt (TensorFlow's) or .txt (Tarn's)");
DEFINE_string(input_names, "",
              "Inputs, comma-separated; one that is no Placeholder becomes one. By default every Placeholder");
DEFINE_string(output_names, "", "Outputs, comma-separated: NAME or NAME:OUTPUT");
DEFINE_string(quantize, "none", "none, or weights8: weights as 8-bit constants");
DEFINE_string(
    passes, "",
    "Other passes instead, separated by spaces: docs/passes.md lists them. By default strip, "
    "fold_mode_placeholders, remove_dropout, prune_branches, fold_constants, fold_batch_norms, strip and what "
    "--quantize asks for");
DEFINE_bool(verify, false,
            "Run the graph before and after each pass on the same inputs, without dropout, and print the largest "
            "difference");
DEFINE_string(verify_feed, "", "Inputs for --verify, NAME=FILE.npy,…; by default made-up ones");
DEFINE_bool(print_passes, false, "Print each change of each pass");

namespace {

tarn::Result<std::string> pipeline_text() {
  if (!FLAGS_passes.empty()) {
    if (FLAGS_quantize == "none") return FLAGS_passes;
    return tarn::invalid_argument("--passes and --quantize exclude each other: add quantize_weights to the passes");
  }
  std::string text = "strip fold_mode_placeholders remove_dropout prune_branches fold_constants fold_batch_norms strip";
  if (FLAGS_quantize == "weights8") return text + " quantize_weights";
  if (FLAGS_quantize == "none") return text;
  return tarn::invalid_argument("--quantize: there is no ", tarn::quoted(FLAGS_quantize),
                                "; there are none and weights8");
}

std::string nodes_text(int before, int after) {
  return tarn::str_cat(before, " -> ", after, " nodes");
}

// Of an output's range: a decision may well fall otherwise.
constexpr double kMuch = 0.05;

void warn(const std::string& text) {
  std::fprintf(stderr, "optimize_for_mobile: warning: %s\n", text.c_str());
}

std::string short_text(double difference) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", difference);
  return text;
}

tarn::Status print_report(const tarn::PassReport& report) {
  tarn::print(report.pass, ": ", report.changes, report.changes == 1 ? " change, " : " changes, ",
              nodes_text(report.nodes_before, report.nodes_after), ", ", tarn::fixed_text(report.milliseconds, 1),
              " ms");
  if (report.verified) tarn::print(", largest difference ", short_text(report.max_relative_difference));
  if (!report.assumed.empty()) tarn::print(" with ", tarn::str_join(report.assumed, ", "));
  if (report.max_constant_difference > 0)
    tarn::print(" (of a weight ", short_text(report.max_constant_difference), ")");
  tarn::print("\n");
  // Quantization promises something of weights, not of outputs.
  if (report.max_relative_difference > kMuch) {
    warn(tarn::str_cat(report.pass, " moves an output by ", short_text(100 * report.max_relative_difference),
                       " % of its range on made-up inputs: look at the accuracy on real ones"));
  }
  if (!FLAGS_print_passes) return {};
  for (const std::string& note : report.notes) tarn::print("  ", note, "\n");
  return {};
}

// Inputs that no output needs, and Placeholders that the outputs need besides the inputs.
void warn_of_inputs(const tarn::Graph& graph, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs) {
  if (inputs.empty()) return;
  auto ids_of = [&](const std::vector<std::string>& names) {
    std::vector<tarn::NodeId> ids;
    for (const std::string& name : names) {
      if (tarn::Result<tarn::NodeId> id = graph.find_node(name); id.ok()) ids.push_back(*id);
    }
    return ids;
  };
  std::vector<bool> needed = tarn::ancestors(graph, ids_of(outputs), {});
  std::vector<tarn::NodeId> named = ids_of(inputs);
  for (tarn::NodeId id : named) {
    if (!needed[static_cast<size_t>(id)])
      warn(tarn::str_cat("no output needs the input ", tarn::quoted(graph.node(id).name)));
  }
  for (tarn::NodeId id : graph.ids()) {
    if (!needed[static_cast<size_t>(id)] || !graph.node(id).is("Placeholder")) continue;
    if (std::find(named.begin(), named.end(), id) == named.end())
      warn(
          tarn::str_cat("the outputs need ", tarn::quoted(graph.node(id).name), " too, which is not in --input_names"));
  }
}

// Every input fed for --verify must be one of the graph.
tarn::Status check_feeds(const tarn::Graph& graph, const tarn::PassManagerOptions& options) {
  tarn::Problems problems;
  for (const tarn::Session::Feed& feed : options.feeds) problems.add(graph.find_wire(feed.first).status());
  return problems.to_status(tarn::str_cat(tarn::printable(FLAGS_input), ": --verify_feed"));
}

// A run on made-up inputs that failed: real ones help unless an op is missing.
tarn::Status explain(const tarn::Status& status) {
  constexpr std::string_view kAdvice = "give it real ones";
  std::string text(status.message());
  size_t at = text.find(kAdvice);
  if (at == std::string::npos) return status;
  bool is_missing = status.code() == tarn::Code::kUnimplemented;
  text.replace(at, kAdvice.size(),
               is_missing ? "it cannot be verified" : "give it real ones with --verify_feed=NAME=FILE,…");
  return tarn::Status(status.code(), text);
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(std::string text, pipeline_text());
  tarn::Result<std::vector<tarn::PipelineStep>> parsed = tarn::parse_pipeline(text);
  if (!parsed.ok()) return parsed.status().with_context("--passes");
  const std::vector<tarn::PipelineStep>& pipeline = *parsed;
  tarn::PassManagerOptions options;
  TARN_ASSIGN_OR_RETURN(options.inputs, tarn::list_flag("input_names", FLAGS_input_names));
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("output_names", FLAGS_output_names));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> feed_items, tarn::list_flag("verify_feed", FLAGS_verify_feed));
  TARN_ASSIGN_OR_RETURN(options.feeds, tarn::read_feeds("verify_feed", feed_items));
  options.verify = FLAGS_verify || !options.feeds.empty();
  options.after_pass = [](const tarn::PassReport& report, const tarn::Graph&) { return print_report(report); };
  TARN_RETURN_IF_ERROR(tarn::check_output_path("output", FLAGS_output, {FLAGS_input}));
  tarn::ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph input, tarn::load_graph_file(FLAGS_input, read));
  TARN_RETURN_IF_ERROR(tarn::check_output_path("output", FLAGS_output, tarn::files_of(input)));
  TARN_ASSIGN_OR_RETURN(std::string bytes, tarn::read_unpacked(input.file, read.max_bytes));
  size_t bytes_before = bytes.size();
  tarn::Graph graph = std::move(input.graph);
  int nodes_before = graph.node_count();
  tarn::Problems problems;
  problems.add(tarn::check_nodes("output_names", options.outputs, graph, FLAGS_input));
  problems.add(tarn::check_nodes("input_names", options.inputs, graph, FLAGS_input));
  problems.add(check_feeds(graph, options));
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  TARN_RETURN_IF_ERROR(tarn::check_frozen(graph, options.outputs));
  if (FLAGS_print_passes) tarn::print("pipeline: ", tarn::pipeline_text(pipeline), "\n");
  TARN_RETURN_IF_ERROR(explain(tarn::PassManager(options).run(graph, pipeline).status()));
  warn_of_inputs(graph, options.inputs, options.outputs);
  TARN_RETURN_IF_ERROR(tarn::write_graph(graph, FLAGS_output));
  TARN_ASSIGN_OR_RETURN(uint64_t bytes_after, tarn::file_size(FLAGS_output));
  tarn::print(FLAGS_output, ": ", nodes_text(nodes_before, graph.node_count()), ", ", bytes_before, " -> ", bytes_after,
              " bytes\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "optimize_for_mobile",
       .summary =
           "Makes a frozen graph small and fast: drops what only training needs, computes what is constant, folds "
           "batch norms into weights, stores weights in 8 bits if asked.",
       .example = "optimize_for_mobile --input=frozen.pb --output=mobile.pb --input_names=input_node "
                  "--output_names=output_node --quantize=weights8 --verify",
       .required = {"input", "output", "output_names"}},
      run);
}
