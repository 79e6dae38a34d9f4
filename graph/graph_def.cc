#include "graph/graph_def.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <map>

#include "core/graph_version.h"
#include "core/newer_attrs.h"
#include "graph/assemble.h"

namespace tarn {
namespace {

constexpr int kMostAttrs = 1000;  // of a node

struct AttrOfOp {
  std::string_view op, attr;  // op "": of any op
};

// Attrs that ops got after their first release; readers older than that refuse the file over them.
constexpr AttrOfOp kNewerAttrs[] = {
    {"", "dilations"},
    {"", "explicit_paddings"},
    {"", "half_pixel_centers"},
    {"", "incompatible_shape_error"},
    {"", "exponential_avg_factor"},
    {"", "batch_dims"},
    {"Cast", "Truncate"},
    {"ArgMax", "output_type"},
    {"ArgMin", "output_type"},
    {"Fill", "index_type"},
    {"Dequantize", "narrow_range"},
    {"Dequantize", "axis"},
    {"Dequantize", "dtype"},
    {"QuantizeV2", "narrow_range"},
    {"QuantizeV2", "axis"},
    {"QuantizeV2", "round_mode"},
    {"QuantizeV2", "ensure_minimum_range"},
    {"QuantizeAndDequantizeV2", "round_mode"},
    {"QuantizeAndDequantizeV2", "narrow_range"},
    {"QuantizeAndDequantizeV2", "axis"},
    {"VarHandleOp", "allowed_devices"},
    {"VarHandleOp", "debug_name"},
    {"AssignVariableOp", "validate_shape"},
    {"MatMul", "grad_a"},
    {"MatMul", "grad_b"},
    {"BatchMatMulV2", "grad_x"},
    {"BatchMatMulV2", "grad_y"},
};

// Ops that readers refuse once the producer version is known to be 27 or later.
constexpr std::string_view kDeprecatedOps[] = {"AdjustContrast",
                                               "BatchFFT",
                                               "BatchFFT2D",
                                               "BatchFFT3D",
                                               "BatchIFFT",
                                               "BatchIFFT2D",
                                               "BatchIFFT3D",
                                               "BatchCholesky",
                                               "BatchCholeskyGrad",
                                               "BatchMatrixBandPart",
                                               "BatchMatrixDeterminant",
                                               "BatchMatrixDiag",
                                               "BatchMatrixDiagPart",
                                               "BatchMatrixInverse",
                                               "BatchMatrixSetDiag",
                                               "BatchMatrixSolve",
                                               "BatchMatrixSolveLs",
                                               "BatchMatrixTriangularSolve",
                                               "BatchNormWithGlobalNormalization",
                                               "BatchNormWithGlobalNormalizationGrad",
                                               "BatchSelfAdjointEig",
                                               "BatchSelfAdjointEigV2",
                                               "BatchSvd",
                                               "RandomCrop",
                                               "SelfAdjointEig",
                                               "TensorArray",
                                               "TensorArrayClose",
                                               "TensorArrayCloseV2",
                                               "TensorArrayConcat",
                                               "TensorArrayConcatV2",
                                               "TensorArrayGather",
                                               "TensorArrayGatherV2",
                                               "TensorArrayGrad",
                                               "TensorArrayGradV2",
                                               "TensorArrayPack",
                                               "TensorArrayRead",
                                               "TensorArrayReadV2",
                                               "TensorArrayScatter",
                                               "TensorArrayScatterV2",
                                               "TensorArraySize",
                                               "TensorArraySizeV2",
                                               "TensorArraySplit",
                                               "TensorArraySplitV2",
                                               "TensorArrayUnpack",
                                               "TensorArrayV2",
                                               "TensorArrayWrite",
                                               "TensorArrayWriteV2"};

Result<Versions> import_versions(const pb::GraphDef& def) {
  Versions versions;
  versions.producer = def.has_versions() ? def.versions().producer() : def.version();
  versions.min_consumer = def.versions().min_consumer();
  versions.bad_consumers.assign(def.versions().bad_consumers().begin(), def.versions().bad_consumers().end());
  TARN_RETURN_IF_ERROR(check_graph_versions(versions.producer, versions.min_consumer, versions.bad_consumers));
  return versions;
}

class Importer {
 public:
  Importer(const pb::GraphDef& def, const ImportOptions& options)
      : def_(def), options_(options), tensor_bytes_(options.max_tensor_bytes) {}

