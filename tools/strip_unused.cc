// strip_unused: what lies between inputs and outputs, as TensorFlow's tool of that name.
#include <gflags/gflags.h>

#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/strip_run.h"

DEFINE_string(input_graph, "", "Graph: .pb, .pbtxt, .meta or Tarn's text, told by its content");
DEFINE_bool(input_binary, false, "Accepted for TensorFlow's sake: the content decides");
DEFINE_string(output_graph, "", "File to write: .pb, or text if it ends in .pbtxt (TensorFlow's) or .txt (Tarn's)");
DEFINE_bool(output_binary, true, "No: write TensorFlow's text, whatever the ending of --output_graph");
DEFINE_string(input_node_names, "",
              "Inputs, comma-separated; one that is no Placeholder becomes one. By default every Placeholder");
DEFINE_string(output_node_names, "", "Outputs, comma-separated: NAME or NAME:OUTPUT");
DEFINE_string(placeholder_type_enum, "",
              "dtypes of the inputs, one for all or one for each, as TensorFlow's numbers: 1 is float, 4 uint8. By "
              "default what the graph says");

namespace {

constexpr std::string_view kTool = "strip_unused";

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(tarn::StripRun done, tarn::strip_file({.files = {.tool = kTool,
                                                                         .in_path = FLAGS_input_graph,
                                                                         .out_path = FLAGS_output_graph,
                                                                         .out_flag = "output_graph",
                                                                         .inputs_flag = "input_node_names",
                                                                         .outputs_flag = "output_node_names"},
                                                               .inputs = FLAGS_input_node_names,
                                                               .outputs = FLAGS_output_node_names,
                                                               .placeholder_types = FLAGS_placeholder_type_enum}));
  auto format = FLAGS_output_binary ? tarn::GraphFormat::kByExtension : tarn::GraphFormat::kPbtxt;
  for (const std::string& lost : tarn::drop_untrue_metadata(done.graph, FLAGS_output_graph, format))
    tarn::warn(kTool, lost);
  TARN_RETURN_IF_ERROR(tarn::write_graph(done.graph, FLAGS_output_graph, format));
  tarn::print(done.graph.node_count(), " ops in the final graph.\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = kTool,
       .summary = "Keeps of a graph what the outputs need, from the inputs on, which become Placeholders: TensorFlow's "
                  "strip_unused, whose flags it takes.",
       .example = "strip_unused --input_graph=frozen.pb --output_graph=stripped.pb --input_node_names=input_node "
                  "--output_node_names=output_node",
       .required = {"input_graph", "output_graph", "output_node_names"}},
      run);
}
