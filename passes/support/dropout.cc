#include "passes/support/dropout.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

#include "passes/support/known_values.h"

namespace tarn {
namespace {

// Of arithmetic on numbers about 1, one or two roundings each.
double near(DType dtype) {
  switch (dtype) {
    case DType::kHalf: return 2e-3;      // 2^-10
    case DType::kBFloat16: return 2e-2;  // 2^-7
    default: return 1e-5;
  }
}

DropoutScalar complement(DropoutScalar scalar) {
  if (scalar.number) {
    scalar.number = 1 - *scalar.number;
  } else {
    scalar.is_complement = !scalar.is_complement;
  }
  return scalar;
}

class Finder {
 public:
  Finder(const GraphView& view, NodeId root, KeepShape shape)
      : r_(view), shape_(shape), tolerance_(near(view.node(root).outputs[0].dtype)), root_(root) {}

  // Whether mask and scaled are the two parts.
  bool find(Wire mask, Wire scaled) {
    found_ = {};
    if (!take_mask(mask) || !take_scaling(scaled)) return false;
    if (found_.keep.number && !(*found_.keep.number > 0 && *found_.keep.number <= 1)) return false;
    const Shape &before = r_.fact(found_.x).shape, &after = r_.node(root_).outputs[0].shape;
    return before.is_compatible_with(after) && r_.fact(found_.x).dtype == r_.node(root_).outputs[0].dtype &&
           keeps_shape(mask);
  }
  Dropout take() { return std::move(found_); }

 private:
  bool equals(const DropoutScalar& a, const DropoutScalar& b) const {
    if (a.number && b.number) return std::abs(*a.number - *b.number) <= tolerance_ * std::abs(*a.number);
    return !a.number && !b.number && a.wire == b.wire && a.is_complement == b.is_complement;
  }
  bool is_number(Wire wire, double number) const { return known_number(r_, wire) == number; }

  // Through a branch as well: it gets the same number.
  Wire source(Wire wire) const {
    for (wire = behind(r_, wire); r_.node(wire.node).is("Switch") && !r_.is_input(wire.node);)
      wire = behind(r_, r_.node(wire.node).inputs[0]);
    return wire;
  }

  std::optional<DropoutScalar> scalar_of(Wire wire, int depth = 0) const {
    constexpr int kMostDepth = 8;  // nobody takes 1 - (1 - …) more often
    wire = source(wire);
    if (depth > kMostDepth || r_.is_input(wire.node)) return std::nullopt;
    const Node& node = r_.node(wire.node);
    if (node.is("Const")) {
      std::optional<double> number = number_of(node.outputs[0].value);
      if (!number) return std::nullopt;
      return DropoutScalar{number, {}, false};
    }
    if (node.is("Sub") && is_number(source(node.inputs[0]), 1)) {
      std::optional<DropoutScalar> rate = scalar_of(node.inputs[1], depth + 1);
      if (!rate) return std::nullopt;
      return complement(*rate);
    }
    const Shape& shape = r_.fact(wire).shape;
    bool fits = shape.is_scalar() || (shape_ == KeepShape::kScalarOrUnknown && !shape.has_rank());
    if (!fits) return std::nullopt;
    return DropoutScalar{std::nullopt, wire, false};
  }

  // Uniform in [0, 1): random numbers, perhaps scaled by 1 and moved by 0 as tf.random_uniform writes it.
  NodeId random_numbers(Wire wire, int depth = 0) const {
    constexpr int kMostDepth = 8;
    const Node& node = r_.node(wire.node);
    if (depth > kMostDepth || r_.is_input(wire.node)) return -1;
    if (node.is("RandomUniform") || node.is("StatelessRandomUniform") || node.is("StatelessRandomUniformV2"))
      return wire.node;
    bool is_cast = node.is("Cast") && dtype_is_floating(r_.fact(node.inputs[0]).dtype);
    if (node.is("Identity") || is_cast) return random_numbers(node.inputs[0], depth + 1);
    bool adds = node.is("Add") || node.is("AddV2");
    if (adds && is_number(source(node.inputs[1]), 0)) return random_numbers(node.inputs[0], depth + 1);
    if (!node.is("Mul")) return -1;
    Wire factor = source(node.inputs[1]);
    const Node& range = r_.node(factor.node);
    bool is_one =
        is_number(factor, 1) || (range.is("Sub") && !r_.is_input(factor.node) &&
                                 is_number(source(range.inputs[0]), 1) && is_number(source(range.inputs[1]), 0));
    return is_one ? random_numbers(node.inputs[0], depth + 1) : -1;
  }

