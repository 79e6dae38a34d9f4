#include "graph/summarize.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "graph/file_kind.h"
#include "graph/graph_def.h"
#include "graph/proto_io.h"
#include "graph/tensor_proto.h"
#include "graph/variable_values.h"
#include "proto/meta_graph.pb.h"

namespace tarn {
namespace {

// Ops that nobody reads from and that still are no outputs.
constexpr std::string_view kUnlikelyOutputs[] = {"Const", "Assign", "NoOp", "Placeholder"};

// TensorFlow's name of a dtype; of none "INVALID".
std::string dtype_text(const Node& node) {
  auto dtype = node.attrs.get_or<DType>("dtype", DType::kInvalid);
  return dtype == DType::kInvalid ? "INVALID" : std::string(dtype_name(dtype));
}

std::string shape_text(const Shape& shape) {
  return shape.has_rank() ? shape.to_string() : "<unknown>";
}

template <class Bits>
int64_t count_with_exponent(const Tensor& tensor, Bits exponent, int64_t& first) {
  int64_t count = 0, elements = static_cast<int64_t>(tensor.byte_size() / sizeof(Bits));
  for (int64_t i = 0; i < elements; ++i) {
    Bits bits;
    std::memcpy(&bits, static_cast<const char*>(tensor.data()) + static_cast<size_t>(i) * sizeof(Bits), sizeof(Bits));
    if ((bits & exponent) != exponent) continue;
    if (count++ == 0) first = i;
  }
  return count;
}

// How many parts of `tensor` are infinite or no number (all bits of their exponent are set), and the first of them.
int64_t count_not_finite(const Tensor& tensor, int64_t& first) {
  switch (tensor.dtype()) {
    case DType::kHalf: return count_with_exponent<uint16_t>(tensor, 0x7c00, first);
    case DType::kBFloat16: return count_with_exponent<uint16_t>(tensor, 0x7f80, first);
    case DType::kFloat:
    case DType::kComplex64: return count_with_exponent<uint32_t>(tensor, 0x7f800000, first);
    case DType::kDouble:
    case DType::kComplex128: return count_with_exponent<uint64_t>(tensor, 0x7ff0000000000000, first);
    default: return 0;
  }
}

class Summary {
 public:
  Summary(const Graph& graph, std::string_view path, const SummarizeOptions& options)
      : graph_(graph), path_(path), options_(options) {}

  Result<std::string> write() {
    sort_out();
    write_list(placeholders_, "possible inputs", "inputs");
    write_list(variables_, "variables", "variables");
    write_outputs();
    write_parameters();
    write_devices();
    write_ops();
    write_benchmark_command();
    if (options_.check_finite) write_not_finite();
    if (options_.print_structure) TARN_RETURN_IF_ERROR(write_structure());
    return std::move(text_);
  }

 private:
  void sort_out() {
    for (NodeId id : graph_.ids()) {
      const Node& node = graph_.node(id);
      if (node.is("Placeholder")) placeholders_.push_back(&node);
      if (is_variable(node)) variables_.push_back(&node);
      bool unlikely =
          std::find(std::begin(kUnlikelyOutputs), std::end(kUnlikelyOutputs), node.op) != std::end(kUnlikelyOutputs);
      if (graph_.uses(id).empty() && !unlikely) outputs_.push_back(&node);
    }
  }

  void write_list(const std::vector<const Node*>& nodes, std::string_view found, std::string_view none) {
    if (nodes.empty()) {
      str_append(text_, "No ", none, " spotted.\n");
      return;
    }
    str_append(text_, "Found ", nodes.size(), " ", found, ": ");
    for (const Node* node : nodes) text_ += info_text(*node);
    text_ += '\n';
  }

  std::string info_text(const Node& node) const {
    auto dtype = static_cast<int>(node.attrs.get_or<DType>("dtype", DType::kInvalid));
    auto in_file = options_.placeholder_shapes.find(node.name);
    std::string shape = in_file != options_.placeholder_shapes.end()
                            ? in_file->second
                            : shape_text(node.attrs.get_or<Shape>("shape", Shape::unknown()));
    return str_cat("(name=", node.name, ", type=", dtype_text(node), "(", dtype, "), shape=", shape, ") ");
  }

  void write_outputs() {
    if (outputs_.empty()) {
      text_ += "No outputs spotted.\n";
      return;
    }
    str_append(text_, "Found ", outputs_.size(), " possible outputs: ");
    for (const Node* node : outputs_) str_append(text_, "(name=", node->name, ", op=", node->op, ") ");
    text_ += '\n';
  }

