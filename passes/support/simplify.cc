#include "passes/support/simplify.h"

#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "passes/support/convolutions.h"

namespace tarn {
namespace {

bool is_control_flow(const Node& node) {
  return node.def == nullptr || node.def->def->control != Control::kNone;
}

// Calls `use(value)` for each element, as double, while it returns true. False if the tensor is not real.
template <class F>
bool for_each_real(const Tensor& tensor, F use) {
  auto all = [&](auto values, auto to_double) {
    for (auto value : values) {
      if (!use(to_double(value))) break;
    }
    return true;
  };
  auto plain = [](auto value) { return static_cast<double>(value); };
  switch (tensor.dtype()) {
    case DType::kFloat: return all(tensor.flat<float>(), plain);
    case DType::kDouble: return all(tensor.flat<double>(), plain);
    case DType::kHalf: return all(tensor.flat<uint16_t>(), [](uint16_t v) { return double{half_to_float(v)}; });
    case DType::kBFloat16: return all(tensor.flat<uint16_t>(), [](uint16_t v) { return double{bfloat16_to_float(v)}; });
    case DType::kInt8: return all(tensor.flat<int8_t>(), plain);
    case DType::kInt16: return all(tensor.flat<int16_t>(), plain);
    case DType::kInt32: return all(tensor.flat<int32_t>(), plain);
    case DType::kInt64: return all(tensor.flat<int64_t>(), plain);
    case DType::kUInt8: return all(tensor.flat<uint8_t>(), plain);
    case DType::kUInt16: return all(tensor.flat<uint16_t>(), plain);
    case DType::kUInt32: return all(tensor.flat<uint32_t>(), plain);
    case DType::kUInt64: return all(tensor.flat<uint64_t>(), plain);
    default: return false;
  }
}

}  // namespace

ControlFlowReach::ControlFlowReach(const Graph& graph)
    : graph_(graph), reached_(static_cast<size_t>(graph.id_limit())) {
  std::vector<NodeId> stack;
  for (NodeId id : graph.ids()) {
    if (is_control_flow(graph.node(id))) stack.push_back(id);
  }
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    if (reached_[static_cast<size_t>(id)]) continue;
    reached_[static_cast<size_t>(id)] = true;
    for (const Use& use : graph.uses(id)) stack.push_back(use.node);
  }
}

bool ControlFlowReach::is_always_computed(NodeId id) const {
  if (static_cast<size_t>(id) < reached_.size()) return !reached_[static_cast<size_t>(id)];
  // Made since: by what it reads.
  const Node& node = graph_.node(id);
  return !is_control_flow(node) && std::all_of(node.inputs.begin(), node.inputs.end(), [&](Wire wire) {
    return !wire.is_none() && is_always_computed(wire.node);
  }) && std::all_of(node.controls.begin(), node.controls.end(), [&](NodeId control) {
    return is_always_computed(control);
  });
}

bool Simplifier::may_replace_all_outputs(NodeId id) const {
  const Node& node = rewriter.node(id);
  constexpr uint32_t kKeep = kStateful | kSourceOp | kWritesRef | kTakesVariable | kMakesContainer | kTakesContainer;
  if (node.def == nullptr || (node.def->def->traits & kKeep) != 0 || node.def->def->needs != ServiceId::kCount)
    return false;
  if (node.def->def->control != Control::kNone || node.outputs.empty() || !node.controls.empty()) return false;
  if (rewriter.is_input(id) || rewriter.has_control_users(id)) return false;
  return std::none_of(node.outputs.begin(), node.outputs.end(), [](const Fact& fact) { return fact.is_ref; }) &&
         std::none_of(node.inputs.begin(), node.inputs.end(), [&](Wire wire) {
           return wire.is_none() || rewriter.fact(wire).is_ref || rewriter.fact(wire).dtype == DType::kInvalid;
         });
}

bool Simplifier::may_replace(NodeId id) const {
  return may_replace_all_outputs(id) && !rewriter.uses_other_outputs(id);
}

const Node* Simplifier::behind(Wire wire, std::initializer_list<std::string_view> ops) const {
  if (wire.is_none() || wire.slot != 0 || rewriter.is_input(wire.node)) return nullptr;
  const Node& node = rewriter.node(wire.node);
  if (std::find(ops.begin(), ops.end(), node.op) == ops.end()) return nullptr;
  if (node.def == nullptr || !node.controls.empty() || node.outputs.empty() || node.outputs[0].is_ref) return nullptr;
  bool has_value_inputs = std::none_of(node.inputs.begin(), node.inputs.end(), [&](Wire input) {
    return input.is_none() || rewriter.fact(input).is_ref || rewriter.fact(input).dtype == DType::kInvalid;
  });
  return has_value_inputs ? &node : nullptr;
}

