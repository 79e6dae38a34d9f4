// Reading a MetaGraphDef, alone (.meta) or in a SavedModel.
#include <algorithm>
#include <map>

#include "graph/proto_io.h"
#include "graph/read_model.h"
#include "graph/tensor_proto.h"
#include "proto/variable.pb.h"

namespace tarn {
namespace {

constexpr std::string_view kInitSignature = "__saved_model_init_op";
// Signatures that name an op to be run, not what a model is asked for.
constexpr std::string_view kTrainSignature = "__saved_model_train_op";

// "conv1/kernel:0" -> "conv1/kernel".
std::string without_slot(const std::string& name) {
  return name.ends_with(":0") ? name.substr(0, name.size() - 2) : name;
}

Result<std::vector<VariableRecord>> variables_of(const pb::CollectionDef& collection) {
  std::vector<VariableRecord> records;
  for (const std::string& bytes : collection.bytes_list().value()) {
    pb::VariableDef def;
    TARN_RETURN_IF_ERROR(parse_binary(bytes, {}, def).with_context(str_cat("VariableDef ", records.size())));
    records.push_back({.variable = without_slot(def.variable_name()),
                       .initializer = without_slot(def.initializer_name()),
                       .snapshot = without_slot(def.snapshot_name()),
                       .initial_value = without_slot(def.initial_value_name()),
                       .trainable = false,
                       .is_resource = def.is_resource()});
  }
  return records;
}

Result<Collections> collections_of(const pb::MetaGraphDef& meta) {
  Collections collections;
  std::vector<std::string> trainable;
  if (auto found = meta.collection_def().find(std::string(kTrainableVariables)); found != meta.collection_def().end()) {
    TARN_ASSIGN_OR_RETURN(std::vector<VariableRecord> records, variables_of(found->second));
    for (VariableRecord& record : records) trainable.push_back(std::move(record.variable));
  }
  std::sort(trainable.begin(), trainable.end());
  for (const auto& [name, collection] : meta.collection_def()) {
    if (name == kTrainableVariables) continue;
    for (const std::string& node : collection.node_list().value()) collections.add_node(name, without_slot(node));
    if (name != kGlobalVariables && !holds_variables(name)) continue;
    Result<std::vector<VariableRecord>> records = variables_of(collection);
    if (!records.ok()) return records.status().with_context(str_cat("collection ", quoted(name)));
    for (VariableRecord& record : *records) {
      record.trainable = std::binary_search(trainable.begin(), trainable.end(), record.variable);
      if (holds_variables(name)) {
        collections.add_node(name, record.variable);
      } else {
        collections.add_variable(std::move(record));
      }
    }
  }
  return collections;
}

// TensorFlow's newer op versions add attrs; the file says with which defaults.
void drop_producer_defaults(pb::MetaGraphDef& meta, const OpRegistry& ops) {
  std::map<std::string_view, std::vector<std::pair<std::string, std::string>>> defaults;  // by op: attr, value
  for (const pb::OpDef& op : meta.meta_info_def().stripped_op_list().op()) {
    const OpRegistry::Op* ours = ops.find(op.name());
    if (ours == nullptr) continue;
    for (const pb::OpDef::AttrDef& attr : op.attr()) {
      if (attr.has_default_value() && ours->schema.find_attr(attr.name()) == nullptr)
        defaults[op.name()].emplace_back(attr.name(), serialize(attr.default_value()));
    }
  }
  for (pb::NodeDef& node : *meta.mutable_graph_def()->mutable_node()) {
    auto of_op = defaults.find(node.op());
    if (of_op == defaults.end()) continue;
    for (const auto& [attr, value] : of_op->second) {
      auto found = node.attr().find(attr);
      if (found != node.attr().end() && serialize(found->second) == value) node.mutable_attr()->erase(attr);
    }
  }
}

// "predict/x" of what cannot be told is left out: a signature is a description, not the graph.
SignatureTensor signature_tensor(const pb::TensorInfo& info) {
  SignatureTensor tensor;
  tensor.name = info.name();
  Result<DType> dtype = dtype_from_proto(info.dtype());
  if (dtype.ok()) tensor.dtype = *dtype;
  Result<Shape> shape = shape_from_proto(info.tensor_shape());
  if (shape.ok() && info.has_tensor_shape()) tensor.shape = *shape;
  return tensor;
}

Signatures signatures_of(const pb::MetaGraphDef& meta) {
  Signatures signatures;
  for (const auto& [name, def] : meta.signature_def()) {
    if (name == kInitSignature || name == kTrainSignature) continue;
    Signature& signature = signatures[name];
    signature.method = def.method_name();
    for (const auto& [key, info] : def.inputs()) signature.inputs[key] = signature_tensor(info);
    for (const auto& [key, info] : def.outputs()) signature.outputs[key] = signature_tensor(info);
  }
  return signatures;
}

// The one node that a collection names, without its slot; "" if there is none.
std::string only_node(const pb::MetaGraphDef& meta, const char* collection) {
  auto found = meta.collection_def().find(collection);
  if (found == meta.collection_def().end() || found->second.node_list().value_size() != 1) return {};
  return without_slot(found->second.node_list().value(0));
}

// TensorFlow 2 has a signature for it; before that it was a collection, under two names.
std::string init_op_of(const pb::MetaGraphDef& meta) {
  auto signature = meta.signature_def().find(std::string(kInitSignature));
  if (signature != meta.signature_def().end() && signature->second.outputs_size() == 1)
    return without_slot(signature->second.outputs().begin()->second.name());
  for (const char* collection : {"saved_model_main_op", "legacy_init_op"}) {
    if (std::string node = only_node(meta, collection); !node.empty()) return node;
  }
  return {};
}

}  // namespace

Result<MetaGraph> import_meta_graph(pb::MetaGraphDef& def, const std::string& source, const ReadOptions& options) {
  const OpRegistry& ops = options.ops != nullptr ? *options.ops : all_ops();
  drop_producer_defaults(def, ops);
  MetaGraph meta;
  TARN_ASSIGN_OR_RETURN(meta.graph, import_graph_def(def.graph_def(), import_options(source, options, &meta.notes)));
  Result<Collections> collections = collections_of(def);
  if (!collections.ok()) return collections.status().with_context(source);
  meta.collections = *std::move(collections);
  if (def.has_saver_def()) {
    const pb::SaverDef& saver = def.saver_def();
    meta.saver = {saver.filename_tensor_name(), saver.save_tensor_name(), saver.restore_op_name(),
                  saver.version() == pb::SaverDef::V2 ? 2 : 1};
  }
  meta.signatures = signatures_of(def);
  for (const pb::AssetFileDef& asset : def.asset_file_def())
    meta.assets.push_back({asset.tensor_info().name(), asset.filename()});
  // Where TensorFlow 1.x keeps them.
  if (auto kept = def.collection_def().find("saved_model_assets");
      meta.assets.empty() && kept != def.collection_def().end()) {
    for (const google::protobuf::Any& packed : kept->second.any_list().value()) {
      if (pb::AssetFileDef asset; packed.type_url().ends_with("AssetFileDef") && asset.ParseFromString(packed.value()))
        meta.assets.push_back({asset.tensor_info().name(), asset.filename()});
    }
  }
  meta.init_op = init_op_of(def);
  meta.tags.assign(def.meta_info_def().tags().begin(), def.meta_info_def().tags().end());
  meta.tensorflow_version = def.meta_info_def().tensorflow_version();
  return meta;
}

Result<MetaGraph> parse_meta_graph(std::string bytes, const std::string& source, const ReadOptions& options) {
  pb::MetaGraphDef def;
  TARN_RETURN_IF_ERROR(
      parse_proto(bytes, {.max_bytes = options.max_bytes, .scan = scan_limits(options)}, def).with_context(source));
  return import_meta_graph(def, source, options);
}

Result<MetaGraph> read_meta_graph(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(path, options));
  return parse_meta_graph(std::move(bytes), path, options);
}

}  // namespace tarn