  void write_parameters() {
    int64_t in_constants = 0, in_variables = 0, control_edges = 0;
    for (NodeId id : graph_.ids()) {
      const Node& node = graph_.node(id);
      control_edges += static_cast<int64_t>(node.controls.size());
      if (node.is("Const")) in_constants += node.attrs.get_or<Tensor>("value", Tensor()).element_count();
      // A variable holds no `value`; TensorFlow counts those that do, which is none.
      if (is_variable(node)) in_variables += node.attrs.get_or<Tensor>("value", Tensor()).element_count();
    }
    str_append(text_, "Found ", in_constants, " (", human_readable_number(in_constants), ") const parameters, ",
               in_variables, " (", human_readable_number(in_variables), ") variable parameters, and ", control_edges,
               " control_edges\n");
  }

  void write_not_finite() {
    int found = 0;
    for (NodeId id : graph_.ids()) {
      const Node& node = graph_.node(id);
      Tensor value = node.is("Const") ? node.attrs.get_or<Tensor>("value", Tensor()) : Tensor();
      int64_t first = 0, count = value.is_valid() ? count_not_finite(value, first) : 0;
      if (count == 0) continue;
      ++found;
      str_append(text_, "Const ", quoted(node.name), " (", dtype_short_name(value.dtype()), value.shape(), ") has ",
                 count, count == 1 ? " number that is" : " numbers that are", " not finite, the first at ", first,
                 "\n");
    }
    if (found == 0) text_ += "All numbers of constants are finite.\n";
  }

  void write_devices() {
    std::map<std::string, int> counts;
    for (NodeId id : graph_.ids()) {
      if (!graph_.node(id).device.empty()) ++counts[graph_.node(id).device];
    }
    for (const auto& [device, count] : counts) {
      str_append(text_, count, " nodes assigned to device '", printable(device), "'\n");
    }
  }

  // Most used first; equal counts by name.
  void write_ops() {
    std::map<std::string, int> counts;
    for (NodeId id : graph_.ids()) ++counts[graph_.node(id).op];
    pb::FunctionDefLibrary library;
    library.ParseFromString(graph_.library);
    for (const pb::FunctionDef& function : library.function()) {
      for (const pb::NodeDef& node : function.node_def()) ++counts[node.op()];
    }
    std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> words;
    for (const auto& [op, count] : sorted) words.push_back(str_cat(count, " ", printable(op)));
    str_append(text_, "Op types used: ", str_join(words), "\n");
  }

  void write_benchmark_command() {
    std::vector<const Node*> inputs = placeholders_;
    for (const Node* node : variables_) {
      if (!is_resource_variable(*node)) inputs.push_back(node);  // a handle cannot be fed
    }
    std::vector<std::string> names, types, shapes, outputs;
    for (const Node* node : inputs) {
      names.push_back(node->name);
      types.push_back(dtype_text(*node));
      auto shape = node->attrs.get_or<Shape>("shape", Shape::unknown());
      shapes.push_back(shape.has_rank() ? str_join(shape.dims(), ",") : "");
    }
    for (const Node* node : outputs_) outputs.push_back(node->name);
    str_append(text_, "To use with tensorflow/tools/benchmark:benchmark_model try these arguments:\n",
               "bazel run tensorflow/tools/benchmark:benchmark_model -- --graph=", path_,
               " --show_flops --input_layer=", str_join(names, ","), " --input_layer_type=", str_join(types, ","),
               " --input_layer_shape=", str_join(shapes, ":"), " --output_layer=", str_join(outputs, ","), "\n");
  }

  Status write_structure() {
    TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph_));
    for (NodeId id : order) {
      const Node& node = graph_.node(id);
      std::vector<std::string> inputs;
      for (Wire wire : node.inputs) inputs.push_back(wire.is_none() ? "" : graph_.wire_name(wire));
      for (NodeId control : node.controls) inputs.push_back("^" + graph_.node(control).name);
      str_append(text_, node.name, " (", node.op, "): [", str_join(inputs), "]");
      if (node.is("Const")) str_append(text_, ", value=", value_text(node.attrs.get_or<Tensor>("value", Tensor())));
      text_ += '\n';
    }
    return {};
  }

