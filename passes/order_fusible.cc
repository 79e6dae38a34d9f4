// order_fusible: convolution or product, then BiasAdd, then activation, so that every runtime can make them one.
//
// Before:  y = Relu(Reshape(Add(Reshape(MatMul(x, W), s), b), t))
// After:   y = Reshape(Reshape(Relu(BiasAdd(MatMul(x, W), b)), s), t)
// When:    - Add, AddV2 of a Conv2D, DepthwiseConv2dNative, Conv2DBackpropInput or MatMul and a Const with one number a
//            channel ([C], [1,1,1,C]; [C,1,1], [1,C,1,1] behind an NCHW convolution) that broadcasts nothing: BiasAdd;
//            Sub of such a Const too, its numbers negated. What is not constant (a residual) is no bias
//          - Reshape, ExpandDims or Squeeze between the product and the bias or activation that alone read it, the last
//            dim kept: moved behind. Nothing else changes places: what a MaxPool reads it reads still
//          A constant that others read is reshaped for nobody.
// Math:    with rows of C numbers in row-major order an element's channel is its place modulo C, whatever the dims
//          before the last: b[c] meets the same elements.
// Keeps:   the names of inputs and outputs.   Contract: exact: the same sums.
// Ends:    every change removes an Add or a Sub, or takes a bias or an activation one node nearer its product.
#include <algorithm>

#include "passes/support/simplify.h"

