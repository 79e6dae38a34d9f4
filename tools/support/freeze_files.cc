#include "tools/support/freeze_files.h"

#include <algorithm>

#include "graph/proto_io.h"
#include "graph/variable_values.h"
#include "proto/meta_graph.pb.h"
#include "tools/support/graph_file.h"

namespace tarn {
namespace {

struct Input {
  AnyGraph graph;
  std::string restore_op;
};

Result<Input> read_input(const FreezeFiles& files) {
  if (!files.saved_model_dir.empty()) {
    return unimplemented(
        "--input_saved_model_dir: SavedModels are not read yet; give the GraphDef and the checkpoint that ",
        files.saved_model_dir, " was made from");
  }
  if (files.graph.empty() == files.meta_graph.empty()) {
    return invalid_argument(files.graph.empty() ? "--input_graph or --input_meta_graph is missing"
                                                : "--input_graph and --input_meta_graph both give a graph; give one");
  }
  ReadOptions read;
  read.allow_unknown_ops = true;  // what no output needs, and what needs no change, may be anything
  Input input;
  TARN_ASSIGN_OR_RETURN(input.graph, load_graph_file(files.graph.empty() ? files.meta_graph : files.graph, read));
  // As in TensorFlow: the MetaGraph's own saver counts if it was given as such.
  if (input.graph.saver) input.restore_op = input.graph.saver->restore_op;
  if (!files.saver.empty()) {
    pb::SaverDef saver;
    TARN_RETURN_IF_ERROR(read_proto(files.saver, {}, saver));
    if (saver.restore_op_name().empty()) return invalid_argument(files.saver, ": the SaverDef names no restore op");
    input.restore_op = saver.restore_op_name();
  }
  return input;
}

Result<VariableValues> values_from(const FreezeFiles& files, const std::string& restore_op) {
  if (files.checkpoint.empty()) return no_values();
  TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(files.checkpoint));
  TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(prefix));
  if (files.initializer_nodes.empty()) return checkpoint_values(checkpoint, restore_op);
  return initialized_values(checkpoint, files.initializer_nodes, restore_op);
}

}  // namespace

Result<FrozenGraph> freeze_files(const FreezeFiles& files) {
  if (!files.output.empty()) {
    TARN_RETURN_IF_ERROR(
        check_output_path("output_graph", files.output,
                          {files.graph, files.meta_graph, files.saver, files.checkpoint, files.checkpoint + ".index"}));
  }
  TARN_ASSIGN_OR_RETURN(Input input, read_input(files));
  TARN_ASSIGN_OR_RETURN(VariableValues values, values_from(files, input.restore_op));
  const Graph& graph = input.graph.graph;
  TARN_RETURN_IF_ERROR(check_nodes("output_node_names", files.options.outputs, graph,
                                   files.graph.empty() ? files.meta_graph : files.graph));
  TARN_ASSIGN_OR_RETURN(FrozenGraph frozen, freeze(graph, files.options, values));
  if (frozen.variables == 0 && frozen.warnings.empty()) {
    std::vector<NodeId> ids = graph.ids();
    bool has_variables = std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return is_variable(graph.node(id)); });
    frozen.warnings.push_back(has_variables ? "the outputs depend on no variable"
                                            : "the graph has no variables; it is likely frozen already");
  }
  if (files.output.empty()) {
    frozen.warnings.push_back("no --output_graph: nothing is written");
  } else {
    TARN_RETURN_IF_ERROR(write_graph(frozen.graph, files.output));
  }
  return frozen;
}

}  // namespace tarn
