#include "tools/support/freeze_files.h"

#include <algorithm>
#include <future>

#include "core/file.h"
#include "graph/checkpoint_state.h"
#include "graph/output_candidates.h"
#include "graph/proto_io.h"
#include "graph/variable_values.h"
#include "proto/meta_graph.pb.h"
#include "tools/support/frozen_check.h"
#include "tools/support/graph_file.h"
#include "tools/support/metadata_flags.h"

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
  if (given.empty()) return invalid_argument("--input_graph is missing");
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
  if (!files.saved_model_dir.empty() && input.graph.form != AnyGraph::Form::kSavedModel) {
    return invalid_argument(printable(input.path), ": there is no SavedModel, but ", quoted(input.graph.file),
                            ": give that as --input_graph");
  }
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

Status check_output(const FreezeFiles& files, const std::vector<std::string>& inputs) {
  return files.output.empty() ? Status() : check_output_path("output_graph", files.output, inputs);
}

// Names the variables that have no values, and what would give them some.
VariableValues no_checkpoint(const Input& input) {
  std::string where = str_cat(printable(input.path), ": ");
  if (input.graph.form == AnyGraph::Form::kSavedModel) {
    std::string folder = path_join(path_dir(input.graph.file), "variables");
    Status listed = dir_exists(folder) ? list_dir(folder).status() : Status();
    str_append(where,
               listed.ok() ? "the SavedModel's folder variables/ is missing or without a checkpoint" : listed.message(),
               "; ");
  }
  return [where](const Graph& graph, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    constexpr size_t kMostShown = 3;
    std::vector<std::string> shown;
    for (NodeId id : variables.first(std::min(variables.size(), kMostShown)))
      shown.push_back(quoted(graph.node(id).name));
    return failed_precondition(where, "the outputs need the values of ", variables.size(),
                               variables.size() == 1 ? " variable (" : " variables (", str_join(shown),
                               variables.size() > kMostShown ? ", …" : "",
                               "): give their checkpoint with --input_checkpoint");
  };
}

// `notes` is filled while values are read.
// `*prefix` is of the checkpoint, if there is one.
Result<VariableValues> values_from(const FreezeFiles& files, const Input& input, std::string* prefix,
                                   std::vector<std::string>* notes) {
  std::string checkpoint_path = files.checkpoint.empty() ? input.graph.checkpoint : files.checkpoint;
  if (checkpoint_path.empty() && has_variables(input.graph.graph)) {
    checkpoint_path = checkpoint_beside(input.graph);
    if (!checkpoint_path.empty()) notes->push_back(str_cat("Checkpoint: ", printable(checkpoint_path)));
  }
  if (checkpoint_path.empty()) return no_checkpoint(input);
  TARN_ASSIGN_OR_RETURN(*prefix, find_checkpoint(checkpoint_path));
  TARN_RETURN_IF_ERROR(check_output(files, files_of_checkpoint(*prefix)));
  TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(*prefix));
  VariableReadOptions options;
  options.restore_op = input.restore_op;
  options.use_ema = files.use_ema;
  options.notes = notes;
  for (const VariableRecord& record : input.graph.collections.trainable_variables())
    options.trainable.push_back(record.variable);
  if (files.initializer_nodes.empty()) return checkpoint_values(checkpoint, options);
  return initialized_values(checkpoint, files.initializer_nodes, options);
}

std::vector<std::string> signature_names(const Signatures& signatures) {
  std::vector<std::string> names;
  for (const auto& [name, signature] : signatures) {
    if (!signature.outputs.empty()) names.push_back(quoted(name));
  }
  return names;
}

// The signature asked for, else the one a server would use: serving_default, or the only one. Null if there is none.
Result<const Signatures::value_type*> main_signature(const FreezeFiles& files, const Input& input) {
  const Signatures& signatures = input.graph.signatures;
  auto found = signatures.find(files.signature.empty() ? std::string(kServingDefault) : files.signature);
  if (found != signatures.end()) return found->second.outputs.empty() ? nullptr : &*found;
  std::vector<std::string> names = signature_names(signatures);
  if (!files.signature.empty()) {
    return not_found("--signature: ", quoted(files.signature), " is no signature of ", printable(input.path),
                     names.empty() ? str_cat(", which has none") : "; there are " + str_join(names));
  }
  for (const Signatures::value_type& one : signatures) {
    if (names.size() == 1 && !one.second.outputs.empty()) return &one;
  }
  return nullptr;
}

// "scores = softmax:0".
std::vector<std::string> tensors_text(const std::map<std::string, SignatureTensor>& tensors, const Graph& graph) {
  std::vector<std::string> texts;
  for (const auto& [key, tensor] : tensors) {
    if (!tensor.name.empty() && graph.find_node(tensor.name).ok()) texts.push_back(str_cat(key, " = ", tensor.name));
  }
  return texts;
}

