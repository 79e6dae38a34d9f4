// optimize_for_mobile: makes a frozen graph small and fast: strip, fold, quantize.
#include <gflags/gflags.h>

#include <cstdio>

#include "core/file.h"
#include "passes/pass_manager.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_string(input, "", "Frozen graph: .pb, .pbtxt or Tarn's text, told by its content");
DEFINE_string(output, "", "File to write: .pb, or text if it ends in .pbtxt");
DEFINE_string(input_names, "",
              "Inputs, comma-separated; one that is no Placeholder becomes one. By default every Placeholder");
DEFINE_string(output_names, "", "Outputs, comma-separated: NAME or NAME:OUTPUT");
DEFINE_string(quantize, "none", "none, or weights8: weights as 8-bit constants");
DEFINE_bool(verify, false,
            "Run the graph before and after each pass on the same inputs and print the largest difference");
DEFINE_bool(print_passes, false, "Print each change of each pass");

namespace {

tarn::Result<std::string> pipeline_text() {
  std::string text = "strip fold_constants fold_batch_norms strip";
  if (FLAGS_quantize == "weights8") return text + " quantize_weights";
  if (FLAGS_quantize == "none") return text;
  return tarn::invalid_argument("--quantize: there is no ", tarn::quoted(FLAGS_quantize),
                                "; there are none and weights8");
}

std::string nodes_text(int before, int after) {
  return tarn::str_cat(before, " -> ", after, " nodes");
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
  if (report.max_constant_difference > 0) tarn::print(" (of a weight ", short_text(report.max_constant_difference), ")");
  tarn::print("\n");
  if (!FLAGS_print_passes) return {};
  for (const std::string& note : report.notes) tarn::print("  ", note, "\n");
  return {};
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(std::string text, pipeline_text());
  TARN_ASSIGN_OR_RETURN(std::vector<tarn::PipelineStep> pipeline, tarn::parse_pipeline(text));
  tarn::PassManagerOptions options;
  TARN_ASSIGN_OR_RETURN(options.inputs, tarn::list_flag("input_names", FLAGS_input_names));
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("output_names", FLAGS_output_names));
  options.verify = FLAGS_verify;
  options.after_pass = [](const tarn::PassReport& report, const tarn::Graph&) { return print_report(report); };
  TARN_RETURN_IF_ERROR(tarn::check_output_path("output", FLAGS_output, {FLAGS_input}));
  tarn::ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(std::string bytes, tarn::read_unpacked(FLAGS_input, read.max_bytes));
  size_t bytes_before = bytes.size();
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph input, tarn::parse_any_graph(std::move(bytes), FLAGS_input, read));
  tarn::Graph graph = std::move(input.graph);
  int nodes_before = graph.node_count();
  TARN_RETURN_IF_ERROR(tarn::check_frozen(graph, options.outputs));
  if (FLAGS_print_passes) tarn::print("pipeline: ", tarn::pipeline_text(pipeline), "\n");
  TARN_RETURN_IF_ERROR(tarn::PassManager(options).run(graph, pipeline).status());
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
