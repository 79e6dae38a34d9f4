// simplify_arithmetic: arithmetic that need not be done, or that an easier op does to the last bit.
//
// Before:  y = Mul(Sub(x, 0), 1);  z = Square(Sub(a, b));  u = Abs(Neg(x));  v = Add(a, Neg(b))
// After:   y = x;                  z = SquaredDifference(a, b);  u = Abs(x);  v = Sub(a, b)
// When:    - a constant that changes nothing: x - 0, x * 1, x / 1, x ^ 1, x and true, x or false, x | 0, where the
//            result surely is of x's shape; x + 0 of integers, and of floats x + -0, for -0 + 0 is 0; FloorDiv by 1 of
//            integers alone
//          - one that leaves nothing of x: x * 0 and x - x of integers, x and false, x or true, x & 0, where the shape
//            is known and the result small
//          - AddN of one; Select by a constant that is true, or false, everywhere, or of the same twice; Maximum,
//            Minimum, and, or of the same twice
//          - Abs, Sign, Relu, Relu6 and roundings of themselves, Abs and Square of a Neg, Relu of what is not negative;
//            Neg, Invert, LogicalNot, Conj of themselves; LogicalNot of (not) equal
//          - a + -b, a - -b; x * x is Square; Square of a difference that it alone reads SquaredDifference, but for
//          half
//            precision; integers squared by Pow; division by powers of two is multiplication
//          - (x + a) + b, (x * a) * b, -(a - b), Relu6 of a Relu and Relu of a Relu6 of integers
//          A node that waits, or is waited for, stays; what is dropped has a value in every run.
// Keeps:   the names of inputs and outputs.   Contract: exact: equal bits, NaN for NaN.
// Ends:    every change removes a node, a Neg's use, or a Pow, division or Mul in favour of an op that nothing turns
//          back.
#include <algorithm>
#include <cmath>

#include "passes/support/reassociate.h"
#include "passes/support/simplify.h"
#include "passes/support/zero_signs.h"