  // floor(keep + u), u >= rate, u < keep.
  bool take_mask(Wire wire) {
    NodeId at = wire.node;
    auto passes_on = [&] { return (r_.node(at).is("Cast") || r_.node(at).is("Identity")) && !r_.is_input(at); };
    while (passes_on()) at = r_.node(at).inputs[0].node;
    if (r_.is_input(at)) return false;
    bool floors = r_.node(at).is("Floor");
    if (floors) at = r_.node(at).inputs[0].node;
    const Node& node = r_.node(at);
    bool fits = floors ? node.is("Add") || node.is("AddV2") : node.is("GreaterEqual") || node.is("Less");
    if (!fits || r_.is_input(at)) return false;
    Wire uniform = node.inputs[0], threshold = node.inputs[1];
    if (floors && random_numbers(threshold) >= 0) std::swap(uniform, threshold);
    random_ = random_numbers(uniform);
    if (random_ < 0) return false;
    std::optional<DropoutScalar> keep = scalar_of(threshold);
    if (!keep) return false;
    bool is_rate = node.is("GreaterEqual");
    found_.keep = is_rate ? complement(*keep) : *keep;
    add_neutral(threshold, is_rate ? 0 : 1);
    found_.readers.push_back(at);
    return true;
  }

  // x / keep, x * (1 / keep), 1 / keep as a Reciprocal, too; x alone where keep is 1.
  bool take_scaling(Wire wire) {
    scaled_ = wire.node;
    const Node& node = r_.node(wire.node);
    auto is_keep = [&](Wire divisor) {
      std::optional<DropoutScalar> scalar = scalar_of(divisor);
      return scalar && equals(*scalar, found_.keep);
    };
    auto is_division = [](const Node& n) { return n.is("RealDiv") || n.is("Div"); };
    auto is_inverse_of_keep = [&](const Node& n) {
      if (n.is("Reciprocal") || n.is("Inv")) return is_keep(n.inputs[0]);
      return is_division(n) && is_number(source(n.inputs[0]), 1) && is_keep(n.inputs[1]);
    };
    bool is_open = !r_.is_input(wire.node);
    if (is_open && is_division(node) && is_keep(node.inputs[1])) return take_x(wire.node, 0);
    for (size_t i = 0; i < 2 && is_open && node.is("Mul"); ++i) {
      Wire factor = source(node.inputs[i]);
      const Node& inverse = r_.node(factor.node);
      bool divides = !r_.is_input(factor.node) && is_inverse_of_keep(inverse);
      std::optional<double> number = known_number(r_, factor);
      bool is_inverse = number && found_.keep.number && std::abs(*number * *found_.keep.number - 1) <= tolerance_;
      if (!divides && !is_inverse) continue;
      if (divides) found_.readers.push_back(factor.node);
      return take_x(wire.node, 1 - i);
    }
    if (found_.keep.number != 1.0) return false;
    found_.x = wire;
    return true;
  }
  bool take_x(NodeId scaling, size_t x) {
    const Node& node = r_.node(scaling);
    found_.x = node.inputs[x];
    add_neutral(node.inputs[1 - x], 1);
    found_.readers.push_back(scaling);
    return true;
  }

