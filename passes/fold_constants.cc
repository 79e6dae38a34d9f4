// fold_constants: what depends on constants alone is computed now.
//
// Before:  y = Mul(Const a, Add(Const b, Const c))        After:  y = Const
// When:    every input is constant, the op is pure and has a kernel, no control input; the result has at most
//          `max_constant_size_in_bytes` (10 MiB) or is no larger than what it replaces; y is not an input
//          What shapes alone decide (Shape, Size, Rank and what is taken from them) folds where they are known; a
//          Reshape to sizes of which one is not known, none is 0, takes them as a Const with -1 there (and no longer
//          refuses a number that does not fit). Nothing that waits for a control input or a branch. Neither nodes that
//          `exclude_op` or `exclude_node` name nor what depends on their values (both may be given several times)
//          Nodes forget their `_output_shapes`, unless clear_output_shapes=false: they are out of date by then
// Keeps:   the name of y.   Contract: exact: the same kernels run.
// Ends:    every change replaces a computed node, or a computed input, by a Const, or takes away attrs.
#include <algorithm>

#include "graph/patch.h"
#include "passes/pass.h"
#include "passes/support/waiting_nodes.h"
#include "runtime/evaluate.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "max_constant_size_in_bytes",
     .kind = PassArg::kInteger,
     .fallback = "10485760",  // TensorFlow's kMaxConstantSize
     .doc = "a larger result must be no larger than what it replaces"},
    {.name = "clear_output_shapes",
     .kind = PassArg::kFlag,
     .fallback = "true",
     .doc = "attrs _output_shapes are taken away"},
    {.name = "exclude_op", .doc = "an op that is not folded", .is_list = true},
    {.name = "exclude_node", .doc = "a node that is not folded", .is_list = true},
};

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
  if (depends_on_input[static_cast<size_t>(id)]) return std::nullopt;
  if (std::all_of(node.outputs.begin(), node.outputs.end(), [](const Fact& fact) { return fact.has_value(); })) {
    std::vector<Tensor> values;
    for (const Fact& fact : node.outputs) values.push_back(fact.value);
    return values;
  }
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
    if (!count.ok()) continue;
    auto size = static_cast<int64_t>(std::max<size_t>(1, dtype_size(fact.dtype)));
    bool overflows =
        __builtin_mul_overflow(*count, size, &size) || __builtin_add_overflow(known_bytes, size, &known_bytes);
    if (overflows) return std::nullopt;
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
  const bool has_value = std::any_of(inputs.begin(), inputs.end(), [&](NodeId id) {
    const std::vector<Fact>& facts = graph.node(id).outputs;
    return std::any_of(facts.begin(), facts.end(), [](const Fact& fact) { return fact.has_value(); });
  });
  std::vector<bool> reached(static_cast<size_t>(graph.id_limit()), false);
  std::vector<NodeId> stack = inputs;
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    if (reached[static_cast<size_t>(id)]) continue;
    reached[static_cast<size_t>(id)] = true;
    // What is known of a shape is known whatever is fed, unless it is known from the value that is not fed then.
    for (const Use& use : graph.uses(id)) {
      if (has_value || !reads_shape_only(graph.node(use.node))) stack.push_back(use.node);
    }
  }
  return reached;
}

// The sizes of a Reshape that computes them from one unknown number, as a constant with -1 in its place: there is one
// answer that keeps the number of elements.
std::optional<Tensor> solved_sizes(const Graph& graph, const Node& node, const std::vector<bool>& depends_on_input) {
  if (!node.is("Reshape")) return std::nullopt;
  Wire sizes = node.inputs[1];
  bool is_new = static_cast<size_t>(sizes.node) >= depends_on_input.size();  // made here
  if (graph.node(sizes.node).is("Const") || (!is_new && depends_on_input[static_cast<size_t>(sizes.node)]))
    return std::nullopt;
  const Fact& fact = graph.fact(sizes);
  std::vector<int64_t> elements = fact.elements;
  auto is_open = [](int64_t size) { return size == -1 || size == kUnknownElement; };
  if (std::count_if(elements.begin(), elements.end(), is_open) != 1 ||
      std::find(elements.begin(), elements.end(), 0) != elements.end())
    return std::nullopt;
  std::replace_if(elements.begin(), elements.end(), is_open, -1);
  if (fact.dtype == DType::kInt64) return Tensor::vector<int64_t>(elements);
  return Tensor::vector<int32_t>(std::vector<int32_t>(elements.begin(), elements.end()));
}