std::optional<std::vector<int64_t>> Simplifier::integers(Wire wire) const {
  return tarn::integers(rewriter.constant(wire));
}

std::optional<double> splat_value(const Tensor& tensor) {
  std::optional<double> first;
  bool differs = false;
  bool is_real = for_each_real(tensor, [&](double value) {
    if (!first) first = value;
    differs = value != *first || std::signbit(value) != std::signbit(*first);
    return !differs;
  });
  if (!is_real || differs) return std::nullopt;
  return first;
}

std::optional<std::vector<double>> real_values(const Tensor& tensor) {
  std::vector<double> values;
  bool is_real = for_each_real(tensor, [&](double value) {
    values.push_back(value);
    return true;
  });
  if (!is_real) return std::nullopt;
  return values;
}

bool keeps_shape(const Shape& x, const Shape& other) {
  if (other.is_scalar()) return true;
  if (!x.has_rank() || !other.has_rank() || other.rank() > x.rank()) return false;
  for (int i = 1; i <= other.rank(); ++i) {
    bool same = other.dim(-i) == 1 || (other.dim(-i) >= 0 && other.dim(-i) == x.dim(-i));
    if (!same) return false;
  }
  return true;
}

bool surely_equal(const Shape& a, const Shape& b) {
  return a.is_fully_known() && a == b;
}

bool has_kernel(const Graph& graph, std::string_view op, DType dtype) {
  const OpRegistry::Op* found = graph.ops().find(op);
  if (found == nullptr) return false;
  for (const AttrSpec& attr : found->schema.attrs()) {
    if (attr.name != found->schema.kernel_attr() || attr.allowed_types.empty()) continue;
    if (std::find(attr.allowed_types.begin(), attr.allowed_types.end(), dtype) == attr.allowed_types.end())
      return false;
  }
  return std::any_of(found->def->kernels.begin(), found->def->kernels.end(),
                     [&](const KernelDef& kernel) { return kernel.dtype == DType::kInvalid || kernel.dtype == dtype; });
}

Status replace_with(Simplifier& s, NodeId id, std::string_view op, std::vector<Wire> inputs, std::string_view what) {
  const Node& node = s.node(id);
  Patch patch = s.rewriter.patch();
  patch.replace_node(id, patch.add({.name = node.name + "/simplified",
                                    .op = std::string(op),
                                    .inputs = std::move(inputs),
                                    .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

Status read_past(Simplifier& s, NodeId id, std::initializer_list<std::string_view> inner_ops) {
  const Node& node = s.node(id);
  const Node* inner = s.behind(node.inputs[0], inner_ops);
  if (inner == nullptr) return {};
  return replace_with(s, id, node.op, {inner->inputs[0]}, str_cat("reads through ", quoted(inner->name)));
}

Status simplify(Graph& graph, PassContext& context, std::span<const Simplification> rules) {
  ControlFlowReach reach(graph);
  return rewrite(graph, context, [&](Rewriter& rewriter, NodeId id) -> Status {
    Simplifier simplifier{rewriter, reach};
    const int before = context.changes;
    for (const Simplification& rule : rules) {
      if (rewriter.node(id).op != rule.op) continue;
      if (!(rule.any_outputs ? simplifier.may_replace_all_outputs(id) : simplifier.may_replace(id))) continue;
      TARN_RETURN_IF_ERROR(rule.apply(simplifier, id));
      if (context.changes != before) return {};  // the node may be gone
    }
    return {};
  });
}

Status multiply_instead_of_dividing(Simplifier& s, NodeId id, std::optional<Tensor> (*factor_of)(const Tensor&),
                                    std::string_view what) {
  const Node& node = s.node(id);
  const Tensor* divisor = s.rewriter.constant(node.inputs[1]);
  if (divisor == nullptr || !s.rewriter.has_one_user(node.inputs[1].node)) return {};
  std::optional<Tensor> factor = factor_of(*divisor);
  if (!factor) return {};
  Patch patch = s.rewriter.patch();
  Wire constant = patch.constant(node.name + "/factor", *factor);
  patch.replace_node(id, patch.add({.name = node.name + "/multiplied",
                                    .op = "Mul",
                                    .inputs = {node.inputs[0], constant},
                                    .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

}  // namespace tarn
