#include "graph/describe.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "graph/cost.h"
#include "graph/freeze_inputs.h"
#include "graph/output_candidates.h"
#include "graph/summarize.h"

namespace tarn {
namespace {

template <size_t N>
bool is_one_of(std::string_view op, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), op) != std::end(list);
}

// A mode comes through these as a mode.
constexpr std::string_view kChoicePassers[] = {
    "Identity",    "LogicalAnd", "LogicalOr", "LogicalNot", "LogicalXor", "Cast",  "Reshape",
    "Squeeze",     "Equal",      "NotEqual",  "Greater",    "Less",       "Enter", "PlaceholderWithDefault",
    "StopGradient"};
constexpr std::string_view kRatePassers[] = {"Identity", "Cast",  "Reshape",    "Squeeze", "StopGradient",
                                             "Sub",      "Enter", "Reciprocal", "Inv",     "PlaceholderWithDefault"};
constexpr std::string_view kComparisons[] = {"GreaterEqual", "Greater", "Less", "LessEqual"};

bool is_placeholder(const Node& node) {
  return node.is("Placeholder") || node.is("PlaceholderV2") || node.is("PlaceholderWithDefault");
}

// Which input of a node chooses; -1: none.
int choosing_input(std::string_view op) {
  if (op == "Switch" || op == "RefSwitch") return 1;
  if (op == "If" || op == "StatelessIf" || op == "Select" || op == "SelectV2" || op == "LoopCond") return 0;
  return -1;
}

// Random numbers, perhaps stretched to a range.
bool is_random(const Graph& graph, Wire wire, int most_steps = 6) {
  if (wire.is_none() || most_steps == 0) return false;
  const Node& node = graph.node(wire.node);
  if (node.op.starts_with("Random") || node.op.starts_with("StatelessRandom")) return true;
  constexpr std::string_view kStretch[] = {"Add", "AddV2", "Mul", "Sub", "Identity", "Cast"};
  if (!is_one_of(node.op, kStretch)) return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](Wire input) { return is_random(graph, input, most_steps - 1); });
}

// Follows one placeholder to all that uses it.
class ModeFinder {
 public:
  ModeFinder(const Graph& graph, NodeId placeholder) : graph_(graph), placeholder_(placeholder) {}

  std::optional<ModePlaceholder> find() {
    const Node& node = graph_.node(placeholder_);
    if (node.outputs.empty()) return std::nullopt;
    const Fact& fact = node.outputs[0];
    bool may_be_scalar = !fact.shape.has_rank() || fact.shape.is_scalar();
    if (!may_be_scalar) return std::nullopt;
    bool is_choice = fact.dtype == DType::kBool || fact.dtype == DType::kInt32;
    if (!is_choice && !dtype_is_floating(fact.dtype)) return std::nullopt;
    ModePlaceholder mode{.node = placeholder_,
                         .kind = is_choice ? ModePlaceholder::Kind::kChoice : ModePlaceholder::Kind::kDropout};
    std::vector<NodeId> stack = {placeholder_};
    std::set<NodeId> seen = {placeholder_};
    while (!stack.empty()) {
      NodeId at = stack.back();
      stack.pop_back();
      for (const Use& use : graph_.uses(at)) {
        if (use.input == Use::kControl) continue;
        Step step = is_choice ? step_of_choice(use) : step_of_rate(use);
        if (step == Step::kOther) return std::nullopt;
        if (step == Step::kDecides) mode.decides.push_back(use.node);
        // A branch's own copy of the mode (Switch(pred, pred)) goes on as a mode.
        bool goes_on = step == Step::kPasses || (step == Step::kDecides && is_switch_of_itself(use.node));
        if (goes_on && seen.insert(use.node).second) stack.push_back(use.node);
      }
    }
    std::sort(mode.decides.begin(), mode.decides.end());
    mode.decides.erase(std::unique(mode.decides.begin(), mode.decides.end()), mode.decides.end());
    if (mode.decides.empty()) return std::nullopt;
    return mode;
  }

