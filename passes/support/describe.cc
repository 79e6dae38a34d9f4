#include "passes/support/describe.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "graph/cost.h"
#include "graph/freeze_inputs.h"
#include "graph/output_candidates.h"
#include "graph/summarize.h"
#include "passes/support/dropout.h"
#include "passes/support/modes.h"

namespace tarn {
namespace {

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
    // tf.cond leaves its condition lying as an Identity that nobody reads: no output, whatever it looks like.
    std::vector<std::string> outputs;
    for (const OutputCandidate& candidate : candidates_) {
      const Node& node = graph_.node(candidate.node);
      if (node.outputs.empty() || node.outputs[0].dtype != DType::kBool) outputs.push_back(candidate.name);
    }
    std::vector<ModePlaceholder> modes = find_modes(GraphView(graph_, {}, outputs));
    // What has a default and is no mode may well be fed.
    auto is_mode = [](const ModePlaceholder& mode) {
      return mode.kind != ModePlaceholder::Kind::kDefault || !mode.takes_default;
    };
    auto others = std::stable_partition(modes.begin(), modes.end(), is_mode);
    write_modes("Mode placeholders", {modes.begin(), others});
    // A saver's file name is one, too.
    modes.erase(
        std::remove_if(others, modes.end(), [this](const ModePlaceholder& mode) { return !is_needed(mode.node); }),
        modes.end());
    write_modes("Inputs with a default", {others, modes.end()});
  }

  void write_modes(std::string_view title, std::span<const ModePlaceholder> modes) {
    if (modes.empty()) return;
    str_append(text_, title, ": ", modes.size(), "\n");
    for (const ModePlaceholder& mode : modes) {
      const Node& node = graph_.node(mode.node);
      str_append(text_, "  ", printable(node.name), " (", dtype_name(node.outputs[0].dtype), "): ");
      if (mode.value) {
        str_append(text_, value_text(*mode.value), " at inference: ");
      } else if (!mode.takes_default) {
        text_ += "to be told: ";
      }
      text_ += mode.reason;
      if (!mode.decides.empty()) {
        str_append(text_, ": ", mode.decides.size(),
                   mode.decides.size() == 1 ? " node: " : " nodes: ", names(mode.decides));
      }
      text_ += '\n';
    }
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
      if (!input.feed.is_none()) {
        str_append(text_, ": to be fed behind it: ", printable(graph_.wire_name(input.feed)), " ",
                   graph_.fact(input.feed).to_string());
      }
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
    words.reserve(sorted.size());
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
    words.reserve(sorted.size());
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