  // Of the scalar outside a loop or branch, where it can be told to all.
  void add_neutral(Wire wire, double value) {
    wire = source(wire);
    if (!is_number(wire, value)) found_.neutral.push_back({wire, value});
  }

  // A mask larger than x would make the result larger: its shape is taken from x's, or is known to fit.
  bool keeps_shape(Wire mask) const {
    if (broadcasts_into(r_.fact(mask).shape, r_.fact(found_.x).shape)) return true;
    const Node& random = r_.node(random_);
    return !random.inputs.empty() && reads_shape_of_x(random.inputs[0]);
  }
  bool reads_shape_of_x(Wire shape) const {
    constexpr size_t kMostNodes = 64;  // between a Shape and the random numbers: a slice, a Pack
    std::vector<NodeId> stack = {shape.node};
    std::unordered_set<NodeId> seen = {shape.node};
    while (!stack.empty() && seen.size() <= kMostNodes) {
      const Node& node = r_.node(stack.back());
      stack.pop_back();
      if (node.is("Shape")) {
        Wire of = node.inputs[0];
        if (of == found_.x || of.node == scaled_ || source(of) == source(found_.x)) return true;
        continue;
      }
      for (Wire input : node.inputs) {
        if (!input.is_none() && seen.insert(input.node).second) stack.push_back(input.node);
      }
    }
    return false;
  }

  const GraphView& r_;
  KeepShape shape_;
  double tolerance_;
  NodeId root_, random_ = -1, scaled_ = -1;
  Dropout found_;
};

}  // namespace

std::optional<Dropout> find_dropout(const GraphView& view, NodeId id, KeepShape shape) {
  const Node& node = view.node(id);
  if (node.outputs.size() != 1 || !dtype_is_floating(node.outputs[0].dtype)) return std::nullopt;
  Finder finder(view, id, shape);
  if (node.is("Mul")) {
    if (finder.find(node.inputs[0], node.inputs[1]) || finder.find(node.inputs[1], node.inputs[0]))
      return finder.take();
  } else if (node.is("SelectV2") || node.is("Select")) {
    if (known_number(view, node.inputs[2]) == 0.0 && finder.find(node.inputs[0], node.inputs[1])) return finder.take();
  }
  return std::nullopt;
}

bool is_random(const Graph& graph, Wire wire) {
  constexpr size_t kMostNodes = 16;  // between the numbers and what is drawn: a range, an offset, a cast
  std::vector<NodeId> found;
  if (!wire.is_none()) found.push_back(wire.node);
  for (size_t i = 0; i < found.size() && i < kMostNodes; ++i) {
    const Node& node = graph.node(found[i]);
    if (node.op.starts_with("Random") || node.op.starts_with("StatelessRandom")) return true;
    bool stretches = node.is("Add") || node.is("AddV2") || node.is("Mul") || node.is("Sub") || node.is("Identity") ||
                     node.is("Cast");
    if (!stretches) continue;
    for (Wire input : node.inputs) {
      if (!input.is_none()) found.push_back(input.node);
    }
  }
  return false;
}

bool draws(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  bool compares = node.is("GreaterEqual") || node.is("Greater") || node.is("Less") || node.is("LessEqual");
  if (!compares && !node.is("Floor")) return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](Wire input) { return is_random(graph, input); });
}

std::vector<NodeId> dropout_nodes(const Graph& graph) {
  std::set<NodeId> found;
  for (NodeId id : graph.ids()) {
    if (!draws(graph, id)) continue;
    std::vector<NodeId> stack = {id};
    while (!stack.empty()) {
      NodeId at = stack.back();
      stack.pop_back();
      for (const Use& use : graph.uses(at)) {
        const Node& user = graph.node(use.node);
        bool drops = user.is("Mul") || user.is("Select") || user.is("SelectV2");
        if (use.input != Use::kControl && drops) found.insert(use.node);
        if (use.input != Use::kControl && (user.is("Cast") || user.is("Identity"))) stack.push_back(use.node);
      }
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace tarn
