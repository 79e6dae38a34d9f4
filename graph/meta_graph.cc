#include "graph/meta_graph.h"

#include <algorithm>
#include <map>

#include "graph/graph_def.h"
#include "graph/tensor_proto.h"
#include "proto/variable.pb.h"

namespace tarn {
namespace {

pb::OpDef::ArgDef arg_to_proto(const ArgSpec& arg) {
  pb::OpDef::ArgDef def;
  def.set_name(std::string(arg.name));
  if (arg.dtype != DType::kInvalid) def.set_type(dtype_to_proto(arg.dtype));
  def.set_type_attr(std::string(arg.type_attr));
  def.set_type_list_attr(std::string(arg.type_list_attr));
  def.set_number_attr(std::string(arg.number_attr));
  def.set_is_ref(arg.is_ref);
  return def;
}

pb::OpDef::AttrDef attr_def(const AttrSpec& attr) {
  pb::OpDef::AttrDef def;
  def.set_name(std::string(attr.name));
  def.set_type(std::string(attr.kind));
  if (attr.has_default) *def.mutable_default_value() = attr_to_proto(attr.default_value);
  for (DType dtype : attr.allowed_types) def.mutable_allowed_values()->mutable_list()->add_type(dtype_to_proto(dtype));
  for (std::string_view text : attr.allowed_strings)
    def.mutable_allowed_values()->mutable_list()->add_s(std::string(text));
  def.set_has_minimum(attr.minimum.has_value());
  def.set_minimum(attr.minimum.value_or(0));
  return def;
}

// "split" -> "split:0"; "split:1" stays.
std::string with_slot(const std::string& node) {
  return node.empty() || node.find(':') != std::string::npos ? node : node + ":0";
}

std::string variable_bytes(const VariableRecord& record) {
  pb::VariableDef def;
  def.set_variable_name(with_slot(record.variable));
  def.set_initializer_name(record.initializer);
  def.set_snapshot_name(with_slot(record.snapshot));
  def.set_initial_value_name(with_slot(record.initial_value));
  def.set_trainable(record.trainable);
  def.set_is_resource(record.is_resource);
  return serialize(def);
}

// Tensors in a node list have a slot, operations none: TensorFlow gives back what the name says.
bool holds_tensors(std::string_view collection) {
  return collection == kLosses || collection == kUpdateOps;
}

void add_collections(const Graph& graph, const Collections& collections, pb::MetaGraphDef& meta) {
  auto& out = *meta.mutable_collection_def();
  auto add_variable = [&](std::string_view collection, const VariableRecord& record) {
    out[std::string(collection)].mutable_bytes_list()->add_value(variable_bytes(record));
  };
  for (const VariableRecord& record : collections.variables()) {
    add_variable(kGlobalVariables, record);
    if (record.trainable) add_variable(kTrainableVariables, record);
  }
  for (const auto& [collection, names] : collections.node_collections()) {
    for (const std::string& name : names) {
      if (holds_variables(collection)) {
        const VariableRecord* record = collections.find_variable(name);
        if (record != nullptr) add_variable(collection, *record);
        continue;
      }
      std::optional<NodeId> id = graph.find(name);
      bool is_tensor = holds_tensors(collection) && id && !graph.node(*id).outputs.empty();
      out[collection].mutable_node_list()->add_value(is_tensor ? with_slot(name) : name);
    }
  }
}

}  // namespace

pb::OpDef op_to_proto(const OpRegistry::Op& op) {
  pb::OpDef def;
  def.set_name(std::string(op.def->name));
  for (const ArgSpec& arg : op.schema.inputs()) *def.add_input_arg() = arg_to_proto(arg);
  for (const ArgSpec& arg : op.schema.outputs()) *def.add_output_arg() = arg_to_proto(arg);
  for (const AttrSpec& attr : op.schema.attrs()) *def.add_attr() = attr_def(attr);
  def.set_is_commutative((op.def->traits & kCommutative) != 0);
  def.set_is_aggregate((op.def->traits & kAggregate) != 0);
  auto is_resource = [](const ArgSpec& arg) { return arg.dtype == DType::kResource; };
  bool has_resources = std::any_of(op.schema.inputs().begin(), op.schema.inputs().end(), is_resource);
  def.set_is_stateful(has_resources || (op.def->traits & kStateful) != 0);  // TensorFlow's op_def_builder has it so
  def.set_allows_uninitialized_input((op.def->traits & kUninitializedOk) != 0);
  return def;
}

pb::MetaGraphDef export_meta_graph(const Graph& graph, const Collections& collections) {
  pb::MetaGraphDef meta;
  *meta.mutable_graph_def() = export_graph_def(graph);
  std::map<std::string_view, const OpRegistry::Op*> used;
  for (pb::NodeDef& node : *meta.mutable_graph_def()->mutable_node()) {
    const Node& from = graph.node(*graph.find(node.name()));
    if (from.def != nullptr) used.emplace(from.op, from.def);
    if (from.outputs.empty()) continue;
    auto* shapes = (*node.mutable_attr())["_output_shapes"].mutable_list();
    shapes->clear_shape();
    // TensorFlow refuses a shape that contradicts its own inference, which takes some handles for vectors
    // (TensorArrayV3) though its kernels make scalars.
    for (const Fact& fact : from.outputs)
      *shapes->add_shape() = shape_to_proto(fact.dtype == DType::kResource ? Shape::unknown() : fact.shape);
  }
  for (const auto& [name, op] : used)
    *meta.mutable_meta_info_def()->mutable_stripped_op_list()->add_op() = op_to_proto(*op);
  add_collections(graph, collections, meta);
  return meta;
}

}  // namespace tarn