  Result<Graph> run() {
    if (def_.node_size() > options_.max_nodes) {
      return resource_exhausted("the graph has ", def_.node_size(), " nodes; the limit is ", options_.max_nodes)
          .with_context(options_.source);
    }
    Result<Versions> versions = import_versions(def_);
    if (!versions.ok()) return versions.status().with_context(options_.source);

    AssembleOptions assemble;
    assemble.ops = options_.ops;
    assemble.allow_unknown_ops = options_.allow_unknown_ops;
    assemble.place = [](int node, int) { return str_cat("node ", node); };
    for (const pb::FunctionDef& function : def_.library().function()) {
      assemble.functions.insert(function.signature().name());
    }
    std::vector<NodeRecord> records(static_cast<size_t>(def_.node_size()));
    for (int i = 0; i < def_.node_size(); ++i) {
      records[static_cast<size_t>(i)] = import_node(i, def_.node(i), versions->producer);
    }
    Graph graph = assemble_graph(std::move(records), assemble, problems_);
    TARN_RETURN_IF_ERROR(problems_.to_status(options_.source));
    graph.versions = *std::move(versions);
    if (def_.has_library()) graph.library = serialize(def_.library());
    graph.model_info = def_.model_info();
    if (options_.notes != nullptr) add_notes();
    return graph;
  }

 private:
  NodeRecord import_node(int index, const pb::NodeDef& def, int producer) {
    NodeRecord node{.name = def.name(), .op = def.op(), .device = def.device()};
    node.inputs.assign(def.input().begin(), def.input().end());
    if (def.attr_size() > kMostAttrs) {
      report(index, def, resource_exhausted(def.attr_size(), " attrs; the limit is ", kMostAttrs));
      node.is_broken = true;
      return node;
    }
    std::vector<std::string_view> names;  // sorted: messages are the same each time
    for (const auto& entry : def.attr()) names.push_back(entry.first);
    std::sort(names.begin(), names.end());
    for (std::string_view name : names) {
      Result<AttrValue> value =
          attr_from_proto(def.attr().at(std::string(name)), options_.max_attr_depth, tensor_bytes_);
      if (!value.ok()) {
        node.is_broken = true;
        report(index, def, value.status().with_context(str_cat("attr ", quoted(name))));
        continue;
      }
      note_unknown(node.op, name, *value);
      node.attrs.set(name, *std::move(value));
    }
    if (producer <= kLastProducerWithVagueShapes && node.op == "Placeholder") {
      const AttrValue* shape = node.attrs.find("shape");
      if (shape != nullptr && shape->is<Shape>() && shape->as<Shape>().is_scalar())
        node.attrs.set("shape", Shape::unknown());
    }
    return node;
  }

  // Attrs of newer writers that say what was always done: core/op_schema drops them.
  void note_unknown(std::string_view op, std::string_view attr, const AttrValue& value) {
    if (options_.notes == nullptr || attr.starts_with("_")) return;
    const OpRegistry::Op* def = (options_.ops != nullptr ? *options_.ops : all_ops()).find(op);
    if (def != nullptr && def->schema.find_attr(attr) == nullptr && says_as_always(op, attr, value))
      ++ignored_[{std::string(op), std::string(attr)}];
  }
  void add_notes() {
    for (const auto& [what, count] : ignored_) {
      const NewerAttr* newer = find_newer_attr(what.first, what.second);
      options_.notes->push_back(str_cat("attr '", what.second, "' of ", count, " ", what.first,
                                        count == 1 ? " node" : " nodes",
                                        newer != nullptr ? str_cat(" (new in TensorFlow ", newer->version, ")") : "",
                                        " has its default and is ignored"));
    }
  }

  void report(int index, const pb::NodeDef& def, const Status& status) {
    std::string label = node_label(def.op(), def.name());
    problems_.add(status.with_context(str_cat("node ", index, ": ", label)).with_node(def.name()));
  }

