#include "passes/support/mobile.h"

#include <algorithm>
#include <utility>

#include "graph/freeze_inputs.h"
#include "graph/model_info.h"
#include "passes/support/stored_test.h"

namespace tarn {
namespace {

// In the order that was measured to leave the fewest nodes of the real models that tests know: what is not needed goes
// first, what is known of modes and sizes is told before arithmetic is looked at, batch norms are folded once what was
// between them and their convolution is gone.
constexpr std::string_view kPasses =
    "remove_dropout prune_branches strip fold_constants simplify_shapes simplify_arithmetic "
    "simplify_arithmetic_rounding fold_pads fold_batch_norms order_fusible hoist_loop_invariants "
    "merge_duplicate_nodes simplify_shapes fold_constants";

// Passes make work for each other: real models are done after two or three rounds, of which the last finds nothing.
constexpr int kMostRounds = 8;

std::string quoted_argument(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Status check_runs_on(const Graph& graph, const MobileOptions& options) {
  Problems problems;
  for (const Obstacle& obstacle : find_obstacles(graph, options.outputs, options.runtime)) {
    bool is_custom = graph.node(obstacle.node).def == nullptr;
    if (!is_custom || !options.allow_custom_ops) problems.add(failed_precondition(obstacle.text));
  }
  return problems.to_status("").with_context(str_cat("not for ", target_runtime_name(options.runtime)));
}

bool parses_examples(const Node& node) {
  return node.op.starts_with("ParseExample") || node.op.starts_with("ParseSingleExample");
}

// The tensors that needed nodes read of parsed records: each becomes an input under the name of the Identity that a
// SavedModel gives it, if there is one.
std::vector<ModelInput> example_inputs(const Graph& graph, const std::vector<bool>& needed) {
  std::vector<ModelInput> found;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (!needed[static_cast<size_t>(id)] || !parses_examples(node)) continue;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      std::vector<NodeId> readers;
      for (const Use& use : graph.uses(id)) {
        bool reads = use.input != Use::kControl && use.slot == static_cast<int>(slot);
        if (reads && needed[static_cast<size_t>(use.node)]) readers.push_back(use.node);
      }
      if (readers.empty()) continue;
      bool is_named = readers.size() == 1 && graph.node(readers[0]).is("Identity");
      Wire wire = is_named ? Wire{readers[0], 0} : Wire{id, static_cast<int>(slot)};
      std::string name = slot == 0 || is_named ? graph.node(wire.node).name : str_cat(node.name, "_", slot);
      const Fact& fact = graph.fact(wire);
      found.push_back({.wire = wire, .name = name, .dtype = fact.dtype, .shape = fact.shape});
    }
  }
  return found;
}

// In the place of `input.wire`, under its name; what had that name steps aside.
Status make_placeholder(Graph& graph, const ModelInput& input) {
  if (std::optional<NodeId> same = graph.find(input.name))
    TARN_RETURN_IF_ERROR(graph.rename(*same, graph.unique_name(input.name + "/source")));
  TARN_ASSIGN_OR_RETURN(NodeId id, graph.add({.name = graph.unique_name(input.name),
                                              .op = "Placeholder",
                                              .attrs = {{"dtype", input.dtype}, {"shape", input.shape}}}));
  graph.replace_uses(input.wire, {id, 0});
  return {};
}

// One output of a node with several, as an input.
Status cut_at(Graph& graph, Wire wire, const std::string& name) {
  const Node& node = graph.node(wire.node);
  const Fact fact = graph.fact(wire);
  ModelInput input{.wire = wire, .name = name, .dtype = fact.dtype, .shape = fact.shape};
  // What queues and iterators give stands in their attrs.
  std::vector<bool> all(static_cast<size_t>(graph.id_limit()), true);
  for (const ModelInput& source : queue_inputs(graph, all, {})) {
    if (source.wire == wire) input.dtype = source.dtype, input.shape = source.shape;
  }
  if (input.dtype == DType::kInvalid) {
    return invalid_argument("nothing is known of what ", node_label(node.op, node.name), " gives as its output ",
                            wire.slot);
  }
  return make_placeholder(graph, input);
}

Result<std::vector<std::string>> cut_at_inputs(Graph& graph, MobileOptions& options) {
  std::vector<std::string> notes;
  // As they are before any is cut: their nodes step aside then. The first output has the node's name.
  std::vector<Wire> wires;
  std::vector<std::string> names;
  for (const std::string& input : options.inputs) {
    TARN_ASSIGN_OR_RETURN(Wire wire, graph.find_wire(input));
    const std::string& node = graph.node(wire.node).name;
    wires.push_back(wire);
    names.push_back(wire.slot == 0 ? node : graph.unique_name(str_cat(node, "_", wire.slot)));
  }
  for (size_t i = 0; i < wires.size(); ++i) {
    if (graph.node(wires[i].node).outputs.size() < 2) continue;  // strip makes a Placeholder of it
    TARN_RETURN_IF_ERROR(cut_at(graph, wires[i], names[i]));
    std::string old = std::exchange(options.inputs[i], names[i]);
    notes.push_back(str_cat(quoted(names[i]), " is a Placeholder now, in place of ", quoted(old)));
    for (Session::Feed& feed : options.feeds) {
      if (feed.first == old) feed.first = names[i];
    }
  }
  return notes;
}

}  // namespace

