#include "graph/saved_model.h"

#include <algorithm>
#include <set>

#include "core/file.h"
#include "graph/functions.h"
#include "graph/graph_def.h"
#include "graph/meta_graph.h"
#include "graph/proto_io.h"
#include "graph/saver.h"
#include "graph/tensor_proto.h"
#include "graph/variable_values.h"
#include "proto/saved_model.pb.h"

namespace tarn {
namespace {

constexpr size_t kMostBytes = (size_t{2} << 30) - 1;  // of a protobuf message
constexpr int64_t kSchemaVersion = 1;
constexpr std::string_view kMainOp = "saved_model_main_op";

pb::TensorInfo tensor_info(const SignatureTensor& tensor) {
  pb::TensorInfo info;
  info.set_name(tensor.name);
  if (tensor.dtype != DType::kInvalid) info.set_dtype(dtype_to_proto(tensor.dtype));
  *info.mutable_tensor_shape() = shape_to_proto(tensor.shape);
  return info;
}

// Every tensor of a signature must be there: what is wrong with it shows when it is made, not when it is served.
Status check_signatures(const Graph& graph, const Signatures& signatures) {
  Problems problems;
  for (const auto& [name, signature] : signatures) {
    for (const auto* side : {&signature.inputs, &signature.outputs}) {
      for (const auto& [key, tensor] : *side) {
        Status status = graph.find_wire(tensor.name).status();
        problems.add(status.with_context(str_cat("signature ", quoted(name), ", ", quoted(key))));
      }
    }
  }
  return problems.to_status("");
}

std::string set_text(std::vector<std::string> tags) {
  std::sort(tags.begin(), tags.end());
  return "{" + str_join(tags) + "}";
}

}  // namespace

SignatureTensor TensorInfo(const Output& output) {
  return {output.name(), output.fact().dtype, output.fact().shape};
}

Signature PredictSignature(const std::map<std::string, Output>& inputs, const std::map<std::string, Output>& outputs) {
  Signature signature;
  for (const auto& [name, output] : inputs) signature.inputs[name] = TensorInfo(output);
  for (const auto& [name, output] : outputs) signature.outputs[name] = TensorInfo(output);
  return signature;
}

struct SavedModelBuilder::Rep {
  pb::SavedModel model;
  std::optional<MetaGraph::Saver> saver;
};

SavedModelBuilder::SavedModelBuilder(std::string export_dir) : dir_(std::move(export_dir)) {}
SavedModelBuilder::~SavedModelBuilder() = default;
SavedModelBuilder::SavedModelBuilder(SavedModelBuilder&&) noexcept = default;
SavedModelBuilder& SavedModelBuilder::operator=(SavedModelBuilder&&) noexcept = default;

Result<SavedModelBuilder::Rep*> SavedModelBuilder::rep() {
  if (rep_ != nullptr) return rep_.get();
  if (file_exists(dir_)) return already_exists(quoted(dir_), " is a file");
  if (dir_exists(dir_) && !list_dir(dir_).value_or({}).empty()) {
    return already_exists("Export directory ", quoted(dir_),
                          " already exists, and isn't empty: choose another one, or remove it");
  }
  rep_ = std::make_unique<Rep>();
  rep_->model.set_saved_model_schema_version(kSchemaVersion);
  return rep_.get();
}

Status SavedModelBuilder::AddMetaGraphAndVariables(Session& session, const Scope& scope,
                                                   const std::vector<std::string>& tags, const Signatures& signatures,
                                                   const SavedGraphOptions& options) {
  TARN_RETURN_IF_ERROR(scope.status());
  TARN_ASSIGN_OR_RETURN(Rep * rep, this->rep());
  if (rep->model.meta_graphs_size() > 0) {
    return failed_precondition(
        "the variables of a SavedModel are written with its first graph; add others with "
        "AddMetaGraph");
  }
  TARN_RETURN_IF_ERROR(judge(scope.graph(), tags, signatures, options));
  if (!scope.collections().variables().empty()) TARN_RETURN_IF_ERROR(save_variables(session, scope));
  add(scope.graph(), scope.collections(), tags, signatures, options);
  return {};
}

Status SavedModelBuilder::save_variables(Session& session, const Scope& scope) {
  Saver saver(scope, {.write_meta_graph = false, .training_state = false});
  TARN_RETURN_IF_ERROR(scope.status());
  bool was_there = dir_exists(dir_);
  std::string folder = path_join(dir_, "variables");
  TARN_RETURN_IF_ERROR(make_dirs(folder));
  const MetaGraph::Saver& names = saver.names();
  std::vector<Tensor> saved;
  Status status = session.Run({{names.filename_tensor, Tensor::scalar<std::string>(path_join(folder, "variables"))}},
                              {names.save_tensor}, &saved);
  if (!status.ok()) {
    // As before, so that the next try finds what this one did.
    (void)remove_dir(folder);
    if (!was_there) (void)remove_dir(dir_);
    return status;
  }
  rep_->saver = names;
  return {};
}

Status SavedModelBuilder::AddMetaGraph(const Graph& graph, const std::vector<std::string>& tags,
                                       const Signatures& signatures, const SavedGraphOptions& options) {
  TARN_ASSIGN_OR_RETURN(Rep * rep, this->rep());
  std::vector<NodeId> ids = graph.ids();
  bool has_variables = std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return is_variable(graph.node(id)); });
  if (has_variables && !rep->saver) {
    return failed_precondition(
        "the graph has variables: the first graph of a SavedModel is added with "
        "AddMetaGraphAndVariables");
  }
  TARN_RETURN_IF_ERROR(judge(graph, tags, signatures, options));
  add(graph, {}, tags, signatures, options);
  return {};
}

