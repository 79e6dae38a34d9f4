// simplify_arithmetic_rounding: arithmetic done with fewer or easier ops, which round elsewhere, or give a zero another
// sign.
//
// Before:  y = Add(Add(x, a), b);  z = RealDiv(x, Sqrt(v));  u = MatMul(Transpose(x, [1, 0]), w);  t = Pow(x, 2)
// After:   y = Add(x, a + b);      z = Mul(x, Rsqrt(v));     u = MatMul(x, w) {transpose_a};       t = Square(x)
// When:    - x + 0, x - -0, -(a - b), Relu6 of a Relu, Relu of a Relu6: exact but for the sign of a zero (and so of an
//            infinity that is divided by it); of any floats
//          - (x + a) + b, (x * a) * b, BiasAdd of a BiasAdd, the first read by the second alone; a + b at least a
//            quarter of |a| + |b|, so that nothing cancels; factors between 2^-40 and 2^40
//          - x / c: x * (1 / c), c between 2^-40 and 2^40 and read here alone
//          - x / Sqrt(v), x / Rsqrt(v), Reciprocal(Sqrt(v)), 1 / Sqrt(v), …, the root read here alone; Reciprocal of
//            itself
//          - Pow by 2 and -1; by 0.5 and -0.5 of what is not negative (Pow takes -inf to inf, Sqrt to NaN)
//          - MatMul, BatchMatMul of a Transpose of its last two dims that it alone reads
//          - Conv2D, DepthwiseConv2dNative, MatMul of x * c, a number between 2^-40 and 2^40, which it alone reads, by
//            constant weights that are its own: c * W
//          else of float and double; roots and powers where a kernel is.
// Keeps:   the names of inputs and outputs.   Contract: rounding, 1e-5 of the output's range: a few roundings of 2^-24
//          each, of numbers no more than four times as large. Log(1 + x) is not made Log1p, nor Exp(x) - 1 Expm1: near
//          0 these differ by more than rounding, if for the better.
// Ends:    every change removes an addition, factor, division, Pow, Reciprocal, Transpose, Neg, Relu, or a Mul before
//          weights.
#include <algorithm>
#include <cmath>

#include "passes/support/reassociate.h"
#include "passes/support/simplify.h"
#include "passes/support/zero_signs.h"
#include "runtime/evaluate.h"

