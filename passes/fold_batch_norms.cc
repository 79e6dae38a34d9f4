// fold_batch_norms: a batch norm behind a convolution or matrix product becomes part of its weights.
//
// Before:  y = FusedBatchNorm[V2|V3]([BiasAdd](Conv2D|MatMul(x, W) [, b]), gamma, beta, mean, var)
// After:   y = BiasAdd(Conv2D|MatMul(x, W'), b')
// When:    is_training = false; W, b, gamma, beta, mean, var are Const; the convolution (and the bias add) has this one
//          user, and is not an output; NHWC; only output 0 of the batch norm is used. Between a MatMul and the batch
//          norm (which wants rank 4) Reshape, ExpandDims and Squeeze that keep the last dim may stand: they stay.
// Math:    s = gamma / sqrt(var + epsilon);  W' = W * s per output channel;  b' = beta + (b - mean) * s
// Keeps:   the name of y.   Contract: rounding, 1e-5 of the output's range: each output is the same sum with factors
//          rounded once more.
// Ends:    every change removes a batch norm.
#include <algorithm>
#include <cmath>
#include <optional>

#include "graph/patch.h"
#include "passes/pass.h"

namespace tarn {
namespace {

bool is_batch_norm(const Node& node) {
  return node.is("FusedBatchNorm") || node.is("FusedBatchNormV2") || node.is("FusedBatchNormV3");
}

struct Match {
  NodeId batch_norm = -1, product = -1;
  NodeId bias = -1;              // a BiasAdd between, or none
  std::vector<NodeId> reshapes;  // between the product and the batch norm, outermost first
};

const Tensor* constant(const Graph& graph, Wire wire) {
  const Node& node = graph.node(wire.node);
  return node.is("Const") && node.controls.empty() ? &node.outputs[0].value : nullptr;
}

bool keeps_last_dim(const Graph& graph, const Node& node) {
  if (!node.is("Reshape") && !node.is("ExpandDims") && !node.is("Squeeze")) return false;
  const Shape& in = graph.fact(node.inputs[0]).shape;
  const Shape& out = node.outputs[0].shape;
  return in.rank() >= 1 && out.rank() >= 1 && in.dim(-1) > 0 && in.dim(-1) == out.dim(-1);
}

// What must stay as it is: an output's value, an input's place.
struct Public {
  std::vector<NodeId> outputs, inputs;
  bool has(NodeId id) const {
    return std::find(outputs.begin(), outputs.end(), id) != outputs.end() ||
           std::find(inputs.begin(), inputs.end(), id) != inputs.end();
  }
};

bool is_nhwc(const Node& node) {
  return node.attrs.get_or<std::string>("data_format", "NHWC") == "NHWC";
}

// Only output 0 of the batch norm is used, it is for inference, and its parameters are constant.
bool may_fold(const Graph& graph, NodeId id, const PassContext& context, const Public& open) {
  const Node& norm = graph.node(id);
  if (!is_batch_norm(norm) || norm.attrs.get_or<bool>("is_training", true) || !is_nhwc(norm)) return false;
  if (context.wants_other_outputs(norm.name)) return false;
  if (std::find(open.inputs.begin(), open.inputs.end(), id) != open.inputs.end()) return false;
  const std::vector<Use>& uses = graph.uses(id);
  bool first_only =
      std::all_of(uses.begin(), uses.end(), [](const Use& use) { return use.input == Use::kControl || use.slot == 0; });
  return first_only && std::all_of(norm.inputs.begin() + 1, norm.inputs.end(),
                                   [&](Wire wire) { return constant(graph, wire) != nullptr; });
}

// Walks up from the batch norm; nullopt where something stands in the way.
std::optional<Match> match(const Graph& graph, NodeId id, const PassContext& context, const Public& open) {
  if (!may_fold(graph, id, context, open)) return std::nullopt;
  Match found;
  found.batch_norm = id;
  for (Wire at = graph.node(id).inputs[0];; at = graph.node(at.node).inputs[0]) {
    const Node& node = graph.node(at.node);
    if (at.slot != 0 || graph.uses(at.node).size() != 1 || open.has(at.node) || !is_nhwc(node)) return std::nullopt;
    bool is_product = node.is("Conv2D") || node.is("MatMul");
    bool has_constant = is_product || node.is("BiasAdd");
    if (has_constant && constant(graph, node.inputs[1]) == nullptr) return std::nullopt;
    if (is_product) {
      if (node.is("Conv2D") && !found.reshapes.empty()) return std::nullopt;
      if (node.outputs[0].dtype != DType::kFloat) return std::nullopt;
      found.product = at.node;
      return found;
    }
    if (found.bias >= 0 || !node.controls.empty()) return std::nullopt;
    if (node.is("BiasAdd")) {
      found.bias = at.node;
    } else if (keeps_last_dim(graph, node)) {
      found.reshapes.push_back(at.node);
    } else {
      return std::nullopt;
    }
  }
}

struct Folded {
  Tensor weights, bias;
};

// nullopt where sizes or values do not allow it.
std::optional<Folded> folded_values(const Graph& graph, const Match& m) {
  const Node &norm = graph.node(m.batch_norm), &product = graph.node(m.product);
  const Tensor& weights = *constant(graph, product.inputs[1]);
  bool channels_first = product.is("MatMul") && product.attrs.get_or<bool>("transpose_b", false);
  auto channels = static_cast<size_t>(weights.shape().dim(channels_first ? 0 : -1));
  std::span<const float> parameters[4];  // gamma, beta, mean, variance
  for (size_t i = 0; i < 4; ++i) {
    const Tensor& parameter = *constant(graph, norm.inputs[i + 1]);
    if (parameter.dtype() != DType::kFloat || parameter.element_count() != static_cast<int64_t>(channels))
      return std::nullopt;
    parameters[i] = parameter.flat<float>();
  }
  auto [gamma, beta, mean, variance] = parameters;
  std::span<const float> old_bias;
  if (m.bias >= 0) old_bias = constant(graph, graph.node(m.bias).inputs[1])->flat<float>();
  double epsilon = norm.attrs.get<float>("epsilon");
  std::vector<double> scale(channels);
  std::vector<float> bias(channels);
  for (size_t c = 0; c < channels; ++c) {
    // s = gamma / sqrt(var + epsilon);  b' = beta + (b - mean) * s
    scale[c] = gamma[c] / std::sqrt(variance[c] + epsilon);
    if (!std::isfinite(scale[c])) return std::nullopt;  // a variance of -epsilon, NaN weights: left for the run to show
    double old = old_bias.empty() ? 0 : static_cast<double>(old_bias[c]);
    bias[c] = static_cast<float>(beta[c] + (old - mean[c]) * scale[c]);
  }
  // W' = W * s along the output channels: the last dim, or the first of a transposed MatMul weight.
  Tensor scaled = weights;
  std::span<float> values = scaled.mutable_flat<float>();
  size_t per_channel = channels_first && channels > 0 ? values.size() / channels : 1;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(values[i] * scale[channels_first ? i / per_channel : i % channels]);
  }
  return Folded{std::move(scaled), Tensor::vector<float>(bias)};
}

Status fold(Graph& graph, PassContext& context, const Match& m, const Folded& values, Public& open) {
  // Copies: adding nodes moves the graph's.
  const Node norm = graph.node(m.batch_norm), product = graph.node(m.product);
  Patch patch(graph);
  patch.keep(open.outputs);
  patch.keep(open.inputs);
  NodeSpec new_product{.name = product.name,
                       .op = product.op,
                       .inputs = product.inputs,
                       .attrs = product.attrs,
                       .controls = product.controls,
                       .device = product.device};
  new_product.inputs[1] = patch.constant(product.name + "/folded_weights", values.weights);
  Wire folded = patch.add(std::move(new_product));
  Wire bias = patch.constant(norm.name + "/folded_bias", values.bias);
  // The bias goes to the product; of what stood between, the node nearest the batch norm takes its name and controls.
  bool is_last = m.reshapes.empty();
  std::string sum_name = is_last ? norm.name : product.name;
  Wire last = patch.add({.name = sum_name + "/bias",
                         .op = "BiasAdd",
                         .inputs = {folded, bias},
                         .controls = is_last ? norm.controls : std::vector<NodeId>(),
                         .device = norm.device});
  for (size_t i = m.reshapes.size(); i-- > 0;) {
    const Node reshape = graph.node(m.reshapes[i]);
    NodeSpec spec{.name = reshape.name,
                  .op = reshape.op,
                  .inputs = reshape.inputs,
                  .attrs = reshape.attrs,
                  .device = reshape.device};
    spec.inputs[0] = last;
    if (i == 0) spec.controls = norm.controls;
    last = patch.add(std::move(spec));
  }
  patch.replace_node(m.batch_norm, last);
  TARN_RETURN_IF_ERROR(patch.commit());
  std::replace(open.outputs.begin(), open.outputs.end(), m.batch_norm, last.node);
  // The new product takes the old one's name back: whoever looks for "conv1/Conv2D" finds it.
  TARN_RETURN_IF_ERROR(graph.rename(folded.node, product.name));
  context.changed(norm.name, str_cat("batch norm folded into ", quoted(product.name), " (", values.bias.element_count(),
                                     " channels)"));
  return {};
}

Status fold_batch_norms(Graph& graph, PassContext& context) {
  Public open;
  TARN_ASSIGN_OR_RETURN(open.outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(open.inputs, context.find(graph, context.inputs));
  for (NodeId id : graph.ids()) {
    if (!graph.is_alive(id)) continue;
    std::optional<Match> found = match(graph, id, context, open);
    if (!found) continue;
    std::optional<Folded> values = folded_values(graph, *found);
    if (values) TARN_RETURN_IF_ERROR(fold(graph, context, *found, *values, open));
  }
  return {};
}

constexpr std::string_view kDoc = R"(A batch norm behind a convolution or matrix product becomes part of its weights.
  Before:  y = FusedBatchNorm[V2|V3]([BiasAdd](Conv2D|MatMul(x, W) [, b]), gamma, beta, mean, var)
  After:   y = BiasAdd(Conv2D|MatMul(x, W'), b')
  When:    is_training = false; W, b and the batch norm's parameters are Const; the convolution (and the bias add) has this
           one user and is not an output; NHWC; only output 0 of the batch norm is used. Between a MatMul and the batch norm
           Reshape, ExpandDims and Squeeze that keep the last dim may stand
  Math:    s = gamma / sqrt(var + epsilon);  W' = W * s per output channel;  b' = beta + (b - mean) * s
  Keeps:   the name of y.)";

}  // namespace

extern const PassDef pass_fold_batch_norms;
const PassDef pass_fold_batch_norms = {
    .name = "fold_batch_norms", .doc = kDoc, .contract = rounding(1e-5), .run = fold_batch_norms};

}  // namespace tarn