  // Tensor<type: float shape: [784,10] values: [0 0 0...]...>: the first values, nested as the dims are.
  static std::string value_text(const Tensor& value) {
    std::string values;
    std::vector<std::string> elements = first_elements(value);
    size_t next = 0;
    bool more = static_cast<int64_t>(elements.size()) < value.element_count();
    write_values(value.shape(), 0, elements, next, more, values);
    if (more) values += "...";
    return str_cat("Tensor<type: ", dtype_name(value.dtype()), " shape: ", value.shape(), " values: ", values, ">");
  }

  static std::vector<std::string> first_elements(const Tensor& value) {
    constexpr int kMostValues = 3;  // TensorFlow's
    auto count = static_cast<size_t>(std::min<int64_t>(value.element_count(), kMostValues));
    if (value.dtype() == DType::kString) {
      std::vector<std::string> strings;
      for (const std::string& text : value.flat<std::string>().first(count)) strings.push_back(printable(text));
      return strings;
    }
    // f32[2,3]{1, 2, 3, …}
    std::string text = value.to_string(kMostValues);
    size_t begin = text.find('{') + 1;
    std::vector<std::string> elements =
        str_split(std::string_view(text).substr(begin, text.rfind('}') - begin), ',', true);
    elements.resize(count);
    for (std::string& element : elements) {
      if (element == "true" || element == "false") element.assign(1, element == "true" ? '1' : '0');
    }
    return elements;
  }

  // The outermost list has no brackets of its own.
  static void write_values(const Shape& shape, int dim, const std::vector<std::string>& elements, size_t& next,
                           bool more, std::string& text) {
    if (shape.is_scalar()) {
      text += elements.empty() ? "" : elements[0];
      return;
    }
    bool is_last = dim == shape.rank() - 1;
    for (int64_t i = 0; i < shape.dim(dim) && next < elements.size(); ++i) {
      if (is_last) {
        str_append(text, i > 0 ? " " : "", elements[next++]);
        bool is_cut = more && next == elements.size() && dim > 0 && i + 1 < shape.dim(dim);
        if (is_cut) text += "...";
      } else {
        text += '[';
        write_values(shape, dim + 1, elements, next, more, text);
        text += ']';
      }
    }
  }

  const Graph& graph_;
  std::string_view path_;
  const SummarizeOptions& options_;
  std::string text_;
  std::vector<const Node*> placeholders_, variables_, outputs_;
};

}  // namespace

std::string human_readable_number(int64_t value) {
  std::string sign = value < 0 ? "-" : "";
  auto size = value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  char text[48];
  constexpr uint64_t kTooLarge = 1'000'000'000'000'000;
  if (size < 1000) return str_cat(sign, size);
  if (size >= kTooLarge) {
    std::snprintf(text, sizeof(text), "%0.3G", static_cast<double>(size));
    return sign + text;
  }
  // Thousands are cut off, not rounded, as TensorFlow does.
  constexpr char kUnits[] = {'k', 'M', 'B', 'T'};
  size_t unit = 0;
  for (; size >= 1'000'000; ++unit) size /= 1000;
  std::snprintf(text, sizeof(text), "%.2f%c", static_cast<double>(size) / 1000, kUnits[unit]);
  return sign + text;
}

std::map<std::string, std::string> placeholder_shapes(std::string_view file_bytes) {
  pb::MetaGraphDef meta;
  Sniffed sniffed = sniff(file_bytes);
  bool is_text = sniffed.kind == FileKind::kGraphPbtxt || sniffed.kind == FileKind::kMetaGraphPbtxt;
  bool read = false;
  if (is_text) {
    read = sniffed.kind == FileKind::kGraphPbtxt ? parse_pbtxt(file_bytes, *meta.mutable_graph_def()).ok()
                                                 : parse_pbtxt(file_bytes, meta).ok();
  } else if (sniffed.kind == FileKind::kBinaryProto) {
    read = parse_binary(file_bytes, {}, *meta.mutable_graph_def()).ok() || parse_binary(file_bytes, {}, meta).ok();
  }
  std::map<std::string, std::string> shapes;
  if (!read) return shapes;
  for (const pb::NodeDef& node : meta.graph_def().node()) {
    if (node.op() != "Placeholder") continue;
    auto found = node.attr().find("shape");
    Result<Shape> shape = Shape::unknown();
    if (found != node.attr().end()) shape = shape_from_proto(found->second.shape());
    if (shape.ok()) shapes[node.name()] = found == node.attr().end() ? "None" : shape_text(*shape);
  }
  return shapes;
}

Result<std::string> summarize_graph(const Graph& graph, std::string_view path, const SummarizeOptions& options) {
  return Summary(graph, path, options).write();
}

}  // namespace tarn