  const pb::GraphDef& def_;
  const ImportOptions& options_;
  Problems problems_;
  int64_t tensor_bytes_;
  std::map<std::pair<std::string, std::string>, int> ignored_;  // by op and attr: nodes
};

bool is_newer_attr(std::string_view op, std::string_view attr) {
  return std::any_of(std::begin(kNewerAttrs), std::end(kNewerAttrs),
                     [&](const AttrOfOp& row) { return row.attr == attr && (row.op.empty() || row.op == op); });
}

bool is_left_out(const Node& node, const std::string& name, const AttrValue& value, ExportOptions::Defaults defaults) {
  if (node.def == nullptr || defaults == ExportOptions::Defaults::kKeep) return false;
  const AttrSpec* spec = node.def->schema.find_attr(name);
  if (spec == nullptr || !spec->has_default || !(value == spec->default_value)) return false;
  if (is_newer_attr(node.op, name)) return true;
  bool holds_dtypes = spec->kind == "type" || spec->kind == "list(type)";
  return defaults == ExportOptions::Defaults::kDropAll && !holds_dtypes;
}

bool has_deprecated_op(const Graph& graph) {
  std::vector<NodeId> ids = graph.ids();
  return std::any_of(ids.begin(), ids.end(), [&](NodeId id) {
    return std::find(std::begin(kDeprecatedOps), std::end(kDeprecatedOps), graph.node(id).op) !=
           std::end(kDeprecatedOps);
  });
}

void export_versions(const Graph& graph, const ExportOptions& options, pb::GraphDef& def) {
  int producer = graph.versions.producer;
  if (producer == 0 && !has_deprecated_op(graph)) producer = options.producer;
  if (producer == 0 && graph.versions.min_consumer == 0 && graph.versions.bad_consumers.empty()) return;
  def.mutable_versions()->set_producer(producer);
  def.mutable_versions()->set_min_consumer(graph.versions.min_consumer);
  for (int version : graph.versions.bad_consumers) def.mutable_versions()->add_bad_consumers(version);
}

}  // namespace

Result<Graph> import_graph_def(const pb::GraphDef& def, const ImportOptions& options) {
  return Importer(def, options).run();
}

Status expect_fits_proto(const Graph& graph) {
  constexpr uint64_t kMost = (uint64_t{2} << 30) - 1;
  uint64_t total = 0;
  std::vector<std::pair<uint64_t, NodeId>> sizes;
  for (NodeId id : graph.ids()) {
    uint64_t bytes = 0;
    for (const auto& [name, value] : graph.node(id).attrs) {
      if (value.is<Tensor>()) bytes += value.as<Tensor>().byte_size();
    }
    if (bytes == 0) continue;
    total += bytes;
    sizes.emplace_back(bytes, id);
  }
  if (total <= kMost) return {};
  size_t shown = std::min<size_t>(3, sizes.size());
  std::partial_sort(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(shown), sizes.end(), std::greater<>());
  std::vector<std::string> largest;
  for (size_t i = 0; i < shown; ++i) {
    largest.push_back(str_cat(quoted(graph.node(sizes[i].second).name), " with ", sizes[i].first));
  }
  return resource_exhausted("the graph's constants have ", total, " bytes, but a file holds at most ", kMost,
                            "; the largest: ", str_join(largest));
}

pb::NodeDef export_node_def(const Graph& graph, NodeId id, const ExportOptions& options, std::string_view but_attr) {
  const Node& node = graph.node(id);
  pb::NodeDef out;
  out.set_name(node.name);
  out.set_op(node.op);
  out.set_device(node.device);
  for (Wire wire : node.inputs) {
    if (!wire.is_none()) out.add_input(graph.wire_name(wire));
  }
  for (NodeId control : node.controls) out.add_input("^" + graph.node(control).name);
  for (const auto& [name, value] : node.attrs) {
    if (name != but_attr && !is_left_out(node, name, value, options.defaults))
      (*out.mutable_attr())[name] = attr_to_proto(value);
  }
  return out;
}

pb::GraphDef export_without_nodes(const Graph& graph, const ExportOptions& options) {
  pb::GraphDef def;
  if (!graph.library.empty()) def.mutable_library()->ParseFromString(graph.library);
  export_versions(graph, options, def);
  def.set_model_info(graph.model_info);
  return def;
}

pb::GraphDef export_graph_def(const Graph& graph, const ExportOptions& options) {
  pb::GraphDef def = export_without_nodes(graph, options);
  def.mutable_node()->Reserve(graph.node_count());
  for (NodeId id : graph.ids()) *def.add_node() = export_node_def(graph, id, options);
  return def;
}

std::string serialize(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace tarn
