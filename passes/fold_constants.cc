// fold_constants: what depends on constants alone is computed now.
//
// Before:  y = Mul(Const a, Add(Const b, Const c))        After:  y = Const
// When:    every input is constant, the op is pure and has a kernel, no control input; the result has at most
//          `max_constant_size_in_bytes` (10 MiB) or is no larger than what it replaces; y is not an input
//          Shape, Size and Rank of a tensor whose shape is known fold too
// Keeps:   the name of y.   Contract: exact: the same kernels run.
// Ends:    every change replaces a computed node by a Const.
#include <algorithm>

#include "graph/patch.h"
#include "passes/pass.h"
#include "runtime/evaluate.h"

namespace tarn {
namespace {

constexpr int64_t kDefaultLimit = 10 << 20;  // bytes; TensorFlow's kMaxConstantSize

// Says something of its input's shape alone.
bool reads_shape_only(const Node& node) {
  return node.is("Shape") || node.is("ShapeN") || node.is("Size") || node.is("Rank");
}

bool may_fold(const Node& node) {
  constexpr uint32_t kKeep = kStateful | kSourceOp | kNoFold | kWritesRef;
  if (node.def == nullptr || (node.def->def->traits & kKeep) != 0 || node.def->def->needs != ServiceId::kCount)
    return false;
  // Weights in 8 bits stay so: they are dequantized as the graph loads.
  if (node.is("Dequantize")) return false;
  return !node.is("Const") && node.def->def->control == Control::kNone && !node.outputs.empty() &&
         node.controls.empty();
}

// The values of all outputs, or nothing if they can't be had or are not worth it. `depends_on_input`: by node.
std::optional<std::vector<Tensor>> evaluate(const Graph& graph, NodeId id, const std::vector<bool>& depends_on_input,
                                            int64_t limit) {
  const Node& node = graph.node(id);
  if (reads_shape_only(node)) {
    std::vector<Tensor> values;
    for (const Fact& fact : node.outputs) {
      if (fact.has_value()) values.push_back(fact.value);
    }
    if (values.size() == node.outputs.size()) return values;
  }
  if (depends_on_input[static_cast<size_t>(id)]) return std::nullopt;
  if (node.inputs.empty()) return std::nullopt;
  std::vector<Tensor> inputs;
  int64_t input_bytes = 0;
  for (Wire wire : node.inputs) {
    const Node& producer = graph.node(wire.node);
    if (!producer.is("Const") || !producer.controls.empty()) return std::nullopt;
    inputs.push_back(producer.outputs[0].value);
    input_bytes += static_cast<int64_t>(inputs.back().byte_size());
  }
  // A large result is refused before it is computed where its shape is known.
  int64_t known_bytes = 0;
  for (const Fact& fact : node.outputs) {
    Result<int64_t> count = fact.shape.element_count();
    if (count.ok()) known_bytes += *count * static_cast<int64_t>(std::max<size_t>(1, dtype_size(fact.dtype)));
  }
  if (known_bytes > limit && known_bytes > input_bytes) return std::nullopt;
  Result<std::vector<Tensor>> result = evaluate_node(*node.def, node.name, node.attrs, inputs);
  if (!result.ok()) return std::nullopt;  // an error of a value is the run's to report
  int64_t bytes = 0;
  for (const Tensor& tensor : *result) bytes += static_cast<int64_t>(tensor.byte_size());
  if (bytes > limit && bytes > input_bytes) return std::nullopt;
  return *std::move(result);
}

// Inputs of the graph and all that follows from them, even if an input is a Const now.
std::vector<bool> descendants(const Graph& graph, const std::vector<NodeId>& inputs) {
  std::vector<bool> reached(static_cast<size_t>(graph.id_limit()), false);
  std::vector<NodeId> stack = inputs;
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    if (reached[static_cast<size_t>(id)]) continue;
    reached[static_cast<size_t>(id)] = true;
    // What is known of a shape is known whatever is fed.
    for (const Use& use : graph.uses(id)) {
      if (!reads_shape_only(graph.node(use.node))) stack.push_back(use.node);
    }
  }
  return reached;
}

Status fold_constants(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  auto limit = context.args.get_or<int64_t>("max_constant_size_in_bytes", kDefaultLimit);
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  std::vector<bool> depends_on_input = descendants(graph, inputs);
  for (NodeId id : order) {
    if (!graph.is_alive(id) || std::find(inputs.begin(), inputs.end(), id) != inputs.end()) continue;
    const Node& node = graph.node(id);
    if (!may_fold(node) || context.wants_other_outputs(node.name)) continue;
    std::optional<std::vector<Tensor>> values = evaluate(graph, id, depends_on_input, limit);
    if (!values) continue;
    std::string name = node.name;
    std::string op = node.op;
    size_t output_count = node.outputs.size();
    Patch patch(graph);
    patch.keep(outputs);
    patch.keep(inputs);
    for (size_t slot = 1; slot < output_count; ++slot) {
      if (graph.use_count({id, static_cast<int>(slot)}) == 0) continue;
      patch.replace({id, static_cast<int>(slot)}, patch.constant(str_cat(name, "/output_", slot), (*values)[slot]));
    }
    Wire first = patch.constant(name + "/folded", (*values)[0]);
    patch.replace_node(id, first);
    TARN_RETURN_IF_ERROR(patch.commit());
    std::replace(outputs.begin(), outputs.end(), id, first.node);
    context.changed(name,
                    str_cat(op, " of constants is ", dtype_short_name((*values)[0].dtype()), (*values)[0].shape()));
  }
  return {};
}

constexpr std::string_view kDoc = R"(What depends on constants alone is computed now.
  Before:  y = Mul(Const a, Add(Const b, Const c))        After:  y = Const
  When:    every input is constant, the op is pure and has a kernel, no control input; the result has at most
           max_constant_size_in_bytes (default 10 MiB) or is no larger than what it replaces; y is not an input.
           Shape, Size and Rank of a tensor whose shape is known fold too
  Keeps:   the name of y.)";

}  // namespace

extern const PassDef pass_fold_constants;
const PassDef pass_fold_constants = {.name = "fold_constants", .doc = kDoc, .contract = exact(), .run = fold_constants};

}  // namespace tarn
