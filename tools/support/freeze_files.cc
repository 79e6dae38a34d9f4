#include "tools/support/freeze_files.h"

#include <algorithm>

#include "core/file.h"
#include "graph/output_candidates.h"
#include "graph/proto_io.h"
#include "graph/variable_values.h"
#include "proto/meta_graph.pb.h"
#include "tools/support/frozen_check.h"
#include "tools/support/graph_file.h"

namespace tarn {
namespace {

struct Input {
  AnyGraph graph;
  std::string path;
  std::string restore_op;
  bool is_of_checkpoint = false;  // found beside it
};

Result<Input> read_input(const FreezeFiles& files) {
  struct Given {
    std::string_view flag;
    const std::string& path;
  };
  const Given kAll[] = {{"--input_graph", files.graph},
                        {"--input_meta_graph", files.meta_graph},
                        {"--input_saved_model_dir", files.saved_model_dir}};
  const Given checkpoint = {"--input_checkpoint", files.checkpoint};
  std::vector<Given> given;
  std::copy_if(std::begin(kAll), std::end(kAll), std::back_inserter(given),
               [](const Given& one) { return !one.path.empty(); });
  // The saver wrote the graph beside the checkpoint.
  const bool is_of_checkpoint = given.empty() && !files.checkpoint.empty();
  if (is_of_checkpoint) given.push_back(checkpoint);
  if (given.empty()) {
    return invalid_argument(
        "--input_graph is missing; or give --input_meta_graph, --input_saved_model_dir, or an "
        "--input_checkpoint with its .meta");
  }
  if (given.size() > 1) {
    return invalid_argument(given[0].flag, " and ", given[1].flag, given.size() == 2 ? " both" : " and others",
                            " give a graph; give one");
  }
  ReadOptions read;
  read.allow_unknown_ops = true;  // what no output needs, and what needs no change, may be anything
  read.tags = files.tags;
  Input input;
  input.path = given[0].path;
  input.is_of_checkpoint = is_of_checkpoint;
  TARN_ASSIGN_OR_RETURN(input.graph, load_graph_file(input.path, read));
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

// `notes` is filled while values are read.
Result<VariableValues> values_from(const FreezeFiles& files, const Input& input, std::vector<std::string>* notes) {
  std::string checkpoint_path = files.checkpoint.empty() ? input.graph.checkpoint : files.checkpoint;
  if (checkpoint_path.empty()) return no_values();
  TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(checkpoint_path));
  TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(prefix));
  VariableReadOptions options;
  options.restore_op = input.restore_op;
  options.use_ema = files.use_ema;
  options.notes = notes;
  for (const VariableRecord& record : input.graph.collections.trainable_variables())
    options.trainable.push_back(record.variable);
  if (files.initializer_nodes.empty()) return checkpoint_values(checkpoint, options);
  return initialized_values(checkpoint, files.initializer_nodes, options);
}

// The signature a server would use: serving_default, else the only one.
const Signatures::value_type* main_signature(const Signatures& signatures) {
  auto found = signatures.find(std::string(kServingDefault));
  if (found == signatures.end() && signatures.size() == 1) found = signatures.begin();
  return found == signatures.end() || found->second.outputs.empty() ? nullptr : &*found;
}

Result<std::vector<std::string>> choose_outputs(const Input& input, std::vector<std::string>& notes) {
  if (const Signatures::value_type* signature = main_signature(input.graph.signatures)) {
    std::vector<std::string> names;
    for (const auto& [key, tensor] : signature->second.outputs) {
      if (!tensor.name.empty() && input.graph.graph.find_node(tensor.name).ok()) names.push_back(tensor.name);
    }
    if (!names.empty()) {
      notes.push_back(str_cat("Outputs of signature ", quoted(signature->first), ": ", str_join(names)));
      return names;
    }
  }
  std::vector<OutputCandidate> candidates = output_candidates(input.graph.graph);
  if (candidates.empty()) {
    return invalid_argument(printable(input.path),
                            ": You need to supply the name of a node to --output_node_names: no ",
                            "node looks like an output");
  }
  std::string chosen = candidates[0].name;
  notes.push_back(str_cat("Output chosen: ", candidates_text({candidates[0]})));
  candidates.erase(candidates.begin());
  if (!candidates.empty())
    notes.push_back(str_cat("Other candidates for --output_node_names: ", candidates_text(candidates)));
  return std::vector<std::string>{chosen};
}

// What a signature calls its outputs stands for them, unless the graph has a node of that name itself.
void resolve_outputs(const Input& input, std::vector<std::string>& outputs, std::vector<std::string>& notes) {
  const Signatures::value_type* signature = main_signature(input.graph.signatures);
  if (signature == nullptr) return;
  for (std::string& output : outputs) {
    auto found = signature->second.outputs.find(output);
    if (found == signature->second.outputs.end() || input.graph.graph.find_node(output).ok()) continue;
    notes.push_back(str_cat(quoted(output), " of signature ", quoted(signature->first), " is ", found->second.name));
    output = found->second.name;
  }
}

bool has_variables(const Graph& graph) {
  std::vector<NodeId> ids = graph.ids();
  return std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return is_variable(graph.node(id)); });
}

}  // namespace

Result<FrozenGraph> freeze_files(const FreezeFiles& files) {
  if (!files.output.empty()) {
    TARN_RETURN_IF_ERROR(
        check_output_path("output_graph", files.output,
                          {files.graph, files.meta_graph, files.saver, files.checkpoint, files.checkpoint + ".index"}));
  }
  TARN_ASSIGN_OR_RETURN(Input input, read_input(files));
  std::vector<std::string> notes, read_notes;
  if (input.is_of_checkpoint) notes.push_back(str_cat("Graph: ", printable(input.graph.file)));
  TARN_ASSIGN_OR_RETURN(VariableValues values, values_from(files, input, &read_notes));
  const Graph& graph = input.graph.graph;
  FreezeOptions options = files.options;
  if (options.outputs.empty()) {
    TARN_ASSIGN_OR_RETURN(options.outputs, choose_outputs(input, notes));
  } else {
    resolve_outputs(input, options.outputs, notes);
  }
  TARN_RETURN_IF_ERROR(check_nodes("output_node_names", options.outputs, graph, input.path));
  TARN_ASSIGN_OR_RETURN(FrozenGraph frozen, freeze(graph, options, values));
  notes.insert(notes.end(), read_notes.begin(), read_notes.end());
  frozen.notes.insert(frozen.notes.begin(), notes.begin(), notes.end());
  frozen.warnings.insert(frozen.warnings.begin(), input.graph.notes.begin(), input.graph.notes.end());
  if (frozen.variables == 0 && frozen.warnings.empty()) {
    frozen.warnings.push_back(has_variables(graph) ? "the outputs depend on no variable"
                                                   : "the graph has no variables; it is likely frozen already");
  }
  if (files.output.empty()) {
    frozen.warnings.push_back("no --output_graph: nothing is written");
    return frozen;
  }
  if (files.check && !has_variables(frozen.graph)) {
    TARN_ASSIGN_OR_RETURN(std::string bytes, graph_bytes(frozen.graph, GraphFormat::kBinary));
    TARN_ASSIGN_OR_RETURN(std::string why_not_run, check_frozen_graph(bytes, options.outputs));
    if (!why_not_run.empty()) frozen.warnings.push_back("the frozen graph was not run: " + why_not_run);
  }
  TARN_RETURN_IF_ERROR(write_graph(frozen.graph, files.output));
  return frozen;
}

}  // namespace tarn
