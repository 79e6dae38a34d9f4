#include "passes/support/known_values.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "core/half.h"

namespace tarn {
namespace {

// Deep enough for any chain that a program writes; a longer one is not known.
constexpr int kMostDepth = 100;

bool is_loop_constant(const Node& node) {
  return node.is("Enter") && node.attrs.get_or<bool>("is_constant", false);
}

bool is_one_of(const Node& node, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), node.op) != ops.end();
}

template <class T>
std::optional<double> first_as_double(const Tensor& value) {
  return static_cast<double>(value.flat<T>()[0]);
}

// What the op makes of a and b; nothing for other ops.
std::optional<double> computed(const Node& node, double a, double b) {
  if (node.is("LogicalAnd")) return a != 0 && b != 0;
  if (node.is("LogicalOr")) return a != 0 || b != 0;
  if (node.is("Equal")) return a == b;
  if (node.is("NotEqual")) return a != b;
  if (node.is("Greater")) return a > b;
  if (node.is("GreaterEqual")) return a >= b;
  if (node.is("Less")) return a < b;
  if (node.is("LessEqual")) return a <= b;
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const GraphView& view) : r_(view) {}

  std::optional<KnownScalar> read(Wire wire, int depth) const {
    if (wire.is_none() || depth > kMostDepth || r_.is_input(wire.node)) return std::nullopt;
    const Node& node = r_.node(wire.node);
    if (node.def == nullptr || node.outputs.size() != 1) return std::nullopt;
    std::optional<KnownScalar> known;
    if (node.is("Const")) {
      known = constant(node.outputs[0].value);
    } else if (is_one_of(node, {"Identity", "StopGradient"}) || is_loop_constant(node)) {
      known = read(node.inputs[0], depth + 1);
    } else if (node.is("LogicalNot")) {
      known = read(node.inputs[0], depth + 1);
      if (known) known->number = known->number == 0;
    } else if (node.is("Cast")) {
      known = cast(node, depth);
    } else if (is_one_of(node, {"Reshape", "ExpandDims", "Squeeze"})) {
      known = reshaped(node, depth);
    } else if (node.inputs.size() == 2) {
      known = of_two(node, depth);
    }
    if (known) known->waits = known->waits || !node.controls.empty();
    return known;
  }

 private:
  static std::optional<KnownScalar> constant(const Tensor& value) {
    std::optional<double> number = number_of(value);
    if (!number) return std::nullopt;
    return KnownScalar{*number, value.shape(), false};
  }

  // To bool, and between types that hold small integers as they are.
  std::optional<KnownScalar> cast(const Node& node, int depth) const {
    std::optional<KnownScalar> known = read(node.inputs[0], depth + 1);
    if (!known) return std::nullopt;
    DType to = node.outputs[0].dtype;
    constexpr double kSmall = 100;
    bool is_small = std::abs(known->number) <= kSmall && known->number == std::trunc(known->number);
    if (to == DType::kBool) {
      known->number = known->number != 0;
    } else if (!is_small || known->number < 0 || !filled(to, {}, known->number).ok()) {
      return std::nullopt;
    }
    return known;
  }

  std::optional<KnownScalar> reshaped(const Node& node, int depth) const {
    std::optional<KnownScalar> known = read(node.inputs[0], depth + 1);
    const Shape& shape = node.outputs[0].shape;
    if (!known || !shape.is_fully_known()) return std::nullopt;
    Result<int64_t> before = known->shape.element_count(), after = shape.element_count();
    if (!before.ok() || !after.ok() || *before != *after) return std::nullopt;
    // Its second input must have its value, too.
    for (size_t i = 1; i < node.inputs.size(); ++i) known->waits |= !always_has_value(r_, node.inputs[i]);
    known->shape = shape;
    return known;
  }

  std::optional<KnownScalar> of_two(const Node& node, int depth) const {
    bool is_and = node.is("LogicalAnd"), is_or = node.is("LogicalOr");
    if (!is_and && !is_or && !computed(node, 0, 0)) return std::nullopt;
    std::optional<KnownScalar> a = read(node.inputs[0], depth + 1), b = read(node.inputs[1], depth + 1);
    if (a && b) {
      if (!a->shape.is_scalar() || !b->shape.is_scalar()) return std::nullopt;
      return KnownScalar{*computed(node, a->number, b->number), Shape(), a->waits || b->waits};
    }
    // One side alone decides; but what the other is must be there for there to be an answer.
    const std::optional<KnownScalar>& known = a ? a : b;
    Wire other = node.inputs[a ? 1 : 0];
    bool decides = known && known->shape.is_scalar() && (known->number != 0) == is_or && (is_and || is_or);
    if (!decides || !r_.fact(other).shape.is_scalar()) return std::nullopt;
    return KnownScalar{known->number, Shape(), known->waits || !always_has_value(r_, other)};
  }

  const GraphView& r_;
};

}  // namespace

Wire behind(const GraphView& view, Wire wire) {
  while (!view.is_input(wire.node)) {
    const Node& node = view.node(wire.node);
    if (!is_one_of(node, {"Identity", "StopGradient"}) && !is_loop_constant(node)) break;
    wire = node.inputs[0];
  }
  return wire;
}

