#include <algorithm>

#include "graph/text_values.h"

namespace tarn {
namespace {

constexpr std::string_view kConstantWords[] = {"zeros", "fill",  "random", "base64", "hex",
                                               "true",  "false", "inf",    "nan"};

// An op's name as it is, or quoted where it would be taken for something else.
std::string op_text(std::string_view op) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  bool is_plain = !op.empty() && std::all_of(op.begin(), op.end(), plain) && !(op[0] >= '0' && op[0] <= '9') &&
                  std::find(std::begin(kConstantWords), std::end(kConstantWords), op) == std::end(kConstantWords);
  return is_plain ? std::string(op) : escaped(op);
}

std::string types_text(const std::vector<Fact>& outputs) {
  if (outputs.size() == 1) return type_text(outputs[0]);
  std::string out = "(";
  for (size_t i = 0; i < outputs.size(); ++i) str_append(out, i > 0 ? ", " : "", type_text(outputs[i]));
  return out + ")";
}

class NodeWriter {
 public:
  NodeWriter(const Graph& graph, const Node& node, const TextWriteOptions& options)
      : graph_(graph), node_(node), options_(options) {}

  std::string run() const {
    std::string out = node_.name;
    bool has_types = shows_types();
    if (has_types) str_append(out, ": ", types_text(node_.outputs));
    out += " = ";
    if (has_types && is_plain_constant()) {
      out += constant();
    } else {
      append_call(out);
    }
    if (!node_.device.empty()) str_append(out, " on ", escaped(node_.device));
    return out;
  }

 private:
  bool shows_types() const { return options_.types && node_.def != nullptr && !node_.outputs.empty(); }

  // name: f32[2] = {1, 2}
  bool is_plain_constant() const {
    if (!node_.is("Const") || !node_.inputs.empty() || !node_.controls.empty() || node_.attrs.size() != 2) return false;
    const AttrValue* value = node_.attrs.find("value");
    const AttrValue* dtype = node_.attrs.find("dtype");
    if (value == nullptr || dtype == nullptr || !value->is<Tensor>() || !dtype->is<DType>()) return false;
    const Tensor& tensor = value->as<Tensor>();
    const Fact& fact = node_.outputs[0];
    return tensor.dtype() == dtype->as<DType>() && fact.dtype == tensor.dtype() && fact.shape == tensor.shape() &&
           !fact.is_ref;
  }

  std::string constant() const {
    const Tensor& tensor = node_.attrs.find("value")->as<Tensor>();
    std::string body = tensor_body_text(tensor, options_);
    bool is_listed_scalar = tensor.shape().is_scalar() && body.starts_with("{") && body != "{...}";
    return is_listed_scalar ? body.substr(1, body.size() - 2) : body;
  }

  void append_call(std::string& out) const {
    std::string op = op_text(node_.op);
    out += op;
    std::string inputs;
    for (Wire wire : node_.inputs)
      str_append(inputs, inputs.empty() ? "" : ", ", wire.is_none() ? "?" : graph_.wire_name(wire));
    for (NodeId control : node_.controls) str_append(inputs, inputs.empty() ? "^" : ", ^", graph_.node(control).name);
    if (!inputs.empty() || op[0] == '"') str_append(out, "(", inputs, ")");
    const OpSchema* schema = node_.def != nullptr ? &node_.def->schema : nullptr;
    AttrMap attrs = attrs_to_write();
    if (!attrs.empty()) str_append(out, " ", attrs_text(attrs, schema, options_));
  }

  // Leaves out what reading would put back.
  AttrMap attrs_to_write() const {
    if (node_.def == nullptr) return node_.attrs;
    const OpSchema& schema = node_.def->schema;
    AttrMap short_form = node_.attrs;
    for (const AttrSpec& spec : schema.attrs()) {
      const AttrValue* value = node_.attrs.find(spec.name);
      if (value != nullptr && spec.has_default && *value == spec.default_value) short_form.erase(spec.name);
    }
    AttrMap shortest = short_form;
    for (const ArgSpec& arg : schema.inputs()) erase_types(arg, shortest);
    if (shows_types()) {
      for (const ArgSpec& arg : schema.outputs()) {
        if (arg.number_attr.empty()) erase_types(arg, shortest);
      }
      if (schema.inputs().empty()) shortest.erase("shape");
    }
    if (reads_back(shortest)) return shortest;
    return reads_back(short_form) ? short_form : node_.attrs;
  }

  static void erase_types(const ArgSpec& arg, AttrMap& attrs) {
    for (std::string_view name : {arg.type_attr, arg.type_list_attr, arg.number_attr}) {
      if (!name.empty()) attrs.erase(name);
    }
  }

  bool reads_back(AttrMap attrs) const {
    const OpSchema& schema = node_.def->schema;
    if (shows_types()) infer_attrs_from_types(schema, node_.outputs, attrs);
    std::vector<InputInfo> inputs;
    for (Wire wire : node_.inputs) {
      // Reading connects back edges last.
      bool is_late = wire.is_none() || is_back_edge(node_.op, graph_.node(wire.node).op);
      inputs.push_back(is_late ? InputInfo{} : InputInfo{graph_.fact(wire).dtype, graph_.fact(wire).is_ref, {}});
    }
    NodeTypes types;
    Status status = schema.resolve(node_.name, attrs, inputs, {.infer_from_inputs = true}, types);
    return status.ok() && attrs == node_.attrs;
  }

  const Graph& graph_;
  const Node& node_;
  const TextWriteOptions& options_;
};

std::string versions_text(const Versions& versions) {
  std::string out = "@versions {";
  str_append(out, "producer=", versions.producer);
  if (versions.min_consumer != 0) str_append(out, ", min_consumer=", versions.min_consumer);
  if (!versions.bad_consumers.empty()) str_append(out, ", bad_consumers=[", str_join(versions.bad_consumers), "]");
  return out + "}\n";
}

}  // namespace

std::string model_info_line(std::string_view model_info) {
  return str_cat("@model_info base64\"", base64_encode(model_info), "\"\n");
}

std::string node_to_text(const Graph& graph, NodeId id, const TextWriteOptions& options) {
  return NodeWriter(graph, graph.node(id), options).run();
}

std::string graph_to_text(const Graph& graph, const TextWriteOptions& options) {
  std::string out;
  const Versions& versions = graph.versions;
  if (versions.producer != 0 || versions.min_consumer != 0 || !versions.bad_consumers.empty())
    out += versions_text(versions);
  if (!graph.library.empty()) str_append(out, "@library base64\"", base64_encode(graph.library), "\"\n");
  if (!graph.model_info.empty()) out += model_info_line(graph.model_info);
  for (NodeId id : graph.ids()) str_append(out, node_to_text(graph, id, options), "\n");
  return out;
}

}  // namespace tarn