namespace tarn {
namespace {

// Constants made here are no larger.
constexpr int64_t kMostBytes = 64 << 10;

std::optional<double> splat_of(const Simplifier& s, Wire wire) {
  const Tensor* value = s.rewriter.constant(wire);
  if (value == nullptr) return std::nullopt;
  if (value->dtype() != DType::kBool) return splat_value(*value);
  std::span<const bool> flags = value->flat<bool>();
  if (flags.empty() || std::find(flags.begin(), flags.end(), !flags[0]) != flags.end()) return std::nullopt;
  return flags[0] ? 1 : 0;
}

// --- neutral and absorbing constants --------------------------------------------------------------------------------
struct Neutral {
  std::string_view op;
  double value;
  bool either_side, integers_only;
};
// -0 + +0 is +0: of floats only -0 added, and +0 subtracted, changes nothing (the other one: zero_signs.h).
constexpr Neutral kNeutral[] = {
    {"Add", -0.0, true, false},      {"AddV2", -0.0, true, false},   {"Sub", 0, false, false},
    {"Mul", 1, true, false},         {"Div", 1, false, false},       {"RealDiv", 1, false, false},
    {"TruncateDiv", 1, false, true}, {"FloorDiv", 1, false, true},   {"DivNoNan", 1, false, false},
    {"Pow", 1, false, false},        {"LogicalAnd", 1, true, false}, {"LogicalOr", 0, true, false},
    {"BitwiseOr", 0, true, true},    {"BitwiseXor", 0, true, true},
};

Status drop_neutral(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Neutral* rule =
      std::find_if(std::begin(kNeutral), std::end(kNeutral), [&](const Neutral& n) { return node.is(n.op); });
  bool is_integer = dtype_is_integer(node.outputs[0].dtype);
  if (rule == std::end(kNeutral) || (rule->integers_only && !is_integer)) return {};
  for (size_t side : {1, 0}) {
    if (side == 0 && !rule->either_side) break;
    std::optional<double> value = splat_of(s, node.inputs[side]);
    Wire x = node.inputs[1 - side];
    bool changes_nothing = value == rule->value && (is_integer || std::signbit(*value) == std::signbit(rule->value));
    if (changes_nothing && keeps_shape(s.shape(x), s.shape(node.inputs[side]))) {
      return s.rewriter.splice(id, x, str_cat(node.op, " with ", *value));
    }
  }
  return {};
}

struct Absorbing {
  std::string_view op;
  double value;  // and result
};
constexpr Absorbing kAbsorbing[] = {{"Mul", 0}, {"LogicalAnd", 0}, {"LogicalOr", 1}, {"BitwiseAnd", 0}};

Status absorb(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Fact fact = node.outputs[0];
  Result<int64_t> count = fact.shape.element_count();
  if (!count.ok() || *count > kMostBytes / static_cast<int64_t>(sizeof(int64_t))) return {};
  if (!dtype_is_integer(fact.dtype) && fact.dtype != DType::kBool) return {};
  std::optional<double> result;
  if (node.is("Sub") && node.inputs[0] == node.inputs[1]) result = 0;
  for (const Absorbing& rule : kAbsorbing) {
    if (!node.is(rule.op)) continue;
    for (Wire wire : node.inputs) {
      if (splat_of(s, wire) == rule.value) result = rule.value;
    }
  }
  if (!result || !s.is_always_computed({id, 0})) return {};
  TARN_ASSIGN_OR_RETURN(Tensor value, Tensor::zeros(fact.dtype, fact.shape));
  if (*result != 0) std::fill_n(value.mutable_flat<bool>().begin(), value.element_count(), true);
  std::string what = str_cat("is ", *result, " whatever it reads");
  Patch patch = s.rewriter.patch();
  patch.replace_node(id, patch.constant(node.name + "/absorbed", value));
  return s.rewriter.commit(patch, id, what);
}

// --- the same twice, one of several ---------------------------------------------------------------------------------
Status drop_single(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (node.inputs.size() != 1) return {};
  return s.rewriter.splice(id, node.inputs[0], "the sum of one");
}

Status drop_same_twice(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (node.inputs[0] != node.inputs[1]) return {};
  return s.rewriter.splice(id, node.inputs[0], str_cat(node.op, " of the same twice"));
}

Status simplify_select(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<double> condition = splat_of(s, node.inputs[0]);
  bool is_same = node.inputs[1] == node.inputs[2];
  if (!condition && !is_same) return {};
  size_t taken = is_same || *condition != 0 ? 1 : 2;
  Wire chosen = node.inputs[taken];
  for (size_t i : {size_t{0}, 3 - taken}) {
    // Both of Select's are of one shape; SelectV2 broadcasts.
    if (node.is("SelectV2") && !keeps_shape(s.shape(chosen), s.shape(node.inputs[i]))) return {};
    if (node.inputs[i] != chosen && !s.is_always_computed(node.inputs[i])) return {};
  }
  std::string_view why = is_same ? "the same either way" : taken == 1 ? "always true" : "always false";
  return s.rewriter.splice(id, chosen, why);
}

// --- unary ops behind each other ------------------------------------------------------------------------------------
Status clamp_integers_once(Simplifier& s, NodeId id) {
  return clamp_once(s, id, Arithmetic::kInteger);
}

Status drop_idempotent(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (s.behind(node.inputs[0], {node.op}) == nullptr) return {};
  return s.rewriter.splice(id, node.inputs[0], str_cat(node.op, " of a ", node.op));
}

Status drop_rounding(Simplifier& s, NodeId id) {
  const Node* inner = s.behind(s.node(id).inputs[0], {"Floor", "Ceil", "Round", "Rint"});
  if (inner == nullptr) return {};
  return s.rewriter.splice(id, s.node(id).inputs[0], str_cat("rounds what ", quoted(inner->name), " rounded"));
}

Status drop_relu(Simplifier& s, NodeId id) {
  Wire x = s.node(id).inputs[0];
  const Node* inner =
      s.behind(x, {"Relu", "Abs", "Square", "SquaredDifference", "Exp", "Sigmoid", "Softmax", "Softplus"});
  if (inner == nullptr) return {};
  // The lowest int squared or made positive stays negative.
  if (!dtype_is_floating(s.dtype(x)) && !inner->is("Relu")) return {};
  return s.rewriter.splice(id, x, str_cat("what ", quoted(inner->name), " gives is not negative"));
}

Status abs_of_neg(Simplifier& s, NodeId id) {
  return read_past(s, id, {"Neg"});
}
Status square_of_sign(Simplifier& s, NodeId id) {
  if (!dtype_is_floating(s.node(id).outputs[0].dtype)) return read_past(s, id, {"Neg"});
  return read_past(s, id, {"Neg", "Abs"});
}

Status drop_involution(Simplifier& s, NodeId id) {
  const Node* inner = s.behind(s.node(id).inputs[0], {s.node(id).op});
  if (inner == nullptr) return {};
  return s.rewriter.splice(id, inner->inputs[0], str_cat("undoes ", quoted(inner->name)));
}

Status not_equal(Simplifier& s, NodeId id) {
  const Node* inner = s.behind(s.node(id).inputs[0], {"Equal", "NotEqual"});
  if (inner == nullptr || !s.rewriter.has_one_user(s.node(id).inputs[0].node)) return {};
  Patch patch = s.rewriter.patch();
  std::string what = str_cat("one with ", quoted(inner->name));
  patch.replace_node(id, patch.add({.name = s.node(id).name + "/simplified",
                                    .op = inner->is("Equal") ? "NotEqual" : "Equal",
                                    .inputs = inner->inputs,
                                    .attrs = inner->attrs,
                                    .device = s.node(id).device}));
  return s.rewriter.commit(patch, id, what);
}

// --- signs ----------------------------------------------------------------------------------------------------------
Status add_of_neg(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (!has_kernel(s.rewriter.graph(), "Sub", node.outputs[0].dtype)) return {};
  for (size_t side : {1, 0}) {
    const Node* neg = s.behind(node.inputs[side], {"Neg"});
    if (neg == nullptr) continue;
    return replace_with(s, id, "Sub", {node.inputs[1 - side], neg->inputs[0]},
                        str_cat("subtracts what ", quoted(neg->name), " negates"));
  }
  return {};
}

Status sub_of_neg(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Node* neg = s.behind(node.inputs[1], {"Neg"});
  if (neg == nullptr || !has_kernel(s.rewriter.graph(), "Add", node.outputs[0].dtype)) return {};
  return replace_with(s, id, "Add", {node.inputs[0], neg->inputs[0]},
                      str_cat("adds what ", quoted(neg->name), " negates"));
}

Status turn_integer_difference(Simplifier& s, NodeId id) {
  return turn_difference(s, id, Arithmetic::kInteger);
}

// --- squares and powers of two --------------------------------------------------------------------------------------
Status square_of_same(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (node.inputs[0] != node.inputs[1] || !has_kernel(s.rewriter.graph(), "Square", node.outputs[0].dtype)) return {};
  return replace_with(s, id, "Square", {node.inputs[0]}, "Mul of the same twice is Square");
}

Status squared_difference(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  DType dtype = node.outputs[0].dtype;
  const Node* sub = s.behind(node.inputs[0], {"Sub"});
  // Of half precision the difference is not rounded on the way; of complex numbers it is the square of the distance.
  bool is_taken = dtype == DType::kFloat || dtype == DType::kDouble || dtype_is_integer(dtype);
  if (sub == nullptr || !is_taken || !s.rewriter.has_one_user(node.inputs[0].node)) return {};
  if (!has_kernel(s.rewriter.graph(), "SquaredDifference", dtype)) return {};
  return replace_with(s, id, "SquaredDifference", sub->inputs, str_cat("one with ", quoted(sub->name)));
}

Status square_by_pow(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  DType dtype = node.outputs[0].dtype;
  bool may = dtype_is_integer(dtype) && has_kernel(s.rewriter.graph(), "Square", dtype) &&
             splat_of(s, node.inputs[1]) == 2 && keeps_shape(s.shape(node.inputs[0]), s.shape(node.inputs[1]));
  if (!may) return {};
  return replace_with(s, id, "Square", {node.inputs[0]}, "Pow 2 is Square");
}

// x / 2^k = x * 2^-k: both are rounded once, from the same number.
template <class T>
std::optional<Tensor> reciprocal_power_of_two(const Tensor& tensor, int most_exponent) {
  Tensor result = tensor;
  for (T& value : result.mutable_flat<T>()) {
    int exponent = 0;
    T significand = std::frexp(value, &exponent);  // value = significand * 2^exponent, |significand| in [1/2, 1)
    if (std::abs(significand) != T{0.5} || std::abs(exponent - 1) > most_exponent) return std::nullopt;
    value = T{1} / value;
  }
  return result;
}

std::optional<Tensor> exact_reciprocal(const Tensor& divisor) {
  // Of these both the number and its reciprocal are normal.
  constexpr int kFloatExponent = 126, kDoubleExponent = 1022;
  if (divisor.dtype() == DType::kFloat) return reciprocal_power_of_two<float>(divisor, kFloatExponent);
  if (divisor.dtype() == DType::kDouble) return reciprocal_power_of_two<double>(divisor, kDoubleExponent);
  return std::nullopt;
}

Status divide_by_power_of_two(Simplifier& s, NodeId id) {
  return multiply_instead_of_dividing(s, id, exact_reciprocal, "division by a power of two is multiplication");
}

Status merge_integer_addends(Simplifier& s, NodeId id) {
  return merge_addends(s, id, Arithmetic::kInteger);
}
Status merge_integer_factors(Simplifier& s, NodeId id) {
  return merge_factors(s, id, Arithmetic::kInteger);
}

constexpr Simplification kRules[] = {
    {"Add", drop_neutral},
    {"Add", add_of_neg},
    {"Add", merge_integer_addends},
    {"AddV2", drop_neutral},
    {"AddV2", add_of_neg},
    {"AddV2", merge_integer_addends},
    {"AddN", drop_single},
    {"Sub", drop_neutral},
    {"Sub", absorb},
    {"Sub", sub_of_neg},
    {"Sub", merge_integer_addends},
    {"Mul", drop_neutral},
    {"Mul", absorb},
    {"Mul", square_of_same},
    {"Mul", merge_integer_factors},
    {"Div", drop_neutral},
    {"Div", divide_by_power_of_two},
    {"RealDiv", drop_neutral},
    {"RealDiv", divide_by_power_of_two},
    {"TruncateDiv", drop_neutral},
    {"FloorDiv", drop_neutral},
    {"DivNoNan", drop_neutral},
    {"Pow", drop_neutral},
    {"Pow", square_by_pow},
    {"LogicalAnd", drop_neutral},
    {"LogicalAnd", absorb},
    {"LogicalAnd", drop_same_twice},
    {"LogicalOr", drop_neutral},
    {"LogicalOr", absorb},
    {"LogicalOr", drop_same_twice},
    {"LogicalNot", drop_involution},
    {"LogicalNot", not_equal},
    {"BitwiseAnd", absorb},
    {"BitwiseAnd", drop_same_twice},
    {"BitwiseOr", drop_neutral},
    {"BitwiseOr", drop_same_twice},
    {"BitwiseXor", drop_neutral},
    {"Maximum", drop_same_twice},
    {"Minimum", drop_same_twice},
    {"Select", simplify_select},
    {"SelectV2", simplify_select},
    {"Abs", drop_idempotent},
    {"Abs", abs_of_neg},
    {"Sign", drop_idempotent},
    {"Floor", drop_rounding},
    {"Ceil", drop_rounding},
    {"Round", drop_rounding},
    {"Rint", drop_rounding},
    {"Relu", drop_relu},
    {"Relu", clamp_integers_once},
    {"Relu6", drop_idempotent},
    {"Relu6", clamp_integers_once},
    {"Square", square_of_sign},
    {"Square", squared_difference},
    {"Neg", drop_involution},
    {"Neg", turn_integer_difference},
    {"Invert", drop_involution},
    {"Conj", drop_involution},
};

Status simplify_arithmetic(Graph& graph, PassContext& context) {
  return simplify(graph, context, kRules);
}

constexpr std::string_view kDoc = R"(Arithmetic that need not be done, or that an easier op does to the last bit.
  Before:  y = Mul(Sub(x, 0), 1);  z = Square(Sub(a, b));  u = Abs(Neg(x));  v = Add(a, Neg(b))
  After:   y = x;                  z = SquaredDifference(a, b);  u = Abs(x);  v = Sub(a, b)
  When:    a constant that changes nothing (x - 0, x * 1, x / 1, x ^ 1, x and true …; x + 0 of integers, and of floats
           x + -0, for -0 + 0 is 0) where the result surely is of x's shape; one that leaves nothing of x (integers and
           bools of known shape); AddN of one; Select by a constant, or of the same twice; Maximum, Minimum, and, or of
           the same twice; Abs, Sign, Relu, Relu6 and roundings of themselves; Relu of what is not negative; Neg, Invert,
           LogicalNot, Conj of themselves; signs that a sum or a square takes in; x * x; the square of a difference (not of half precision);
           division by powers of two; of integers constants added or multiplied one after the other, differences turned
           round and Relu with Relu6. A node that waits, or is waited for, stays
  Keeps:   the names of inputs and outputs. Equal bits, NaN for NaN.)";

}  // namespace

extern const PassDef pass_simplify_arithmetic;
const PassDef pass_simplify_arithmetic = {
    .name = "simplify_arithmetic", .doc = kDoc, .contract = exact(), .run = simplify_arithmetic};

}  // namespace tarn