// All that may be wrong with a request, before anything is written.
Status SavedModelBuilder::judge(const Graph& graph, const std::vector<std::string>& tags, const Signatures& signatures,
                                const SavedGraphOptions& options) const {
  if (tags.empty()) return invalid_argument("a graph of a SavedModel needs a tag, as ", quoted(kServingTag));
  for (const pb::MetaGraphDef& other : rep_->model.meta_graphs()) {
    std::vector<std::string> taken(other.meta_info_def().tags().begin(), other.meta_info_def().tags().end());
    if (set_text(taken) == set_text(tags))
      return already_exists("the SavedModel has a graph with the tags ", set_text(tags), " already");
  }
  TARN_RETURN_IF_ERROR(check_signatures(graph, signatures));
  if (!options.main_op.empty()) TARN_RETURN_IF_ERROR(graph.find_node(options.main_op).status().with_context("main_op"));
  return expect_fits_proto(graph);
}

void SavedModelBuilder::add(const Graph& graph, const Collections& collections, const std::vector<std::string>& tags,
                            const Signatures& signatures, const SavedGraphOptions& options) {
  pb::MetaGraphDef meta = export_meta_graph(graph, collections);
  for (const std::string& tag : tags) meta.mutable_meta_info_def()->add_tags(tag);
  if (options.clear_devices) {
    for (pb::NodeDef& node : *meta.mutable_graph_def()->mutable_node()) node.clear_device();
  }
  for (const auto& [name, signature] : signatures) {
    pb::SignatureDef& def = (*meta.mutable_signature_def())[name];
    def.set_method_name(signature.method);
    for (const auto& [key, tensor] : signature.inputs) (*def.mutable_inputs())[key] = tensor_info(tensor);
    for (const auto& [key, tensor] : signature.outputs) (*def.mutable_outputs())[key] = tensor_info(tensor);
  }
  if (!options.main_op.empty())
    (*meta.mutable_collection_def())[std::string(kMainOp)].mutable_node_list()->add_value(options.main_op);
  if (rep_->saver && graph.find_node(rep_->saver->restore_op).ok()) {
    pb::SaverDef& def = *meta.mutable_saver_def();
    def.set_filename_tensor_name(rep_->saver->filename_tensor);
    def.set_save_tensor_name(rep_->saver->save_tensor);
    def.set_restore_op_name(rep_->saver->restore_op);
    def.set_version(pb::SaverDef::V2);
  }
  *rep_->model.add_meta_graphs() = std::move(meta);
}

Result<std::string> SavedModelBuilder::Save(bool as_text) {
  if (rep_ == nullptr || rep_->model.meta_graphs_size() == 0)
    return failed_precondition("the SavedModel ", quoted(dir_), " has no graph yet");
  if (size_t size = rep_->model.ByteSizeLong(); size > kMostBytes)
    return resource_exhausted("the SavedModel's graphs take ", size, " bytes; a file of them has at most ", kMostBytes);
  TARN_RETURN_IF_ERROR(make_dirs(dir_));
  std::string path = path_join(dir_, as_text ? "saved_model.pbtxt" : "saved_model.pb");
  TARN_RETURN_IF_ERROR(write_file_atomically(path, as_text ? to_pbtxt(rep_->model) : serialize(rep_->model)));
  return path;
}

