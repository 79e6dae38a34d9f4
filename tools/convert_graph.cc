// convert_graph: the same graph in another form: binary, text, or a picture.
#include <gflags/gflags.h>

#include "core/file.h"
#include "graph/algorithms.h"
#include "graph/text.h"
#include "tools/support/graph_file.h"
#include "tools/support/graphviz.h"
#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"

DEFINE_string(input, "", "Graph: .pb, .pbtxt, .meta or Tarn's text, told by its content; .gz is unpacked");
DEFINE_string(output, "", "File to write; its ending says in which form, unless --output_format does");
DEFINE_string(output_format, "",
              "pb: binary GraphDef; pbtxt: TensorFlow's text; text: Tarn's text (.txt, .graph); dot: for Graphviz "
              "(.dot, .gv); svg: drawn by Graphviz's program 'dot'");
DEFINE_bool(elide_constants, false,
            "In Tarn's text, write large constants as {...}: short, but such text does not read back");
DEFINE_bool(shapes, true, "In pictures, write dtypes and shapes on the edges");

namespace {

struct Form {
  std::string_view name, ending;
};
constexpr Form kForms[] = {{"pb", ".pb"},      {"pbtxt", ".pbtxt"}, {"pbtxt", ".prototxt"}, {"text", ".txt"},
                           {"text", ".graph"}, {"dot", ".dot"},     {"dot", ".gv"},         {"svg", ".svg"}};

tarn::Result<std::string_view> form_asked_for() {
  bool by_flag = !FLAGS_output_format.empty();
  for (const Form& form : kForms) {
    if (by_flag ? form.name == FLAGS_output_format : FLAGS_output.ends_with(form.ending)) return form.name;
  }
  if (by_flag) {
    return tarn::invalid_argument("--output_format: there is no ", tarn::quoted(FLAGS_output_format),
                                  tarn::did_you_mean(FLAGS_output_format, {"pb", "pbtxt", "text", "dot", "svg"}),
                                  "; there are pb, pbtxt, text, dot and svg");
  }
  return tarn::invalid_argument("--output: ", tarn::quoted(FLAGS_output),
                                " ends in none of .pb, .pbtxt, .prototxt, .txt, .graph, .dot, .gv and .svg; "
                                "--output_format says what to write");
}

tarn::Result<std::string> converted(const tarn::Graph& graph, std::string_view form) {
  if (form == "pb") return tarn::graph_bytes(graph, tarn::GraphFormat::kBinary);
  if (form == "pbtxt") return tarn::graph_bytes(graph, tarn::GraphFormat::kPbtxt);
  if (form == "text" && FLAGS_elide_constants) return tarn::graph_to_text(graph, {.elide_constants = true});
  if (form == "text") return tarn::graph_bytes(graph, tarn::GraphFormat::kText);
  std::string dot = tarn::graph_to_dot(graph, {.title = tarn::path_name(FLAGS_input), .shapes = FLAGS_shapes});
  if (form == "dot") return dot;
  return tarn::dot_to_svg(dot);
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(std::string_view form, form_asked_for());
  TARN_RETURN_IF_ERROR(tarn::check_output_path("output", FLAGS_output, {FLAGS_input}));
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph input, tarn::load_graph_file(FLAGS_input, {.allow_unknown_ops = true}));
  TARN_RETURN_IF_ERROR(tarn::check_output_path("output", FLAGS_output, tarn::files_of(input)));
  TARN_ASSIGN_OR_RETURN(std::string bytes, converted(input.graph, form));
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(FLAGS_output, bytes));
  auto format = form == "pbtxt" ? tarn::GraphFormat::kPbtxt : tarn::GraphFormat::kBinary;
  for (const std::string& lost : tarn::drop_untrue_metadata(input.graph, FLAGS_output, format))
    tarn::warn("convert_graph", lost);
  int nodes = input.graph.node_count();
  tarn::print(FLAGS_output, ": ", form, ", ", nodes, nodes == 1 ? " node, " : " nodes, ", bytes.size(), " bytes\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "convert_graph",
                          .summary = "Writes a graph in another form: binary, text, or a picture. The file appears "
                                     "whole or not at all.",
                          .example = "convert_graph --input=frozen.pb --output=frozen.pbtxt\n"
                                     "convert_graph --input=model.ckpt-7.meta --output=graph.svg\n"
                                     "convert_graph --input=frozen.pb --output=frozen.pb.txt --output_format=pbtxt",
                          .required = {"input", "output"}},
                         run);
}