namespace tarn {
namespace {

bool is_taken(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kDouble;
}

std::optional<double> splat_of(const Simplifier& s, Wire wire) {
  const Tensor* value = s.rewriter.constant(wire);
  return value != nullptr ? splat_value(*value) : std::nullopt;
}

// One of these ops, read here alone; null otherwise.
const Node* only_behind(const Simplifier& s, Wire wire, std::initializer_list<std::string_view> ops) {
  const Node* node = s.behind(wire, ops);
  return node != nullptr && s.rewriter.has_one_user(wire.node) ? node : nullptr;
}

// --- but for the sign of a zero -------------------------------------------------------------------------------------
Status drop_zero(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (!dtype_is_floating(node.outputs[0].dtype)) return {};
  for (size_t side : {1, 0}) {
    if (side == 0 && node.is("Sub")) break;
    Wire x = node.inputs[1 - side];
    if (splat_of(s, node.inputs[side]) != 0 || !keeps_shape(s.shape(x), s.shape(node.inputs[side]))) continue;
    return s.rewriter.splice(id, x, str_cat(node.op, " with 0"));
  }
  return {};
}

Status turn_float_difference(Simplifier& s, NodeId id) {
  return turn_difference(s, id, Arithmetic::kFloating);
}
Status clamp_floats_once(Simplifier& s, NodeId id) {
  return clamp_once(s, id, Arithmetic::kFloating);
}

// --- constants one after the other ----------------------------------------------------------------------------------
Status merge_float_addends(Simplifier& s, NodeId id) {
  return merge_addends(s, id, Arithmetic::kFloating);
}
Status merge_float_factors(Simplifier& s, NodeId id) {
  return merge_factors(s, id, Arithmetic::kFloating);
}

Status merge_biases(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Node* inner = only_behind(s, node.inputs[0], {"BiasAdd"});
  if (inner == nullptr || !is_taken(node.outputs[0].dtype) ||
      inner->attrs.get_or<std::string>("data_format", "NHWC") != node.attrs.get_or<std::string>("data_format", "NHWC"))
    return {};
  const Tensor *first = s.rewriter.constant(inner->inputs[1]), *second = s.rewriter.constant(node.inputs[1]);
  if (first == nullptr || second == nullptr || first->shape() != second->shape() ||
      !adds_up(s.rewriter.graph(), *first, *second))
    return {};
  Tensor sum = *first;
  auto add = [](auto to, auto from) {
    for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  };
  if (sum.dtype() == DType::kFloat) {
    add(sum.mutable_flat<float>(), second->flat<float>());
  } else {
    add(sum.mutable_flat<double>(), second->flat<double>());
  }
  std::string what = str_cat("one bias with ", quoted(inner->name));
  Patch patch = s.rewriter.patch();
  Wire bias = patch.constant(node.name + "/bias", sum);
  patch.replace_node(id, patch.add({.name = node.name + "/merged",
                                    .op = "BiasAdd",
                                    .inputs = {inner->inputs[0], bias},
                                    .attrs = node.attrs,
                                    .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

// --- divisions ------------------------------------------------------------------------------------------------------
// Far from where a product with it leaves the normal numbers. (Not NaN.)
bool is_moderate(double factor) {
  constexpr double kLargest = 0x1p40;
  return std::abs(factor) <= kLargest && std::abs(factor) >= 1 / kLargest;
}

template <class T>
std::optional<Tensor> reciprocal_as(const Tensor& tensor) {
  Tensor result = tensor;
  for (T& value : result.mutable_flat<T>()) {
    if (!is_moderate(static_cast<double>(value))) return std::nullopt;
    value = T{1} / value;
  }
  return result;
}

std::optional<Tensor> reciprocal(const Tensor& divisor) {
  if (divisor.dtype() == DType::kFloat) return reciprocal_as<float>(divisor);
  if (divisor.dtype() == DType::kDouble) return reciprocal_as<double>(divisor);
  return std::nullopt;
}

Status multiply_by_reciprocal(Simplifier& s, NodeId id) {
  return multiply_instead_of_dividing(s, id, reciprocal, "division by a constant is multiplication");
}

// x / Sqrt(v) = x * Rsqrt(v): both are NaN where x and v are 0, or inf.
Status divide_by_root(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  DType dtype = node.outputs[0].dtype;
  const Node* root = only_behind(s, node.inputs[1], {"Sqrt", "Rsqrt"});
  if (root == nullptr || !is_taken(dtype)) return {};
  std::string_view op = root->is("Sqrt") ? "Rsqrt" : "Sqrt";
  if (!has_kernel(s.rewriter.graph(), op, dtype)) return {};
  std::string what = str_cat("one with ", quoted(root->name));
  // 1 / Sqrt(v) is Rsqrt(v).
  if (splat_of(s, node.inputs[0]) == 1 && keeps_shape(s.shape(root->inputs[0]), s.shape(node.inputs[0]))) {
    return replace_with(s, id, op, {root->inputs[0]}, what);
  }
  Patch patch = s.rewriter.patch();
  Wire factor = patch.add(
      {.name = root->name + "/reciprocal", .op = std::string(op), .inputs = root->inputs, .device = root->device});
  patch.replace_node(
      id,
      patch.add(
          {.name = node.name + "/multiplied", .op = "Mul", .inputs = {node.inputs[0], factor}, .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

Status simplify_reciprocal(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  DType dtype = node.outputs[0].dtype;
  if (!is_taken(dtype)) return {};
  if (const Node* inner = s.behind(node.inputs[0], {"Reciprocal", "Inv"})) {
    return s.rewriter.splice(id, inner->inputs[0], str_cat("undoes ", quoted(inner->name)));
  }
  const Node* root = only_behind(s, node.inputs[0], {"Sqrt", "Rsqrt"});
  if (root == nullptr) return {};
  std::string_view op = root->is("Sqrt") ? "Rsqrt" : "Sqrt";
  if (!has_kernel(s.rewriter.graph(), op, dtype)) return {};
  return replace_with(s, id, op, root->inputs, str_cat("one with ", quoted(root->name)));
}

// --- powers ---------------------------------------------------------------------------------------------------------
// Surely neither negative (-inf, -0) nor made of what could be; NaN may be.
bool is_not_negative(const Simplifier& s, Wire wire, int depth = 8) {
  if (depth == 0 || wire.is_none()) return false;
  if (const Tensor* value = s.rewriter.constant(wire)) {
    std::optional<std::vector<double>> values = real_values(*value);
    return values && std::none_of(values->begin(), values->end(), [](double v) { return std::signbit(v); });
  }
  if (s.behind(wire, {"Abs", "Square", "SquaredDifference", "Exp", "Sigmoid", "Softmax", "Softplus"})) return true;
  // (A sum, mean or largest of nothing: 0, NaN, -inf.)
  if (const Node* node = s.behind(wire, {"Sum", "Mean", "Reshape", "Squeeze", "ExpandDims", "Identity"})) {
    return is_not_negative(s, node->inputs[0], depth - 1);
  }
  if (const Node* node = s.behind(wire, {"Add", "AddV2", "AddN", "Mul", "RealDiv"})) {
    return std::all_of(node->inputs.begin(), node->inputs.end(),
                       [&](Wire input) { return is_not_negative(s, input, depth - 1); });
  }
  return false;
}

Status simplify_pow(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  DType dtype = node.outputs[0].dtype;
  std::optional<double> power = splat_of(s, node.inputs[1]);
  if (!power || !is_taken(dtype) || !keeps_shape(s.shape(node.inputs[0]), s.shape(node.inputs[1]))) return {};
  constexpr struct {
    double power;
    std::string_view op;
    bool is_root;
  } kPowers[] = {{2, "Square", false}, {-1, "Reciprocal", false}, {0.5, "Sqrt", true}, {-0.5, "Rsqrt", true}};
  for (const auto& known : kPowers) {
    if (*power != known.power || !has_kernel(s.rewriter.graph(), known.op, dtype)) continue;
    if (known.is_root && !is_not_negative(s, node.inputs[0])) continue;
    return replace_with(s, id, known.op, {node.inputs[0]}, str_cat("Pow ", *power, " is ", known.op));
  }
  return {};
}

// --- Transpose into MatMul ------------------------------------------------------------------------------------------
// Whether the permutation swaps the last two dims and leaves the others.
bool swaps_last_two(const std::vector<int64_t>& permutation) {
  auto rank = static_cast<int64_t>(permutation.size());
  for (int64_t i = 0; i < rank; ++i) {
    int64_t expected = i < rank - 2 ? i : rank - 1 - (i - (rank - 2));
    if (permutation[static_cast<size_t>(i)] != expected) return false;
  }
  return rank >= 2;
}

Status take_transposes(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (!is_taken(node.outputs[0].dtype)) return {};
  const bool is_batch = !node.is("MatMul");
  const std::string_view flags[] = {is_batch ? "adj_x" : "transpose_a", is_batch ? "adj_y" : "transpose_b"};
  NodeSpec spec = copy_of(node, "/simplified");
  std::string what = "takes in";
  for (size_t i = 0; i < 2; ++i) {
    const Node* transpose = only_behind(s, node.inputs[i], {"Transpose"});
    if (transpose == nullptr) continue;
    std::optional<std::vector<int64_t>> order = s.integers(transpose->inputs[1]);
    if (!order || !swaps_last_two(*order)) continue;
    spec.inputs[i] = transpose->inputs[0];
    spec.attrs.set(flags[i], !node.attrs.get_or<bool>(flags[i], false));
    what += str_cat(" ", quoted(transpose->name));
  }
  if (spec.inputs == node.inputs) return {};
  Patch patch = s.rewriter.patch();
  patch.replace_node(id, patch.add(std::move(spec)));
  return s.rewriter.commit(patch, id, what);
}

// --- a factor before weights ----------------------------------------------------------------------------------------
// Conv2D(x * c, W) = Conv2D(x, c * W): what pads the image is 0 either way.
Status scale_weights(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Tensor* weights = s.rewriter.constant(node.inputs[1]);
  const Node* mul = only_behind(s, node.inputs[0], {"Mul"});
  if (weights == nullptr || mul == nullptr || !is_taken(weights->dtype()) ||
      !s.rewriter.has_one_user(node.inputs[1].node))
    return {};
  for (size_t side : {1, 0}) {
    const Tensor* factor = s.rewriter.constant(mul->inputs[side]);
    Wire x = mul->inputs[1 - side];
    bool is_scalar = factor != nullptr && factor->element_count() == 1 && keeps_shape(s.shape(x), factor->shape());
    if (!is_scalar || !is_moderate(splat_value(*factor).value_or(0))) continue;
    TARN_ASSIGN_OR_RETURN(Tensor scalar, factor->reshaped(Shape()));
    const Tensor factors[] = {*weights, scalar};
    Result<std::vector<Tensor>> scaled = evaluate_op(s.rewriter.graph().ops(), "Mul", {}, factors);
    if (!scaled.ok()) return {};
    std::string what = str_cat("has the factor of ", quoted(mul->name), " in its weights");
    Patch patch = s.rewriter.patch();
    Wire constant = patch.constant(node.name + "/scaled_weights", scaled->at(0));
    NodeSpec spec = copy_of(node, "/simplified");
    spec.inputs = {x, constant};
    patch.replace_node(id, patch.add(std::move(spec)));
    return s.rewriter.commit(patch, id, what);
  }
  return {};
}

constexpr Simplification kRules[] = {
    {"Add", drop_zero},
    {"AddV2", drop_zero},
    {"Sub", drop_zero},
    {"Neg", turn_float_difference},
    {"Relu", clamp_floats_once},
    {"Relu6", clamp_floats_once},
    {"Add", merge_float_addends},
    {"AddV2", merge_float_addends},
    {"Sub", merge_float_addends},
    {"Mul", merge_float_factors},
    {"BiasAdd", merge_biases},
    {"RealDiv", multiply_by_reciprocal},
    {"RealDiv", divide_by_root},
    {"Div", multiply_by_reciprocal},
    {"Div", divide_by_root},
    {"Reciprocal", simplify_reciprocal},
    {"Inv", simplify_reciprocal},
    {"Pow", simplify_pow},
    {"MatMul", take_transposes},
    {"MatMul", scale_weights},
    {"BatchMatMul", take_transposes},
    {"BatchMatMulV2", take_transposes},
    {"Conv2D", scale_weights},
    {"DepthwiseConv2dNative", scale_weights},
};

Status simplify_arithmetic_rounding(Graph& graph, PassContext& context) {
  return simplify(graph, context, kRules);
}

constexpr std::string_view kDoc =
    R"(Arithmetic done with fewer or easier ops, which round elsewhere, or give a zero another sign.
  Before:  y = Add(Add(x, a), b);  z = RealDiv(x, Sqrt(v));  u = MatMul(Transpose(x, [1, 0]), w);  t = Pow(x, 2)
  After:   y = Add(x, a + b);      z = Mul(x, Rsqrt(v));     u = MatMul(x, w) {transpose_a};       t = Square(x)
  When:    floats: x + 0, -(a - b), Relu6 of a Relu, Relu of a Relu6. Float and double: constants added, or multiplied with, one after the other, where nothing cancels or
           overflows; division by a constant that nobody else reads; division by a root, one over a root, Reciprocal of
           itself; Pow by 2, -1, and (of what is not negative) 0.5, -0.5; MatMul, BatchMatMul of a Transpose of the last
           two dims that nobody else reads; a number with which the input of a convolution or product by constant weights
           is multiplied goes into these. Log(1 + x) stays: Log1p differs near 0 by more than rounding
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_simplify_arithmetic_rounding;
const PassDef pass_simplify_arithmetic_rounding = {.name = "simplify_arithmetic_rounding",
                                                   .doc = kDoc,
                                                   .contract = rounding(1e-5),
                                                   .run = simplify_arithmetic_rounding};

}  // namespace tarn
