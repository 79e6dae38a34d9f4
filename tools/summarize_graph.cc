// summarize_graph: what a graph consists of, in TensorFlow's lines.
#include <gflags/gflags.h>

#include "graph/summarize.h"
#include "passes/support/describe.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"

DEFINE_string(in_graph, "", "Graph: .pb, .pbtxt, .meta or Tarn's text, told by its content");
DEFINE_bool(print_structure, false, "Print every node with its inputs too");
DEFINE_bool(check_finite, false, "Name constants with infinities, or with what is no number");

namespace {

tarn::Status run() {
  tarn::ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph input, tarn::load_graph_file(FLAGS_in_graph, read));
  TARN_ASSIGN_OR_RETURN(std::string bytes, tarn::read_unpacked(input.file, read.max_bytes));
  tarn::SummarizeOptions options{.print_structure = FLAGS_print_structure,
                                 .check_finite = FLAGS_check_finite,
                                 .placeholder_shapes = tarn::placeholder_shapes(bytes)};
  TARN_ASSIGN_OR_RETURN(std::string text, tarn::summarize_graph(input.graph, FLAGS_in_graph, options));
  tarn::print(text, tarn::describe_graph(input.graph));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "summarize_graph",
                          .summary = "Prints what a graph consists of, in TensorFlow's lines, and then what is special "
                                     "about it: mode placeholders, "
                                     "queues, pictures decoded inside, likely outputs, dropout, cost.",
                          .example = "summarize_graph --in_graph=frozen.pb",
                          .required = {"in_graph"}},
                         run);
}