Status initialize_saved_model(const AnyGraph& any, Session& session, std::vector<std::string>& notes) {
  const Graph& graph = session.graph();
  if (!any.checkpoint.empty()) {
    TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(any.checkpoint));
    std::string restore_op = any.saver ? any.saver->restore_op : "";
    TARN_RETURN_IF_ERROR(restore_variables(graph, checkpoint, {.restore_op = restore_op}, session));
  }
  if (any.init_op.empty()) return {};
  if (!graph.find_node(any.init_op).ok()) {
    notes.push_back(str_cat("the initializer ", quoted(any.init_op), " is not in the graph: tables stay empty"));
    return {};
  }
  std::vector<Session::Feed> feeds;
  for (const MetaGraph::Asset& asset : any.assets) {
    if (graph.find_wire(asset.tensor).ok())
      feeds.emplace_back(asset.tensor, Tensor::scalar<std::string>(asset.filename));
  }
  session.allow_checkpoint_writes(false);
  Status status = session.Run(feeds, {}, {any.init_op}, nullptr);
  session.allow_checkpoint_writes(true);
  if (status.code() == Code::kUnimplemented) {
    notes.push_back(str_cat("the initializer ", quoted(any.init_op), " was not run: ", status.message()));
    return {};
  }
  return status.with_context(str_cat("the SavedModel's initializer ", quoted(any.init_op)));
}

Result<SavedModel> LoadSavedModel(const std::string& path, const std::vector<std::string>& tags,
                                  const SessionOptions& options) {
  ReadOptions read;
  read.allow_unknown_ops = true;  // those that no signature needs are no trouble
  read.tags = tags;
  TARN_ASSIGN_OR_RETURN(AnyGraph any, read_any_graph(path, read));
  std::vector<NodeId> targets;
  for (const auto& [name, signature] : any.signatures) {
    for (const auto& [key, tensor] : signature.outputs) {
      if (Result<NodeId> id = any.graph.find_node(tensor.name); id.ok()) targets.push_back(*id);
    }
  }
  if (calls_functions(any.graph, any.graph.ids())) {
    TARN_ASSIGN_OR_RETURN(any.graph, inline_functions(any.graph, targets));
  }
  SavedModel model;
  model.graph = std::make_shared<const Graph>(std::move(any.graph));
  model.session = std::make_unique<Session>(model.graph, options);
  model.signatures = any.signatures;
  model.tags = any.tags;
  model.notes = any.notes;
  TARN_RETURN_IF_ERROR(initialize_saved_model(any, *model.session, model.notes).with_context(path));
  return model;
}

Result<std::map<std::string, Tensor>> SavedModel::Predict(const std::string& name,
                                                          const std::map<std::string, Tensor>& inputs) const {
  auto found = signatures.find(name);
  if (found == signatures.end()) {
    std::vector<std::string> names;
    for (const auto& [other, signature] : signatures) names.push_back(other);
    return not_found("the SavedModel has no signature ", quoted(name), "; there are: ", str_join(names));
  }
  const Signature& signature = found->second;
  std::vector<std::string> known;
  for (const auto& [key, tensor] : signature.inputs) known.push_back(key);
  Problems problems;
  std::vector<Session::Feed> feeds;
  for (const auto& [key, value] : inputs) {
    auto input = signature.inputs.find(key);
    if (input == signature.inputs.end()) {
      problems.add(not_found("signature ", quoted(name), " has no input ", quoted(key), did_you_mean(key, known)));
      continue;
    }
    feeds.emplace_back(input->second.name, value);
  }
  for (const std::string& key : known) {
    if (!inputs.contains(key))
      problems.add(invalid_argument("input ", quoted(key), " of signature ", quoted(name), " is not given"));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  std::vector<std::string> keys, fetches;
  for (const auto& [key, tensor] : signature.outputs) {
    keys.push_back(key);
    fetches.push_back(tensor.name);
  }
  std::vector<Tensor> outputs;
  TARN_RETURN_IF_ERROR(session->Run(feeds, fetches, &outputs));
  std::map<std::string, Tensor> results;
  for (size_t i = 0; i < keys.size(); ++i) results.emplace(keys[i], outputs[i]);
  return results;
}

}  // namespace tarn
