#include "passes/support/sample_inputs.h"

#include <algorithm>
#include <optional>

#include "core/sample_tensor.h"

namespace tarn {

Result<std::vector<Session::Feed>> sample_feeds(const Graph& graph, const std::vector<std::string>& inputs,
                                                const std::vector<std::string>& outputs, SampleSizes sizes,
                                                uint64_t seed) {
  std::vector<NodeId> input_ids, output_ids;
  for (const std::string& name : inputs) {
    TARN_ASSIGN_OR_RETURN(NodeId id, graph.find_node(name));
    input_ids.push_back(id);
  }
  for (const std::string& name : outputs) {
    TARN_ASSIGN_OR_RETURN(NodeId id, graph.find_node(name));
    output_ids.push_back(id);
  }
  // Placeholders that the outputs need must be fed, whether they were named as inputs or not.
  std::vector<bool> needed = ancestors(graph, output_ids, input_ids);
  std::vector<std::string> names = inputs;
  for (NodeId id : graph.ids()) {
    bool is_named = std::find(input_ids.begin(), input_ids.end(), id) != input_ids.end();
    if (graph.node(id).is("Placeholder") && needed[static_cast<size_t>(id)] && !is_named) {
      names.push_back(graph.node(id).name);
    }
  }
  std::vector<Session::Feed> feeds;
  for (const std::string& name : names) {
    TARN_ASSIGN_OR_RETURN(Wire wire, graph.find_wire(name));
    const Fact& fact = graph.fact(wire);
    Shape shape = fact.shape.has_rank() ? fact.shape : guess_shape(graph, wire);
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape.dim(d) < 0) shape.set_dim(d, d == 0 ? sizes.batch : sizes.size);
    }
    TARN_ASSIGN_OR_RETURN(Tensor tensor, sample_tensor(fact.dtype, shape, seed + feeds.size()));
    feeds.emplace_back(name, std::move(tensor));
  }
  return feeds;
}

namespace {

bool passes_shape_on(const Node& node) {
  constexpr std::string_view kOps[] = {
      "Identity", "Cast",    "Relu",    "Relu6",   "Neg",    "Abs",          "Add",  "AddV2",   "Sub",          "Mul",
      "Div",      "RealDiv", "Maximum", "Minimum", "Switch", "StopGradient", "Tanh", "Sigmoid", "CheckNumerics"};
  return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

// What input `input` of a node must look like, if the node tells.
std::optional<Shape> shape_wanted(const Graph& graph, const Node& node, int input) {
  if (input != 0 || node.inputs.size() < 2) return std::nullopt;
  const Fact& other = graph.fact(node.inputs[1]);
  bool conv = node.is("Conv2D") || node.is("DepthwiseConv2dNative");
  if (conv && other.shape.rank() == 4) return Shape{kUnknownDim, kUnknownDim, kUnknownDim, other.shape.dim(2)};
  if (node.is("MatMul") && other.shape.rank() == 2) {
    return Shape{kUnknownDim, other.shape.dim(node.attrs.get_or<bool>("transpose_b", false) ? 1 : 0)};
  }
  if (node.is("BiasAdd") && other.shape.rank() == 1) return Shape{kUnknownDim, other.shape.dim(0)};
  if (node.is("Reshape") && other.has_value()) {
    Result<std::vector<int64_t>> dims = int_values(other.value);
    int64_t elements = 1;
    for (int64_t dim : dims.value_or({})) elements *= dim < 0 ? 1 : dim;
    return Shape{kUnknownDim, elements};
  }
  return std::nullopt;
}

}  // namespace

Shape guess_shape(const Graph& graph, Wire wire) {
  std::vector<Wire> stack = {wire};
  std::vector<bool> seen(static_cast<size_t>(graph.id_limit()), false);
  while (!stack.empty()) {
    Wire at = stack.back();
    stack.pop_back();
    for (const Use& use : graph.uses(at.node)) {
      if (use.input == Use::kControl || use.slot != at.slot || seen[static_cast<size_t>(use.node)]) continue;
      seen[static_cast<size_t>(use.node)] = true;
      const Node& node = graph.node(use.node);
      if (std::optional<Shape> shape = shape_wanted(graph, node, use.input)) return *shape;
      // Of two operands the first is the data, unless it is a constant: the second may well be a scalar.
      bool is_data = use.input == 0 || graph.node(node.inputs[0].node).is("Const");
      if (!passes_shape_on(node) || !is_data) continue;
      for (size_t slot = 0; slot < node.outputs.size(); ++slot) stack.push_back({use.node, static_cast<int>(slot)});
    }
  }
  return {};
}

}  // namespace tarn