namespace tarn {
namespace {

const Node* product_behind(const Simplifier& s, Wire wire) {
  return s.behind(wire, {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul"});
}

bool is_nchw(const Node& node) {
  return node.attrs.get_or<std::string>("data_format", "NHWC") == "NCHW";
}

// A view, read here alone, of something of which it keeps the last dim.
const Node* row_view_behind(const Simplifier& s, Wire wire) {
  const Node* view = s.behind(wire, {"Reshape", "ExpandDims", "Squeeze"});
  if (view == nullptr || !s.rewriter.has_one_user(wire.node)) return nullptr;
  const Shape &in = s.shape(view->inputs[0]), &out = view->outputs[0].shape;
  bool keeps_rows = in.rank() >= 2 && out.rank() >= 1 && in.dim(-1) > 0 && in.dim(-1) == out.dim(-1);
  return keeps_rows ? view : nullptr;
}

// The product behind a wire, perhaps through views that keep its rows; null if there is none.
const Node* product_through_views(const Simplifier& s, Wire wire) {
  while (const Node* view = row_view_behind(s, wire)) wire = view->inputs[0];
  return product_behind(s, wire);
}

// The one dim of `bias` that is not surely 1 is the channels', and nothing of `product` broadcasts.
bool is_per_channel(const Shape& product, const Shape& bias, bool nchw) {
  int channel_dim = nchw ? -3 : -1;
  if (product.rank() < 2 || (nchw && product.rank() != 4) || bias.rank() > product.rank()) return false;
  int64_t channels = product.dim(channel_dim);
  if (channels <= 0 || bias.rank() < -channel_dim || bias.dim(channel_dim) != channels) return false;
  Result<int64_t> count = bias.element_count();
  return count.ok() && *count == channels && keeps_shape(product, bias);
}

Status add_to_bias(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const bool is_sub = node.is("Sub");
  for (size_t side : {1, 0}) {
    if (side == 0 && is_sub) break;
    const Tensor* constant = s.rewriter.constant(node.inputs[side]);
    Wire sum = node.inputs[1 - side];
    const Node* product = constant != nullptr ? product_through_views(s, sum) : nullptr;
    if (product == nullptr) continue;
    // Behind a view the dims are no longer an image's.
    const bool nchw = is_nchw(*product);
    if (nchw && product_behind(s, sum) == nullptr) continue;
    const DType dtype = node.outputs[0].dtype;
    if (!has_kernel(s.rewriter.graph(), "BiasAdd", dtype) || !is_per_channel(s.shape(sum), constant->shape(), nchw)) {
      continue;
    }
    const bool is_vector = constant->shape().rank() == 1 && !is_sub;
    if (!is_vector && !s.rewriter.has_one_user(node.inputs[side].node)) continue;
    Wire bias = node.inputs[side];
    Tensor value = *constant;
    if (is_sub) {
      if (dtype == DType::kFloat) {
        for (float& v : value.mutable_flat<float>()) v = -v;
      } else if (dtype == DType::kDouble) {
        for (double& v : value.mutable_flat<double>()) v = -v;
      } else {
        continue;
      }
    }
    Patch patch = s.rewriter.patch();
    if (!is_vector) {
      TARN_ASSIGN_OR_RETURN(value, value.reshaped(Shape{value.element_count()}));
      bias = patch.constant(node.name + "/bias", value);
    }
    std::string what = str_cat("is the bias of ", quoted(product->name));
    patch.replace_node(id, patch.add({.name = node.name + "/biased",
                                      .op = "BiasAdd",
                                      .inputs = {sum, bias},
                                      .attrs = {{"data_format", nchw ? "NCHW" : "NHWC"}},
                                      .device = node.device}));
    return s.rewriter.commit(patch, id, what);
  }
  return {};
}

// op(view(x), …) becomes view(op(x, …)).
Status move_before_view(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Node* view = row_view_behind(s, node.inputs[0]);
  std::string what = str_cat(node.op, " goes before ", view->op, " ", quoted(view->name));
  Patch patch = s.rewriter.patch();
  NodeSpec moved = copy_of(node, "/moved"), behind = copy_of(*view);
  moved.inputs[0] = view->inputs[0];
  behind.inputs[0] = patch.add(std::move(moved));
  patch.replace_node(id, patch.add(std::move(behind)));
  return s.rewriter.commit(patch, id, what);
}

Status move_bias(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  // The bias of rows; whatever it is, a channel is the last dim on both sides of the view.
  if (is_nchw(node) || row_view_behind(s, node.inputs[0]) == nullptr) return {};
  const Node* product = product_through_views(s, node.inputs[0]);
  if (product == nullptr || is_nchw(*product)) return {};
  return move_before_view(s, id);
}

Status move_activation(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (node.inputs.size() != 1 || row_view_behind(s, node.inputs[0]) == nullptr) return {};
  Wire wire = node.inputs[0];
  while (const Node* view = row_view_behind(s, wire)) wire = view->inputs[0];
  const Node* bias = s.behind(wire, {"BiasAdd"});
  if (bias != nullptr && s.rewriter.has_one_user(wire.node)) wire = bias->inputs[0];
  if (product_behind(s, wire) == nullptr || !s.rewriter.has_one_user(wire.node)) return {};
  return move_before_view(s, id);
}

constexpr Simplification kRules[] = {
    {"Add", add_to_bias},      {"AddV2", add_to_bias},       {"Sub", add_to_bias},           {"BiasAdd", move_bias},
    {"Relu", move_activation}, {"Relu6", move_activation},   {"Elu", move_activation},       {"Selu", move_activation},
    {"Tanh", move_activation}, {"Sigmoid", move_activation}, {"LeakyRelu", move_activation},
};

Status order_fusible(Graph& graph, PassContext& context) {
  return simplify(graph, context, kRules);
}

constexpr std::string_view kDoc =
    R"(Convolution or product, then BiasAdd, then activation, so that every runtime can make them one.
  Before:  y = Relu(Reshape(Add(Reshape(MatMul(x, W), s), b), t))
  After:   y = Reshape(Reshape(Relu(BiasAdd(MatMul(x, W), b)), s), t)
  When:    Add, AddV2 of a Conv2D, DepthwiseConv2dNative, Conv2DBackpropInput or MatMul and a Const with one number a
           channel, which broadcasts nothing; Sub of one, negated. What is not constant (a residual) is no bias. Reshape,
           ExpandDims, Squeeze that keep the last dim and that the bias or activation alone reads go behind it
  Math:    in row-major order an element's channel is its place modulo the last dim
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_order_fusible;
const PassDef pass_order_fusible = {.name = "order_fusible", .doc = kDoc, .contract = exact(), .run = order_fusible};

}  // namespace tarn