std::optional<double> number_of(const Tensor& value) {
  if (value.element_count() != 1) return std::nullopt;
  switch (value.dtype()) {
    case DType::kFloat: return first_as_double<float>(value);
    case DType::kDouble: return first_as_double<double>(value);
    case DType::kInt32: return first_as_double<int32_t>(value);
    case DType::kInt64: return first_as_double<int64_t>(value);
    case DType::kUInt8: return first_as_double<uint8_t>(value);
    case DType::kBool: return first_as_double<bool>(value);
    case DType::kHalf: return half_to_float(*static_cast<const uint16_t*>(value.data()));
    case DType::kBFloat16: return bfloat16_to_float(*static_cast<const uint16_t*>(value.data()));
    default: return std::nullopt;
  }
}

std::optional<double> known_number(const GraphView& view, Wire wire) {
  wire = behind(view, wire);
  const Node& node = view.node(wire.node);
  if (!node.is("Const") || view.is_input(wire.node)) return std::nullopt;
  return number_of(node.outputs[0].value);
}

Result<Tensor> filled(DType dtype, const Shape& shape, double number) {
  return filled(dtype, shape, std::span(&number, 1));
}

Result<Tensor> filled(DType dtype, const Shape& shape, std::span<const double> numbers) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(dtype, shape));
  auto count = static_cast<size_t>(tensor.element_count());
  if (numbers.size() != 1 && numbers.size() != count)
    return invalid_argument(numbers.size(), " numbers for a ", shape, " of ", count);
  auto fill = [&](auto* values, auto convert) {
    for (size_t i = 0; i < count; ++i) values[i] = convert(numbers[numbers.size() == 1 ? 0 : i]);
  };
  auto fill_as = [&](auto zero) {
    using T = decltype(zero);
    fill(tensor.mutable_flat<T>().data(), [](double number) { return static_cast<T>(number); });
  };
  auto* bits = static_cast<uint16_t*>(tensor.mutable_data());
  switch (dtype) {
    case DType::kFloat: fill_as(0.0F); break;
    case DType::kDouble: fill_as(0.0); break;
    case DType::kInt32: fill_as(int32_t{0}); break;
    case DType::kInt64: fill_as(int64_t{0}); break;
    case DType::kUInt8: fill_as(uint8_t{0}); break;
    case DType::kBool: fill(tensor.mutable_flat<bool>().data(), [](double number) { return number != 0; }); break;
    case DType::kHalf: fill(bits, [](double number) { return float_to_half(static_cast<float>(number)); }); break;
    case DType::kBFloat16:
      fill(bits, [](double number) { return float_to_bfloat16(static_cast<float>(number)); });
      break;
    default: return invalid_argument("a ", dtype_short_name(dtype), " is no number or bool");
  }
  return tensor;
}

std::optional<KnownScalar> known_scalar(const GraphView& view, Wire wire) {
  return Reader(view).read(wire, 0);
}

bool always_has_value(const GraphView& view, Wire wire) {
  std::vector<NodeId> stack = {wire.node};
  std::unordered_set<NodeId> seen = {wire.node};
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    const Node& node = view.node(id);
    if (view.is_input(id)) continue;
    if (node.def == nullptr || node.def->def->control != Control::kNone) return false;
    for (Wire input : node.inputs) {
      if (input.is_none()) return false;
      if (seen.insert(input.node).second) stack.push_back(input.node);
    }
    for (NodeId control : node.controls) {
      if (seen.insert(control).second) stack.push_back(control);
    }
  }
  return true;
}

bool broadcasts_into(const Shape& inner, const Shape& outer) {
  if (!inner.has_rank() || inner.rank() > outer.rank()) return false;
  for (int d = 1; d <= inner.rank(); ++d) {
    int64_t size = inner.dim(-d);
    if (size != 1 && (size < 0 || size != outer.dim(-d))) return false;
  }
  return true;
}

namespace {

bool is_idle(const Graph& graph, NodeId id, const std::function<bool(NodeId)>& is_input) {
  while (true) {
    const Node& node = graph.node(id);
    if (is_input(id) || !node.controls.empty()) return false;
    if (node.is("NoOp") || node.is("Const")) return true;
    if (!node.is("Identity")) return false;
    id = node.inputs[0].node;
  }
}

// What an Identity that waits for nothing else gives on.
Wire behind_identities(const Graph& graph, Wire wire, const std::function<bool(NodeId)>& is_input) {
  while (!wire.is_none() && graph.node(wire.node).is("Identity") && graph.node(wire.node).controls.empty() &&
         !is_input(wire.node))
    wire = graph.node(wire.node).inputs[0];
  return wire;
}

// Whether `node` reads what `control` gives on: it waits for that anyway, and does not run where that is not there.
bool reads_it_too(const Graph& graph, const Node& node, NodeId control, const std::function<bool(NodeId)>& is_input) {
  Wire given = behind_identities(graph, {control, 0}, is_input);
  if (given.is_none() || given.node == control) return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](Wire input) {
    return !input.is_none() && behind_identities(graph, input, is_input) == given;
  });
}

}  // namespace

std::vector<NodeId> drop_idle_controls(Graph& graph, NodeId id, const std::function<bool(NodeId)>& is_input) {
  std::vector<NodeId> stays, idle;
  for (NodeId control : graph.node(id).controls) {
    bool holds_up = !is_idle(graph, control, is_input) && !reads_it_too(graph, graph.node(id), control, is_input);
    (holds_up ? stays : idle).push_back(control);
  }
  if (!idle.empty()) graph.set_controls(id, std::move(stays));
  return idle;
}

}  // namespace tarn