Result<std::vector<OutputCandidate>> find_outputs(const Graph& graph, MobileOptions& options) {
  if (!options.outputs.empty()) return std::vector<OutputCandidate>();
  TARN_ASSIGN_OR_RETURN(std::vector<OutputCandidate> found, choose_outputs(graph));
  for (const OutputCandidate& output : found) options.outputs.push_back(output.name);
  return found;
}

Result<std::vector<std::string>> find_inputs(Graph& graph, MobileOptions& options) {
  if (!options.inputs.empty()) return cut_at_inputs(graph, options);
  std::vector<NodeId> ends;
  for (const std::string& output : options.outputs) {
    TARN_ASSIGN_OR_RETURN(NodeId id, graph.find_node(output));
    ends.push_back(id);
  }
  std::vector<bool> needed = ancestors(graph, ends);
  std::vector<ModelInput> sources = queue_inputs(graph, needed, ends);
  for (ModelInput& input : example_inputs(graph, needed)) sources.push_back(std::move(input));
  std::vector<std::string> notes;
  for (const ModelInput& source : sources) {
    std::string label = node_label(graph.node(source.wire.node).op, graph.node(source.wire.node).name);
    TARN_RETURN_IF_ERROR(make_placeholder(graph, source));
    notes.push_back(str_cat(quoted(source.name), " (", dtype_short_name(source.dtype), source.shape,
                            ") is a Placeholder now, in place of what ", label, " gave"));
  }
  if (!sources.empty()) return notes;
  std::vector<std::string> with_default;
  for (NodeId id : graph.ids()) {
    if (!needed[static_cast<size_t>(id)]) continue;
    if (graph.node(id).is("Placeholder")) return notes;
    if (graph.node(id).is("PlaceholderWithDefault")) with_default.push_back(graph.node(id).name);
  }
  options.inputs = std::move(with_default);
  return notes;
}

std::string mobile_pipeline(const MobileOptions& options) {
  std::string text = "strip fold_mode_placeholders";
  std::vector<std::string> values;
  for (const std::string& value : options.mode_values) values.push_back(str_cat("name=", quoted_argument(value)));
  // In the second round it is none of the graph's any more.
  if (!values.empty()) str_append(text, "(", str_join(values), ", may_be_gone=true)");
  str_append(text, " ", kPasses);
  // OpenCV's importer takes a constant's values for as many as are written, whatever its shape.
  if (options.runtime != TargetRuntime::kOpenCv) text += " compress_constants";
  text += " strip merge_duplicate_nodes";
  if (options.quantize_weights) text += " quantize_weights";
  return text;
}

Result<std::vector<PassReport>> optimize_for_mobile(Graph& graph, const MobileOptions& options) {
  bool is_default = options.passes.empty();
  TARN_ASSIGN_OR_RETURN(std::vector<PipelineStep> pipeline,
                        parse_pipeline(is_default ? mobile_pipeline(options) : options.passes));
  PassManager manager({.inputs = options.inputs,
                       .outputs = options.outputs,
                       .verify = options.verify,
                       .feeds = options.feeds,
                       .most_rounds = is_default ? kMostRounds : 1,
                       .after_pass = options.after_pass});
  TARN_ASSIGN_OR_RETURN(std::vector<PassReport> reports, manager.run(graph, pipeline));
  TARN_RETURN_IF_ERROR(check_runs_on(graph, options));
  return reports;
}

Status store_self_test(Graph& graph, const MobileOptions& options) {
  TARN_ASSIGN_OR_RETURN(SelfTest test, stored_test(graph, options.inputs, options.outputs));
  Result<ModelInfo> stored = parse_model_info(graph.model_info);
  ModelInfo info = stored.ok() ? *std::move(stored) : ModelInfo();  // damaged: nothing can be kept
  info.self_test = std::move(test);
  graph.model_info = serialize_model_info(info);
  return {};
}

}  // namespace tarn
