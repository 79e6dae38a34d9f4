// What the simplifying passes ask before they take a node away.
//
//   Status drop_full_slice(Simplifier& s, NodeId id) {
//     if (…) return s.rewriter.splice(id, s.node(id).inputs[0], "takes all there is");
//     return {};
//   }
//   constexpr Simplification kRules[] = {{"Slice", drop_full_slice}, …};
//   Status run(Graph& graph, PassContext& context) { return simplify(graph, context, kRules); }
//
// A rule is asked for nodes of its op that may be replaced: may_replace() holds for them.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "passes/support/rewriter.h"

namespace tarn {

// Whether a node has a value in every run, once: nothing it needs is a Switch, a Merge or part of a loop. Only of such
// may the need be dropped, and only beside such does a new Const belong.
class ControlFlowReach {
 public:
  explicit ControlFlowReach(const Graph& graph);
  bool is_always_computed(NodeId id) const;

 private:
  const Graph& graph_;
  std::vector<bool> reached_;  // of the nodes there were at first
};

struct Simplifier {
  Rewriter& rewriter;
  const ControlFlowReach& reach;

  const Node& node(NodeId id) const { return rewriter.node(id); }
  const Shape& shape(Wire wire) const { return rewriter.fact(wire).shape; }
  DType dtype(Wire wire) const { return rewriter.fact(wire).dtype; }

  // A known, pure op that waits for nothing and that nothing waits for, no input of the graph, of which nobody asks for
  // an output beyond the first, and no variable is near.
  bool may_replace(NodeId id) const;
  // The same, but for outputs beyond the first.
  bool may_replace_all_outputs(NodeId id) const;
  // Its reader may read what it reads instead: output 0 of a pure op, not fed, that waits for nothing. It stays for its
  // other readers. Null if not, or if it is none of these ops.
  const Node* behind(Wire wire, std::initializer_list<std::string_view> ops) const;
  // The integers of a Const; nothing for anything else.
  std::optional<std::vector<int64_t>> integers(Wire wire) const;
  bool is_always_computed(Wire wire) const { return reach.is_always_computed(wire.node); }
};

// The one number that all elements of a real tensor are; nothing if they differ, there is none, or it is not real. The
// sign of a zero counts; NaN is nobody's equal.
std::optional<double> splat_value(const Tensor& tensor);
// Elements as double; nothing for what is not real. (int64 beyond 2^53 rounds.)
std::optional<std::vector<double>> real_values(const Tensor& tensor);
// `x` broadcast with `other` is surely of x's shape.
bool keeps_shape(const Shape& x, const Shape& other);
// Whatever they are, they are the same: known, or of one producer's making.
bool surely_equal(const Shape& a, const Shape& b);
// Whether the op takes this dtype and has a kernel for it.
bool has_kernel(const Graph& graph, std::string_view op, DType dtype);

// The node becomes one of this op, without attrs, reading these.
Status replace_with(Simplifier& s, NodeId id, std::string_view op, std::vector<Wire> inputs, std::string_view what);
// f(g(x)) = f(x), where g is one of these ops.
Status read_past(Simplifier& s, NodeId id, std::initializer_list<std::string_view> inner_ops);

// Which dtypes a rule is for, where it is exact of integers and not of floats.
enum class Arithmetic { kInteger, kFloating };

struct Simplification {
  std::string_view op;
  Status (*apply)(Simplifier& simplifier, NodeId id);
  bool any_outputs = false;  // asked even if outputs beyond the first are in use
};
// rewrite() with these rules: at each node the first that changes something.
Status simplify(Graph& graph, PassContext& context, std::span<const Simplification> rules);

// x / c becomes x * factor_of(c); nothing happens where that is nothing, or if others read c: the factor would be one
// constant more.
Status multiply_instead_of_dividing(Simplifier& simplifier, NodeId id,
                                    std::optional<Tensor> (*factor_of)(const Tensor& divisor), std::string_view what);

}  // namespace tarn