Result<std::vector<std::string>> choose_outputs(const FreezeFiles& files, const Input& input,
                                                std::vector<std::string>& notes) {
  TARN_ASSIGN_OR_RETURN(const Signatures::value_type* signature, main_signature(files, input));
  std::vector<std::string> names = signature_names(input.graph.signatures);
  if (signature == nullptr && names.size() > 1) {
    return invalid_argument(printable(input.path), ": has the signatures ", str_join(names),
                            ": give one with --signature, or nodes with --output_node_names");
  }
  if (signature != nullptr) {
    const Graph& graph = input.graph.graph;
    std::vector<std::string> outputs;
    for (const auto& [key, tensor] : signature->second.outputs) {
      bool is_new = std::find(outputs.begin(), outputs.end(), tensor.name) == outputs.end();
      if (is_new && !tensor.name.empty() && graph.find_node(tensor.name).ok()) outputs.push_back(tensor.name);
    }
    if (!outputs.empty()) {
      // The names of the signature go with it: said here, they are not lost.
      std::vector<std::string> inputs = tensors_text(signature->second.inputs, graph);
      if (!inputs.empty())
        notes.push_back(str_cat("Inputs of signature ", quoted(signature->first), ": ", str_join(inputs)));
      notes.push_back(str_cat("Outputs of signature ", quoted(signature->first), ": ",
                              str_join(tensors_text(signature->second.outputs, graph))));
      return outputs;
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
Status resolve_outputs(const FreezeFiles& files, const Input& input, std::vector<std::string>& outputs,
                       std::vector<std::string>& notes) {
  TARN_ASSIGN_OR_RETURN(const Signatures::value_type* signature, main_signature(files, input));
  if (signature == nullptr) return {};
  for (std::string& output : outputs) {
    auto found = signature->second.outputs.find(output);
    if (found == signature->second.outputs.end() || input.graph.graph.find_node(output).ok()) continue;
    notes.push_back(str_cat(quoted(output), " of signature ", quoted(signature->first), " is ", found->second.name));
    output = found->second.name;
  }
  return {};
}

}  // namespace

Result<FrozenGraph> freeze_files(const FreezeFiles& files) {
  TARN_RETURN_IF_ERROR(check_output(files, {files.graph, files.meta_graph, files.saver, files.checkpoint}));
  TARN_ASSIGN_OR_RETURN(Input input, read_input(files));
  TARN_RETURN_IF_ERROR(check_nodes("initializer_nodes", files.initializer_nodes, input.graph.graph, input.path));
  TARN_RETURN_IF_ERROR(check_output(files, files_of(input.graph)));
  std::vector<std::string> notes, read_notes;
  if (input.is_of_checkpoint) notes.push_back(str_cat("Graph: ", printable(input.graph.file)));
  const Graph& graph = input.graph.graph;
  FreezeOptions options = files.options;
  ModelFiles model_files(files.access, input.graph);
  options.tables = table_sources(input.graph, model_files);
  std::vector<std::string>& later = options.tables.later_initializers;
  later.insert(later.end(), files.initializer_nodes.begin(), files.initializer_nodes.end());
  TARN_ASSIGN_OR_RETURN(VariableValues values, values_from(files, input, &options.tables.checkpoint, &read_notes));
  if (options.outputs.empty()) {
    TARN_ASSIGN_OR_RETURN(options.outputs, choose_outputs(files, input, notes));
  } else {
    TARN_RETURN_IF_ERROR(resolve_outputs(files, input, options.outputs, notes));
  }
  TARN_RETURN_IF_ERROR(check_nodes("output_node_names", options.outputs, graph, input.path));
  TARN_ASSIGN_OR_RETURN(FrozenGraph frozen, freeze(graph, options, values));
  TARN_RETURN_IF_ERROR(check_output(files, model_files.read_paths()));
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
  for (std::string& lost : drop_untrue_metadata(frozen.graph, files.output, GraphFormat::kByExtension))
    frozen.warnings.push_back(std::move(lost));
  // The disk is given time while the graph runs.
  auto writing = std::async(std::launch::async, [&]() -> Result<AtomicFile> {
    TARN_ASSIGN_OR_RETURN(AtomicFile file, write_graph_aside(frozen.graph, files.output));
    TARN_RETURN_IF_ERROR(file.sync());
    return file;
  });
  Result<FrozenCheck> check = FrozenCheck();
  if (files.check && !has_variables(frozen.graph)) check = check_frozen_graph(frozen.graph, options.outputs);
  Result<AtomicFile> file = writing.get();
  TARN_RETURN_IF_ERROR(check.status());
  TARN_RETURN_IF_ERROR(file.status());
  TARN_RETURN_IF_ERROR(file->commit());
  if (check->is_expected) {
    frozen.notes.push_back("Not checked by a run: " + check->why_not_run);
  } else if (!check->why_not_run.empty()) {
    frozen.warnings.push_back("the frozen graph was not run: " + check->why_not_run);
  }
  return frozen;
}

}  // namespace tarn