 private:
  enum class Step { kPasses, kDecides, kScales, kOther };

  Step step_of_choice(const Use& use) const {
    const Node& node = graph_.node(use.node);
    if (use.input == choosing_input(node.op) || is_switch_of_itself(use.node)) return Step::kDecides;
    // Into a branch, chosen by something else.
    bool passes = is_one_of(node.op, kChoicePassers) || node.is("Switch") || node.is("Merge");
    return passes ? Step::kPasses : Step::kOther;
  }

  Step step_of_rate(const Use& use) const {
    const Node& node = graph_.node(use.node);
    bool adds = node.is("Add") || node.is("AddV2");
    if ((adds || is_one_of(node.op, kComparisons)) && node.inputs.size() == 2)
      return is_random(graph_, node.inputs[use.input == 0 ? 1 : 0]) ? Step::kDecides : Step::kOther;
    if (is_one_of(node.op, kRatePassers) || node.is("Switch") || node.is("Merge")) return Step::kPasses;
    // What is kept is made larger: x / keep, x * (1 / keep), 1 / keep. What comes of it is no mode any more, unless it
    // is a scalar still.
    if (node.is("Div") || node.is("RealDiv") || node.is("Mul")) {
      const Fact& fact = graph_.fact({use.node, 0});
      return fact.shape.is_scalar() ? Step::kPasses : Step::kScales;
    }
    return Step::kOther;
  }

  bool is_switch_of_itself(NodeId id) const {
    const Node& node = graph_.node(id);
    return node.is("Switch") && node.inputs.size() == 2 && node.inputs[0] == node.inputs[1];
  }

  const Graph& graph_;
  NodeId placeholder_;
};

class Description {
 public:
  explicit Description(const Graph& graph) : graph_(graph), candidates_(output_candidates(graph)) {
    std::vector<NodeId> targets;
    for (const OutputCandidate& candidate : candidates_) {
      targets.push_back(candidate.node);
      output_names_.push_back(candidate.name);
    }
    needed_ =
        targets.empty() ? std::vector<bool>(static_cast<size_t>(graph.id_limit()), true) : ancestors(graph, targets);
  }

  std::string write() {
    write_modes();
    write_feeders();
    write_decoders();
    write_outputs();
    write_list("Batch norms in training mode", training_batch_norms(graph_));
    write_list("Dropout layers", dropout_nodes(graph_));
    write_dtypes();
    write_cost();
    return std::move(text_);
  }

 private:
  bool is_needed(NodeId id) const { return needed_[static_cast<size_t>(id)]; }

  // The first few names.
  std::string names(const std::vector<NodeId>& ids) const {
    constexpr size_t kMostNames = 5;
    std::vector<std::string> words;
    for (size_t i = 0; i < std::min(ids.size(), kMostNames); ++i) words.push_back(printable(graph_.node(ids[i]).name));
    if (ids.size() > kMostNames) words.push_back(str_cat("and ", ids.size() - kMostNames, " more"));
    return str_join(words);
  }

  void write_modes() {
    std::vector<ModePlaceholder> modes = mode_placeholders(graph_);
    if (modes.empty()) return;
    str_append(text_, "Mode placeholders: ", modes.size(), "\n");
    for (const ModePlaceholder& mode : modes) {
      const Node& node = graph_.node(mode.node);
      bool is_choice = mode.kind == ModePlaceholder::Kind::kChoice;
      str_append(text_, "  ", printable(node.name), " (", dtype_name(node.outputs[0].dtype),
                 node.is("PlaceholderWithDefault") ? default_text(node) : "",
                 "): ", is_choice ? "chooses at " : "sets what dropout keeps at ", mode.decides.size(),
                 mode.decides.size() == 1 ? " node: " : " nodes: ", names(mode.decides), "\n");
    }
  }

  std::string default_text(const Node& node) const {
    const Fact& fact = graph_.fact(node.inputs[0]);
    return fact.has_value() ? str_cat(", by default ", fact.value.to_string(1)) : "";
  }