// `node` with `sizes` as a constant input of its own: other users of the old one may want the number.
Status solve_reshape(Graph& graph, NodeId id, const Tensor& sizes, const std::vector<NodeId>& inputs,
                     std::vector<NodeId>& outputs, PassContext& context) {
  const Node& node = graph.node(id);
  std::string name = node.name;
  std::string from = graph.node(node.inputs[1].node).op;
  Patch patch(graph);
  patch.keep(outputs);
  patch.keep(inputs);
  Wire constant = patch.constant(name + "/sizes", sizes);
  Wire reshaped = patch.add({.name = name + "/solved",
                             .op = "Reshape",
                             .inputs = {node.inputs[0], constant},
                             .attrs = node.attrs,
                             .device = node.device});
  patch.replace_node(id, reshaped);
  TARN_RETURN_IF_ERROR(patch.commit());
  std::replace(outputs.begin(), outputs.end(), id, reshaped.node);
  context.changed(name, str_cat("its sizes are a Const with one -1, not computed by ", from));
  return {};
}

// Nodes that are not to be folded.
std::vector<NodeId> excluded_nodes(const Graph& graph, const PassContext& context) {
  std::vector<std::string> ops = context.args.list("exclude_op"), names = context.args.list("exclude_node");
  std::vector<NodeId> found;
  if (ops.empty() && names.empty()) return found;
  auto has = [](const std::vector<std::string>& list, const std::string& what) {
    return std::find(list.begin(), list.end(), what) != list.end();
  };
  for (NodeId id : graph.ids()) {
    if (has(ops, graph.node(id).op) || has(names, graph.node(id).name)) found.push_back(id);
  }
  return found;
}

void clear_output_shapes(Graph& graph, PassContext& context) {
  int cleared = 0;
  for (NodeId id : graph.ids()) {
    if (graph.node(id).attrs.find("_output_shapes") == nullptr) continue;
    graph.erase_attr(id, "_output_shapes");
    ++cleared;
  }
  if (cleared > 0) context.changed("graph", str_cat(cleared, " nodes forget their attr _output_shapes"));
}

Status fold_constants(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  auto limit = context.args.integer("max_constant_size_in_bytes");
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  std::vector<bool> depends_on_input = descendants(graph, inputs);
  std::vector<bool> is_excluded = descendants(graph, excluded_nodes(graph, context));
  WaitingNodes waiting(graph, order);
  if (context.args.flag("clear_output_shapes")) clear_output_shapes(graph, context);
  for (NodeId id : order) {
    if (!graph.is_alive(id) || waiting.has(id) || is_excluded[static_cast<size_t>(id)] ||
        std::find(inputs.begin(), inputs.end(), id) != inputs.end())
      continue;
    const Node& node = graph.node(id);
    // More is known by now. What contradicts it is the run's to report.
    if (context.changes > 0 && !graph.reinfer(id).ok()) continue;
    if (!may_fold(node) || context.wants_other_outputs(node.name)) continue;
    std::optional<std::vector<Tensor>> values = evaluate(graph, id, depends_on_input, limit);
    if (!values) {
      std::optional<Tensor> sizes = solved_sizes(graph, node, depends_on_input);
      if (sizes) TARN_RETURN_IF_ERROR(solve_reshape(graph, id, *sizes, inputs, outputs, context));
      continue;
    }
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
           What shapes alone decide (Shape, Size, Rank and what is taken from them) folds where they are known; a
           Reshape to sizes of which one is not known, none is 0, takes them as a Const with -1 there (and no longer
           refuses a number that does not fit). Nothing that waits for a control input or a branch. Neither nodes that
           exclude_op or exclude_node name (several times, perhaps) nor what depends on their values.
           Nodes forget their _output_shapes, unless clear_output_shapes=false
  Keeps:   the name of y.)";

}  // namespace

extern const PassDef pass_fold_constants;
const PassDef pass_fold_constants = {
    .name = "fold_constants", .doc = kDoc, .contract = exact(), .run = fold_constants, .args = kArgs};

}  // namespace tarn
