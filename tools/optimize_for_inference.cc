// optimize_for_inference: the passes of TensorFlow's tool of that name over a frozen graph.
#include <gflags/gflags.h>

#include "passes/support/describe.h"
#include "tools/support/main.h"
#include "tools/support/strip_run.h"

DEFINE_string(input, "", "Frozen graph: .pb, .pbtxt or Tarn's text, told by its content");
DEFINE_string(output, "", "File to write: .pb, or text if it ends in .pbtxt (TensorFlow's) or .txt (Tarn's)");
DEFINE_bool(frozen_graph, true,
            "No: write TensorFlow's text, whatever the ending of --output. How to read, the content decides");
DEFINE_string(input_names, "",
              "Inputs, comma-separated; one that is no Placeholder becomes one. By default every Placeholder");
DEFINE_string(output_names, "", "Outputs, comma-separated: NAME or NAME:OUTPUT");
DEFINE_string(placeholder_type_enum, "",
              "dtypes of the inputs, one for all or one for each, as TensorFlow's numbers: 1 is float, 4 uint8. By "
              "default what the graph says");
DEFINE_bool(toco_compatible, false, "Leave resizing and mirroring apart from the convolution behind them");

namespace {

constexpr std::string_view kTool = "optimize_for_inference";

// TensorFlow's folded them with the statistics of training, and said nothing.
void warn_of_training(const tarn::Graph& graph) {
  for (tarn::NodeId id : tarn::training_batch_norms(graph)) {
    const tarn::Node& node = graph.node(id);
    tarn::warn(kTool,
               tarn::str_cat(node.op, " ", tarn::quoted(node.name),
                             " normalizes by the statistics of each batch, and goes on doing so; transform_graph "
                             "--transforms=inference_batch_norms makes it use those that training has learned"));
  }
}

tarn::Status run() {
  // Where Identity is between a constant and its convolution, or between that and its batch norm, nothing folds.
  std::string passes = "remove_nodes(op=CheckNumerics, op=Identity) fold_batch_norms";
  if (!FLAGS_toco_compatible) passes += " fuse_convolutions";
  tarn::PassFiles files{.tool = kTool,
                        .in_path = FLAGS_input,
                        .out_path = FLAGS_output,
                        .out_flag = "output",
                        .inputs_flag = "input_names",
                        .outputs_flag = "output_names"};
  TARN_ASSIGN_OR_RETURN(tarn::StripRun done,
                        tarn::strip_file({.files = files,
                                          .inputs = FLAGS_input_names,
                                          .outputs = FLAGS_output_names,
                                          .placeholder_types = FLAGS_placeholder_type_enum,
                                          .must_be_frozen = true,
                                          .more_passes = passes,
                                          .after_pass = [](const tarn::PassReport& report, const tarn::Graph&) {
                                            tarn::print_pass(kTool, report, tarn::NotesShown::kNone);
                                            return tarn::Status();
                                          }}));
  warn_of_training(done.graph);
  auto format = FLAGS_frozen_graph ? tarn::GraphFormat::kByExtension : tarn::GraphFormat::kPbtxt;
  return tarn::write_after_passes(done.graph, done.before, files, format).status();
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = kTool,
       .summary = "Strips a frozen graph to what its outputs need, takes CheckNumerics and Identity out, folds batch "
                  "norms into weights and resizing into convolutions: TensorFlow's optimize_for_inference, whose flags "
                  "it takes. optimize_for_mobile does more.",
       .example = "optimize_for_inference --input=frozen.pb --output=optimized.pb --input_names=input_node "
                  "--output_names=output_node",
       .required = {"input", "output", "output_names"}},
      run);
}