  void write_feeders() {
    std::vector<NodeId> outputs;
    for (const OutputCandidate& candidate : candidates_) outputs.push_back(candidate.node);
    std::vector<ModelInput> inputs = queue_inputs(graph_, needed_, outputs);
    if (inputs.empty()) return;
    str_append(text_, "Fed by queues, readers or iterators: ", inputs.size(),
               inputs.size() == 1 ? " tensor\n" : " tensors\n");
    for (const ModelInput& input : inputs) {
      str_append(text_, "  ", printable(graph_.wire_name(input.wire)), " (", printable(graph_.node(input.wire.node).op),
                 "): ", dtype_short_name(input.dtype), input.shape, "\n");
    }
  }

  void write_decoders() {
    std::vector<DecodedInput> decoded = decoded_inputs(graph_, needed_);
    if (decoded.empty()) return;
    str_append(text_, "Decoded inside the graph: ", decoded.size(), "\n");
    for (const DecodedInput& input : decoded) {
      const Node& node = graph_.node(input.decoder);
      str_append(text_, "  ", printable(node.name), " (", printable(node.op), ")");
      if (!input.feed.is_none())
        str_append(text_, ": to be fed behind it: ", printable(graph_.wire_name(input.feed)), " ",
                   graph_.fact(input.feed).to_string());
      if (!input.preparation.empty()) str_append(text_, " (", printable(input.preparation), ")");
      text_ += '\n';
    }
  }

  void write_outputs() {
    if (candidates_.empty()) {
      text_ += "Likely outputs: none depends on an input\n";
      return;
    }
    text_ += "Likely outputs, best first:\n";
    for (const OutputCandidate& candidate : candidates_) {
      const Node& node = graph_.node(candidate.node);
      str_append(text_, "  ", printable(candidate.name), " (", printable(candidate.reason), ")",
                 node.outputs.empty() ? "" : ": " + node.outputs[0].to_string(), "\n");
    }
  }

  void write_list(std::string_view what, std::vector<NodeId> ids) {
    std::erase_if(ids, [this](NodeId id) { return !is_needed(id); });
    if (!ids.empty()) str_append(text_, what, ": ", ids.size(), ": ", names(ids), "\n");
  }

  void write_dtypes() {
    std::map<std::string_view, int> counts;
    for (NodeId id : graph_.ids()) {
      if (!is_needed(id)) continue;
      for (const Fact& fact : graph_.node(id).outputs) {
        if (fact.dtype != DType::kInvalid) ++counts[dtype_name(fact.dtype)];
      }
    }
    std::vector<std::pair<std::string_view, int>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> words;
    for (const auto& [name, count] : sorted) words.push_back(str_cat(count, " ", name));
    if (!words.empty()) str_append(text_, "Types of values: ", str_join(words), "\n");
  }

  void write_cost() {
    GraphCost cost = graph_cost(graph_, {.outputs = output_names_, .plan_memory = false});
    str_append(text_, "One run: ", human_readable_number(cost.macs), " multiply-accumulates, ",
               human_readable_number(cost.operations), " operations, ", human_readable_number(cost.weight_bytes),
               " bytes of weights, ", human_readable_number(cost.written_bytes), " bytes of activations\n");
    write_cost_by_op(cost);
    for (const std::string& note : cost.notes) str_append(text_, "  ", note, "\n");
    std::vector<std::string> uncounted;
    for (const auto& [op, count] : cost.uncounted) uncounted.push_back(str_cat(count, " ", printable(op)));
    if (!uncounted.empty()) str_append(text_, "  not counted: ", str_join(uncounted), "\n");
  }

