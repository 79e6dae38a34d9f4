#include "passes/support/reassociate.h"

#include <algorithm>
#include <cmath>

#include "runtime/evaluate.h"

namespace tarn {
namespace {

bool is_taken(DType dtype, Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kInteger ? dtype_is_integer(dtype)
                                            : dtype == DType::kFloat || dtype == DType::kDouble;
}

std::optional<Tensor> evaluate(const Graph& graph, std::string_view op, std::initializer_list<Tensor> inputs) {
  Result<std::vector<Tensor>> result =
      evaluate_op(graph.ops(), op, {}, std::span<const Tensor>(inputs.begin(), inputs.size()));
  if (!result.ok()) return std::nullopt;
  return result->at(0);
}

// variable_sign * variable + constant_sign * constant
struct Sum {
  Wire variable, constant;
  int variable_sign = 1, constant_sign = 1;
};

std::optional<Sum> sum_of(const Simplifier& s, const Node& node) {
  bool is_difference = node.is("Sub");
  if (!is_difference && !node.is("Add") && !node.is("AddV2")) return std::nullopt;
  bool first = s.rewriter.constant(node.inputs[0]) != nullptr, second = s.rewriter.constant(node.inputs[1]) != nullptr;
  if (first == second) return std::nullopt;
  int sign = is_difference ? -1 : 1;
  if (second) return Sum{node.inputs[0], node.inputs[1], 1, sign};
  return Sum{node.inputs[1], node.inputs[0], sign, 1};
}

// What one does to the other; no larger than the larger of them.
bool is_no_larger(const Tensor& result, const Tensor& a, const Tensor& b) {
  return result.element_count() <= std::max(a.element_count(), b.element_count());
}

}  // namespace

bool adds_up(const Graph& graph, const Tensor& a, const Tensor& b) {
  // A sum at least a quarter of what was added: two bits of 24 are lost at most.
  constexpr double kLeastPart = 0.25;
  std::optional<Tensor> sum = evaluate(graph, "Add", {a, b});
  std::optional<Tensor> size_a = evaluate(graph, "Abs", {a}), size_b = evaluate(graph, "Abs", {b});
  if (!sum || !size_a || !size_b) return false;
  std::optional<Tensor> size = evaluate(graph, "Add", {*size_a, *size_b});
  if (!size) return false;
  std::optional<std::vector<double>> sums = real_values(*sum), sizes = real_values(*size);
  if (!sums || !sizes || sums->size() != sizes->size()) return false;
  for (size_t i = 0; i < sums->size(); ++i) {
    bool is_good = std::isfinite((*sizes)[i]) && std::abs((*sums)[i]) >= kLeastPart * (*sizes)[i];
    if (!is_good) return false;
  }
  return true;
}

Status merge_addends(Simplifier& s, NodeId id, Arithmetic arithmetic) {
  const Node& node = s.node(id);
  const Graph& graph = s.rewriter.graph();
  std::optional<Sum> outer = sum_of(s, node);
  if (!outer || !is_taken(node.outputs[0].dtype, arithmetic)) return {};
  const Node* inner_node = s.behind(outer->variable, {"Add", "AddV2", "Sub"});
  if (inner_node == nullptr || !s.rewriter.has_one_user(outer->variable.node)) return {};
  std::optional<Sum> inner = sum_of(s, *inner_node);
  if (!inner) return {};
  // o * (i * x + p * a) + q * b  =  (o * i) * x + (o * p * a + q * b)
  const Tensor a = *s.rewriter.constant(inner->constant), b = *s.rewriter.constant(outer->constant);
  int a_sign = outer->variable_sign * inner->constant_sign, b_sign = outer->constant_sign;
  int x_sign = outer->variable_sign * inner->variable_sign;
  if (arithmetic == Arithmetic::kFloating) {
    std::optional<Tensor> other = a_sign == b_sign ? b : evaluate(graph, "Neg", {b});
    if (!other || !adds_up(graph, a, *other)) return {};
  }
  bool both_minus = a_sign < 0 && b_sign < 0;
  std::optional<Tensor> sum = a_sign == b_sign ? evaluate(graph, "Add", {a, b})
                              : a_sign > 0     ? evaluate(graph, "Sub", {a, b})
                                               : evaluate(graph, "Sub", {b, a});
  // -(a + b) - x wants the number itself; x - (a + b) does not.
  if (sum && both_minus && x_sign < 0) sum = evaluate(graph, "Neg", {*sum});
  if (!sum || !is_no_larger(*sum, a, b)) return {};

  bool is_v2 = node.is("AddV2") || inner_node->is("AddV2");
  std::string what = str_cat("one constant with ", quoted(inner_node->name));
  Patch patch = s.rewriter.patch();
  Wire constant = patch.constant(node.name + "/addend", *sum);
  NodeSpec spec{.name = node.name + "/merged",
                .op = is_v2 ? "AddV2" : "Add",
                .inputs = {inner->variable, constant},
                .device = node.device};
  if (x_sign < 0) spec.inputs = {constant, inner->variable};
  if (x_sign < 0 || both_minus) spec.op = "Sub";
  patch.replace_node(id, patch.add(std::move(spec)));
  return s.rewriter.commit(patch, id, what);
}

Status merge_factors(Simplifier& s, NodeId id, Arithmetic arithmetic) {
  const Node& node = s.node(id);
  if (!is_taken(node.outputs[0].dtype, arithmetic)) return {};
  // The constant of a Mul and what is not.
  auto factors = [&](const Node& mul) -> std::optional<std::pair<Wire, Wire>> {
    bool first = s.rewriter.constant(mul.inputs[0]) != nullptr, second = s.rewriter.constant(mul.inputs[1]) != nullptr;
    if (first == second) return std::nullopt;
    return first ? std::pair(mul.inputs[0], mul.inputs[1]) : std::pair(mul.inputs[1], mul.inputs[0]);
  };
  auto outer = factors(node);
  if (!outer) return {};
  const Node* inner_node = s.behind(outer->second, {"Mul"});
  if (inner_node == nullptr || !s.rewriter.has_one_user(outer->second.node)) return {};
  auto inner = factors(*inner_node);
  if (!inner) return {};
  const Tensor a = *s.rewriter.constant(inner->first), b = *s.rewriter.constant(outer->first);
  if (arithmetic == Arithmetic::kFloating) {
    // Far from where x * a or a * b leaves the normal numbers while x * a * b does not: for x up to 2^87.
    constexpr double kLargest = 0x1p40;
    for (const Tensor* factor : {&a, &b}) {
      std::optional<std::vector<double>> values = real_values(*factor);
      if (!values) return {};
      for (double value : *values) {
        double size = std::abs(value);
        if (!(size <= kLargest && size >= 1 / kLargest)) return {};
      }
    }
  }
  std::optional<Tensor> product = evaluate(s.rewriter.graph(), "Mul", {a, b});
  if (!product || !is_no_larger(*product, a, b)) return {};
  std::string what = str_cat("one factor with ", quoted(inner_node->name));
  Patch patch = s.rewriter.patch();
  Wire constant = patch.constant(node.name + "/factor", *product);
  patch.replace_node(
      id,
      patch.add(
          {.name = node.name + "/merged", .op = "Mul", .inputs = {inner->second, constant}, .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

}  // namespace tarn
