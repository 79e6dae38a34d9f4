// optimize_for_mobile: makes a frozen graph small and fast: strip, fold, quantize.
#include <gflags/gflags.h>

#include "core/file.h"
#include "passes/support/pass_manager.h"
#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/main.h"
#include "tools/support/pass_run.h"
#include "tools/support/report_page.h"

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
DEFINE_string(report, "",
              "HTML page to write: both graphs, what each pass did, sizes, costs, memory plan, time per op");

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

constexpr std::string_view kTool = "optimize_for_mobile";

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
  options.after_pass = [](const tarn::PassReport& report, const tarn::Graph&) {
    tarn::print_pass(kTool, report, FLAGS_print_passes);
    return tarn::Status();
  };
  TARN_RETURN_IF_ERROR(tarn::check_output_path("output", FLAGS_output, {FLAGS_input}));
  if (!FLAGS_report.empty())
    TARN_RETURN_IF_ERROR(tarn::check_output_path("report", FLAGS_report, {FLAGS_input, FLAGS_output}));
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
  problems.add(tarn::check_feeds(graph, options.feeds, FLAGS_input));
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  TARN_RETURN_IF_ERROR(tarn::check_frozen(graph, options.outputs));
  if (FLAGS_print_passes) tarn::print("pipeline: ", tarn::pipeline_text(pipeline), "\n");
  tarn::Graph before = FLAGS_report.empty() ? tarn::Graph() : graph;
  tarn::Result<std::vector<tarn::PassReport>> reports = tarn::PassManager(options).run(graph, pipeline);
  TARN_RETURN_IF_ERROR(tarn::ask_for_feeds(reports.status()));
  tarn::warn_of_inputs(kTool, "input_names", graph, options.inputs, options.outputs);
  TARN_RETURN_IF_ERROR(tarn::write_graph(graph, FLAGS_output));
  TARN_ASSIGN_OR_RETURN(uint64_t bytes_after, tarn::file_size(FLAGS_output));
  tarn::print(FLAGS_output, ": ", tarn::nodes_text(nodes_before, graph.node_count()), ", ", bytes_before, " -> ",
              bytes_after, " bytes\n");
  if (FLAGS_report.empty()) return {};
  tarn::Report report{.tool = std::string(kTool),
                      .before = {.path = FLAGS_input, .graph = &before, .file_bytes = bytes_before},
                      .after = {.path = FLAGS_output, .graph = &graph, .file_bytes = bytes_after},
                      .passes = *std::move(reports),
                      .inputs = options.inputs,
                      .outputs = options.outputs};
  tarn::measure_report(report);
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(FLAGS_report, tarn::report_page(report)));
  tarn::print(FLAGS_report, ": the report\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = kTool,
       .summary =
           "Makes a frozen graph small and fast: drops what only training needs, computes what is constant, folds "
           "batch norms into weights, stores weights in 8 bits if asked.",
       .example = "optimize_for_mobile --input=frozen.pb --output=mobile.pb --input_names=input_node "
                  "--output_names=output_node --quantize=weights8 --verify",
       .required = {"input", "output", "output_names"}},
      run);
}
