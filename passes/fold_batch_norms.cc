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

// Walks up from the batch norm; nullopt where something stands in the way.
std::optional<Match> match(const Graph& graph, NodeId id, const std::vector<NodeId>& outputs) {
  const Node& norm = graph.node(id);
  if (!is_batch_norm(norm) || norm.attrs.get_or<bool>("is_training", true)) return std::nullopt;
  if (norm.attrs.get_or<std::string>("data_format", "NHWC") != "NHWC") return std::nullopt;
  for (int i = 1; i < 5; ++i) {
    if (constant(graph, norm.inputs[static_cast<size_t>(i)]) == nullptr) return std::nullopt;
  }
  for (const Use& use : graph.uses(id)) {
    if (use.input != Use::kControl && use.slot != 0) return std::nullopt;
  }
  Match found;
  found.batch_norm = id;
  Wire at = norm.inputs[0];
  while (true) {
    const Node& node = graph.node(at.node);
    bool shared =
        graph.uses(at.node).size() != 1 || std::find(outputs.begin(), outputs.end(), at.node) != outputs.end();
    if (at.slot != 0 || shared) return std::nullopt;
    if (node.is("BiasAdd") && found.bias < 0) {
      if (node.attrs.get_or<std::string>("data_format", "NHWC") != "NHWC" || constant(graph, node.inputs[1]) == nullptr)
        return std::nullopt;
      found.bias = at.node;
    } else if (keeps_last_dim(graph, node) && found.bias < 0) {
      found.reshapes.push_back(at.node);
    } else if (node.is("Conv2D") || node.is("MatMul")) {
      if (node.attrs.get_or<std::string>("data_format", "NHWC") != "NHWC" || constant(graph, node.inputs[1]) == nullptr)
        return std::nullopt;
      if (node.is("Conv2D") && !found.reshapes.empty()) return std::nullopt;
      found.product = at.node;
      return found;
    } else {
      return std::nullopt;
    }
    at = node.inputs[0];
  }
}

// W * s along the output channels: the last dim, or the first of a transposed MatMul weight.
template <class T>
Tensor scaled(const Tensor& weights, const std::vector<double>& scale, bool channels_first) {
  Tensor result = weights;
  std::span<T> values = result.mutable_flat<T>();
  size_t channels = scale.size();
  size_t per_channel = channels_first ? values.size() / channels : 1;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(values[i] * scale[channels_first ? i / per_channel : i % channels]);
  }
  return result;
}

template <class T>
Status fold(Graph& graph, PassContext& context, const Match& m, std::vector<NodeId>& outputs,
            const std::vector<NodeId>& inputs) {
  const Node& norm = graph.node(m.batch_norm);
  const Node& product = graph.node(m.product);
  const Tensor& weights = *constant(graph, product.inputs[1]);
  bool transposed = product.is("MatMul") && product.attrs.get_or<bool>("transpose_b", false);
  int64_t channels = transposed ? weights.shape().dim(0) : weights.shape().dim(-1);
  std::span<const float> gamma = constant(graph, norm.inputs[1])->flat<float>();
  std::span<const float> beta = constant(graph, norm.inputs[2])->flat<float>();
  std::span<const float> mean = constant(graph, norm.inputs[3])->flat<float>();
  std::span<const float> variance = constant(graph, norm.inputs[4])->flat<float>();
  auto count = static_cast<size_t>(channels);
  if (gamma.size() != count || beta.size() != count || mean.size() != count || variance.size() != count) return {};
  double epsilon = norm.attrs.get<float>("epsilon");
  std::vector<double> scale(count);
  std::vector<T> offset(count);
  std::span<const T> old_bias;
  if (m.bias >= 0) old_bias = constant(graph, graph.node(m.bias).inputs[1])->flat<T>();
  for (size_t c = 0; c < count; ++c) {
    scale[c] = gamma[c] / std::sqrt(variance[c] + epsilon);
    if (!std::isfinite(scale[c])) return {};  // a variance of -epsilon or NaN weights: left for the run to show
    double bias = old_bias.empty() ? 0 : static_cast<double>(old_bias[c]);
    offset[c] = static_cast<T>(beta[c] + (bias - mean[c]) * scale[c]);
  }
  std::string name = norm.name;
  std::string product_name = product.name;
  Patch patch(graph);
  patch.keep(outputs);
  patch.keep(inputs);
  Wire new_weights = patch.constant(product_name + "/folded_weights", scaled<T>(weights, scale, transposed));
  Wire new_product = patch.add({.name = product_name,
                                .op = product.op,
                                .inputs = {product.inputs[0], new_weights},
                                .attrs = product.attrs,
                                .controls = product.controls,
                                .device = product.device});
  Wire bias = patch.constant(name + "/folded_bias", Tensor::vector<T>(offset));
  if (m.reshapes.empty()) {
    patch.replace_node(m.batch_norm,
                       patch.add({.name = name + "/bias", .op = "BiasAdd", .inputs = {new_product, bias}}));
  } else {
    // The bias goes to the product, and the reshape nearest the batch norm takes its name.
    Wire sum = patch.add({.name = product_name + "/bias", .op = "BiasAdd", .inputs = {new_product, bias}});
    for (auto it = m.reshapes.rbegin(); it != m.reshapes.rend(); ++it) {
      const Node& reshape = graph.node(*it);
      NodeSpec spec{.name = reshape.name, .op = reshape.op, .inputs = reshape.inputs, .attrs = reshape.attrs};
      spec.inputs[0] = sum;
      sum = patch.add(std::move(spec));
    }
    patch.replace_node(m.batch_norm, sum);
  }
  NodeId old = m.batch_norm;
  TARN_RETURN_IF_ERROR(patch.commit());
  std::optional<NodeId> now = graph.find(name);
  if (now) std::replace(outputs.begin(), outputs.end(), old, *now);
  // The new product takes the old one's name back: whoever looks for "conv1/Conv2D" finds it.
  if (!graph.is_alive(m.product) && graph.is_alive(new_product.node))
    TARN_RETURN_IF_ERROR(graph.rename(new_product.node, product_name));
  context.changed(name, str_cat("batch norm folded into ", quoted(product_name), " (", channels, " channels)"));
  return {};
}

Status fold_batch_norms(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  for (NodeId id : graph.ids()) {
    if (!graph.is_alive(id)) continue;
    std::optional<Match> found = match(graph, id, outputs);
    if (!found) continue;
    if (graph.node(found->product).outputs[0].dtype != DType::kFloat) continue;
    TARN_RETURN_IF_ERROR(fold<float>(graph, context, *found, outputs, inputs));
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