  void write_cost_by_op(const GraphCost& cost) {
    std::map<std::string, int64_t> by_op;
    for (const NodeCost& node : cost.nodes) {
      if (node.macs > 0) by_op[graph_.node(node.node).op] += node.macs;
    }
    std::vector<std::pair<std::string, int64_t>> sorted(by_op.begin(), by_op.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> words;
    for (const auto& [op, macs] : sorted) words.push_back(str_cat(human_readable_number(macs), " ", printable(op)));
    if (words.size() > 1) str_append(text_, "  of these ", str_join(words), "\n");
  }

  const Graph& graph_;
  std::vector<OutputCandidate> candidates_;
  std::vector<std::string> output_names_;
  std::vector<bool> needed_;
  std::string text_;
};

}  // namespace

std::vector<ModePlaceholder> mode_placeholders(const Graph& graph) {
  std::vector<ModePlaceholder> modes;
  for (NodeId id : graph.ids()) {
    if (!is_placeholder(graph.node(id))) continue;
    if (std::optional<ModePlaceholder> mode = ModeFinder(graph, id).find()) modes.push_back(*std::move(mode));
  }
  return modes;
}

std::vector<DecodedInput> decoded_inputs(const Graph& graph, const std::vector<bool>& needed) {
  std::vector<DecodedInput> found;
  std::set<NodeId> pictures;
  for (const ModelInput& input : image_inputs(graph, needed).inputs) {
    found.push_back({.decoder = input.decoder, .feed = input.wire, .preparation = input.preprocessing});
    pictures.insert(input.decoder);
  }
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    bool decodes = (node.op.starts_with("Decode") && !node.op.starts_with("DecodeBase64")) ||
                   node.op.starts_with("ParseExample") || node.op.starts_with("ParseSingleExample");
    if (!needed[static_cast<size_t>(id)] || !decodes || node.outputs.empty() || pictures.contains(id)) continue;
    DecodedInput input{.decoder = id};
    // Along the only way there is. Who asks for sizes alone does not count.
    Wire at{id, 0};
    for (int steps = 0; steps < 100 && input.feed.is_none(); ++steps) {
      if (dtype_is_floating(graph.fact(at).dtype)) {
        input.feed = at;
        break;
      }
      std::vector<NodeId> readers;
      for (const Use& use : graph.uses(at.node)) {
        bool reads = use.input != Use::kControl && use.slot == at.slot && !graph.node(use.node).is("Shape");
        if (reads && (readers.empty() || readers.back() != use.node)) readers.push_back(use.node);
      }
      if (readers.size() != 1 || graph.node(readers[0]).outputs.empty()) break;
      at = {readers[0], 0};
    }
    found.push_back(input);
  }
  return found;
}

std::vector<NodeId> dropout_nodes(const Graph& graph) {
  std::set<NodeId> found;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    // floor(keep + random), or random >= rate.
    bool decides = (node.is("Floor") && !node.inputs.empty() && is_random(graph, node.inputs[0])) ||
                   (is_one_of(node.op, kComparisons) && node.inputs.size() == 2 &&
                    (is_random(graph, node.inputs[0]) || is_random(graph, node.inputs[1])));
    if (!decides) continue;
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

std::vector<NodeId> training_batch_norms(const Graph& graph) {
  std::vector<NodeId> found;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    bool is_fused = node.is("FusedBatchNorm") || node.is("FusedBatchNormV2") || node.is("FusedBatchNormV3");
    if (is_fused && node.attrs.get_or<bool>("is_training", true)) found.push_back(id);
    // tf.nn.moments: the variance as the mean of (x - stop_gradient(mean(x)))^2.
    if (!node.is("SquaredDifference") || node.inputs.size() != 2 || node.inputs[1].is_none()) continue;
    const Node& stop = graph.node(node.inputs[1].node);
    if (!stop.is("StopGradient") || stop.inputs.empty() || stop.inputs[0].is_none()) continue;
    const Node& mean = graph.node(stop.inputs[0].node);
    if (mean.is("Mean") && !mean.inputs.empty() && mean.inputs[0] == node.inputs[0]) found.push_back(id);
  }
  return found;
}

std::string describe_graph(const Graph& graph) {
  return Description(graph).write();
}

}  // namespace tarn
