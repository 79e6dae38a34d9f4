#include "graph/graph_io.h"

#include <algorithm>
#include <map>

#include "core/file.h"
#include "graph/file_kind.h"
#include "graph/graph_def.h"
#include "graph/proto_io.h"
#include "graph/text.h"
#include "proto/meta_graph.pb.h"
#include "proto/variable.pb.h"

namespace tarn {
namespace {

constexpr size_t kMostProtoBytes = (size_t{2} << 30) - 1;

ImportOptions import_options(const std::string& source, const ReadOptions& options) {
  ImportOptions import;
  import.source = source;
  import.allow_unknown_ops = options.allow_unknown_ops;
  import.ops = options.ops;
  import.max_nodes = options.max_nodes;
  return import;
}

ScanLimits scan_limits(const ReadOptions& options) {
  ScanLimits limits;
  limits.max_nodes = options.max_nodes;
  return limits;
}

Status parse_graph_def(std::string bytes, FileKind kind, const ReadOptions& options, pb::GraphDef& def) {
  if (kind == FileKind::kGraphPbtxt) return parse_pbtxt(bytes, def);
  if (kind != FileKind::kBinaryProto) return wrong_file(bytes, "a GraphDef", {});
  Status status = parse_binary(bytes, scan_limits(options), def);
  bool may_be_another = !status.ok() && status.code() != Code::kResourceExhausted;
  return !may_be_another ? status : wrong_file(bytes, "a GraphDef", status);
}

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

bool has_extension(std::string_view path, std::initializer_list<std::string_view> extensions) {
  return std::any_of(extensions.begin(), extensions.end(), [&](std::string_view e) { return path.ends_with(e); });
}

GraphFormat format_of(std::string_view path) {
  if (has_extension(path, {".pbtxt", ".prototxt"})) return GraphFormat::kPbtxt;
  if (has_extension(path, {".txt", ".graph"})) return GraphFormat::kText;
  return GraphFormat::kBinary;
}

Result<std::string> read_model_file(const std::string& path, const ReadOptions& options) {
  Result<std::string> bytes = read_file(path, options.max_bytes);
  if (!bytes.ok()) return Status(bytes.status().code(), str_cat(bytes.status().message(), path_hint(path)));
  return bytes;
}

}  // namespace

Result<Graph> read_graph(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(path, options));
  return parse_graph(std::move(bytes), path, options);
}

Result<MetaGraph> read_meta_graph(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(path, options));
  return parse_meta_graph(std::move(bytes), path, options);
}

Result<AnyGraph> read_any_graph(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(path, options));
  return parse_any_graph(std::move(bytes), path, options);
}

Result<AnyGraph> parse_any_graph(std::string bytes, const std::string& path, const ReadOptions& options) {
  FileKind kind = sniff(bytes).kind;
  bool is_meta = kind == FileKind::kMetaGraphPbtxt;
  if (kind == FileKind::kBinaryProto) {
    // The bytes of the one hardly ever scan as the other: their nested messages differ from the first node on.
    is_meta = !scan_wire(bytes, *pb::GraphDef::descriptor(), scan_limits(options)).ok() &&
              scan_wire(bytes, *pb::MetaGraphDef::descriptor(), scan_limits(options)).ok();
  }
  AnyGraph any;
  if (!is_meta) {
    TARN_ASSIGN_OR_RETURN(any.graph, parse_graph(std::move(bytes), path, options));
    return any;
  }
  TARN_ASSIGN_OR_RETURN(MetaGraph meta, parse_meta_graph(std::move(bytes), path, options));
  any.graph = std::move(meta.graph);
  any.saver = std::move(meta.saver);
  any.is_meta_graph = true;
  return any;
}

Result<Graph> parse_graph(std::string bytes, const std::string& source, const ReadOptions& options) {
  FileKind kind = sniff(bytes).kind;
  if (kind == FileKind::kTarnText) {
    TextReadOptions text;
    text.source = source;
    text.allow_unknown_ops = options.allow_unknown_ops;
    text.ops = options.ops;
    text.max_nodes = options.max_nodes;
    return graph_from_text(bytes, text);
  }
  pb::GraphDef def;
  Status status = parse_graph_def(std::move(bytes), kind, options, def);
  if (!status.ok()) return status.with_context(source);
  return import_graph_def(def, import_options(source, options));
}

Result<MetaGraph> parse_meta_graph(std::string bytes, const std::string& source, const ReadOptions& options) {
  pb::MetaGraphDef def;
  TARN_RETURN_IF_ERROR(
      parse_proto(bytes, {.max_bytes = options.max_bytes, .scan = scan_limits(options)}, def).with_context(source));
  const OpRegistry& ops = options.ops != nullptr ? *options.ops : all_ops();
  drop_producer_defaults(def, ops);
  MetaGraph meta;
  TARN_ASSIGN_OR_RETURN(meta.graph, import_graph_def(def.graph_def(), import_options(source, options)));
  Result<Collections> collections = collections_of(def);
  if (!collections.ok()) return collections.status().with_context(source);
  meta.collections = *std::move(collections);
  if (def.has_saver_def()) {
    const pb::SaverDef& saver = def.saver_def();
    meta.saver = {saver.filename_tensor_name(), saver.save_tensor_name(), saver.restore_op_name(),
                  saver.version() == pb::SaverDef::V2 ? 2 : 1};
  }
  meta.tags.assign(def.meta_info_def().tags().begin(), def.meta_info_def().tags().end());
  meta.tensorflow_version = def.meta_info_def().tensorflow_version();
  return meta;
}

Result<std::string> graph_bytes(const Graph& graph, GraphFormat format) {
  if (format == GraphFormat::kText) return graph_to_text(graph);
  pb::GraphDef def = export_graph_def(graph);
  if (format == GraphFormat::kPbtxt) return to_pbtxt(def);
  if (size_t size = def.ByteSizeLong(); size > kMostProtoBytes) {
    return resource_exhausted("the graph takes ", size, " bytes; a GraphDef has at most ", kMostProtoBytes);
  }
  return serialize(def);
}

Status write_graph(const Graph& graph, const std::string& path, GraphFormat format) {
  Result<std::string> bytes = graph_bytes(graph, format == GraphFormat::kByExtension ? format_of(path) : format);
  if (!bytes.ok()) return bytes.status().with_context(path);
  return write_file_atomically(path, *bytes);
}

Result<std::string> WriteGraph(const Graph& graph, const std::string& dir, const std::string& name,
                               std::optional<bool> as_text) {
  std::string path = path_join(dir, name);
  TARN_RETURN_IF_ERROR(make_dirs(path_dir(path)));
  GraphFormat format = format_of(path);
  if (as_text) format = *as_text ? GraphFormat::kPbtxt : GraphFormat::kBinary;
  TARN_RETURN_IF_ERROR(write_graph(graph, path, format));
  return path;
}

}  // namespace tarn
