#include "graph/output_candidates.h"

#include <algorithm>

namespace tarn {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

template <size_t N>
bool is_one_of(std::string_view text, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

// Scopes of training and book-keeping, wherever in the name they stand.
constexpr std::string_view kOtherScopes[] = {"gradients",
                                             "save",
                                             "train",
                                             "init",
                                             "initializer",
                                             "summaries",
                                             "summary",
                                             "metrics",
                                             "report_uninitialized_variables",
                                             "losses",
                                             "loss",
                                             "adam",
                                             "momentum",
                                             "rmsprop",
                                             "accuracy",
                                             "eval",
                                             "evaluation",
                                             "training",
                                             "optimizer",
                                             "group_deps",
                                             "restore",
                                             "assert",
                                             "confusion_matrix"};
constexpr std::string_view kInputOps[] = {
    "Placeholder",        "PlaceholderWithDefault", "PlaceholderV2", "IteratorGetNext",  "QueueDequeueV2",
    "QueueDequeueManyV2", "QueueDequeueUpToV2",     "QueueDequeue",  "QueueDequeueMany", "QueueDequeueUpTo"};
constexpr std::string_view kWeightOps[] = {"VariableV2", "Variable", "VarHandleOp"};
constexpr std::string_view kOutputOps[] = {"Softmax", "Sigmoid", "ArgMax", "TopKV2", "TopK", "Tanh", "LogSoftmax"};
constexpr std::string_view kLikelyOps[] = {"BiasAdd",  "Add",     "AddV2",   "MatMul",
                                           "Identity", "Reshape", "Squeeze", "ConcatV2"};
constexpr std::string_view kNoOutputOps[] = {
    "NoOp",      "Assert", "Print", "PyFunc", "PyFuncStateless", "EagerPyFunc",   "Switch",
    "RefSwitch", "Shape",  "Exit",  "Merge",  "Enter",           "NextIteration", "TensorArrayV3"};
constexpr std::string_view kOutputWords[] = {
    "softmax", "output",       "outputs",    "logits", "prediction", "predictions", "probabilities", "probs",
    "scores",  "final_result", "embeddings", "result", "y_pred",     "logit",       "pred",          "detection_boxes"};

// Layers, or a loop that may hold some, or what makes a result of several: what comes before them is no output.
constexpr std::string_view kLayerOps[] = {"MatMul",
                                          "BatchMatMul",
                                          "BatchMatMulV2",
                                          "Conv2D",
                                          "Conv2DBackpropInput",
                                          "Conv3D",
                                          "DepthwiseConv2dNative",
                                          "FusedBatchNorm",
                                          "FusedBatchNormV2",
                                          "FusedBatchNormV3",
                                          "MaxPool",
                                          "AvgPool",
                                          "Relu",
                                          "Relu6",
                                          "Pack",
                                          "Concat",
                                          "ConcatV2",
                                          "Enter",
                                          "RefEnter",
                                          "While",
                                          "StatelessWhile"};
// Give on what they are given, at most in another shape or a part of it.
constexpr std::string_view kPassingOps[] = {"Identity", "Reshape", "Squeeze", "StridedSlice"};

// Scopes that no one gives a model; the others might be its name: name_scope("training"), name_scope("eval").
constexpr std::string_view kSureScopes[] = {"gradients", "save", "restore", "report_uninitialized_variables"};

bool is_of_training(const Node& node, bool only_sure) {
  if (node.op.starts_with("Assign") || node.op.starts_with("Apply") || node.op.starts_with("ResourceApply") ||
      node.op.starts_with("Save") || node.op.starts_with("Restore") || node.op.ends_with("Summary") ||
      node.op.find("CrossEntropy") != std::string::npos || node.op.ends_with("Grad") || node.op == "L2Loss" ||
      node.op.find("Enqueue") != std::string::npos) {
    return true;
  }
  // Custom Vision calls the classifier's scores so.
  if ((node.op == "Softmax" || node.op == "Sigmoid") && node.name == "loss") return false;
  for (const std::string& part : str_split(node.name, '/')) {
    std::string word = lower(part);
    // gradients_1, save_2
    size_t end = word.find_last_not_of("0123456789");
    if (end != std::string::npos && end + 1 < word.size() && word[end] == '_') word.resize(end);
    if (only_sure ? is_one_of(word, kSureScopes) : is_one_of(word, kOtherScopes)) return true;
    if (word.starts_with("assign") || word.starts_with("assert")) return true;
    if (only_sure) continue;
    // cross_entropy_loss, softmax_cross_entropy_with_logits_sg, contrastive-loss; but not gloss
    auto holds = [&](std::string_view piece) { return word.find(piece) != std::string::npos; };
    if (holds("cross_entropy") || holds("crossentropy") || (holds("loss") && !holds("gloss"))) return true;
  }
  return false;
}

class Ranker {
 public:
  // With `only_sure`, scopes that merely sound like training are models too.
  Ranker(const Graph& graph, bool only_sure) : graph_(graph), only_sure_(only_sure) {}

  std::vector<OutputCandidate> run(size_t most) {
    follow();
    std::vector<OutputCandidate> found;
    for (NodeId id : graph_.ids()) {
      if (std::optional<OutputCandidate> candidate = judge(id)) found.push_back(*std::move(candidate));
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const OutputCandidate& a, const OutputCandidate& b) { return a.score > b.score; });
    if (found.size() > most) found.resize(most);
    return found;
  }

 private:
  struct State {
    bool of_model = false;  // depends on an input, not of training
    bool in_loop = false;   // between Enter and Exit: not to be had from outside
    bool weighted = false;  // and on a variable or a large constant
    uint64_t inputs = 0;    // the first 64 inputs, a bit each
    int depth = 0;
    bool before_layers = false;  // more of the model comes behind
    bool is_passed_on = false;   // what comes behind only gives it on: that is the model's end
    NodeId origin = -1;          // what a node that only gives something on gives on; else itself
  };
  State& state(NodeId id) { return states_[static_cast<size_t>(id)]; }

  void follow() {
    states_.assign(static_cast<size_t>(graph_.id_limit()), {});
    int count = 0;
    for (NodeId id : graph_.ids()) {
      if (!is_one_of(graph_.node(id).op, kInputOps)) continue;
      state(id).of_model = true;
      state(id).inputs = uint64_t{1} << std::min(count++, 63);
    }
    Result<std::vector<NodeId>> sorted = topological_order(graph_);
    const std::vector<NodeId> order = sorted.ok() ? *sorted : graph_.ids();
    // Round a loop once more: an input may reach the loop's result through the body alone. Loops in loops take longer.
    constexpr int kMostRounds = 8;
    for (int round = 0; round < kMostRounds; ++round) {
      bool changed = false;
      for (NodeId id : order) changed |= follow(id, round == 0);
      if (!changed) break;
    }
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      State& own = state(*it);
      int users = 0, passing = 0;
      for (const Use& use : graph_.uses(*it)) {
        const State& user = state(use.node);
        if (use.input == Use::kControl || !user.of_model) continue;
        ++users;
        bool passes = use.input == 0 && is_one_of(graph_.node(use.node).op, kPassingOps);
        passing += passes && (user.is_passed_on || !is_read_by_model(use.node)) ? 1 : 0;
        if (graph_.node(use.node).is("Shape")) continue;  // sizes are no part of what the model computes
        own.before_layers |= user.before_layers || is_one_of(graph_.node(use.node).op, kLayerOps);
      }
      own.is_passed_on = users > 0 && users == passing;
    }
    for (NodeId id : order) state(id).origin = origin(id);
  }

  bool is_read_by_model(NodeId id) {
    const std::vector<Use>& uses = graph_.uses(id);
    return std::any_of(uses.begin(), uses.end(),
                       [&](const Use& use) { return use.input != Use::kControl && state(use.node).of_model; });
  }

  // Whether a variable is given it: a metric's count, a state.
  bool is_assigned(NodeId id) {
    const std::vector<Use>& uses = graph_.uses(id);
    return std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
      return use.input == 1 && graph_.node(use.node).op.starts_with("Assign");
    });
  }

  // What a node that only gives something on gives on, once that of what comes before is known.
  NodeId origin(NodeId id) {
    const Node& node = graph_.node(id);
    if (!is_one_of(node.op, kPassingOps) || node.inputs.empty() || node.inputs[0].is_none()) return id;
    const State& from = state(node.inputs[0].node);
    return from.of_model && from.is_passed_on && from.origin >= 0 ? from.origin : id;
  }

  // The condition of an Assert, or what is printed.
  bool is_only_checked(NodeId id) const {
    const std::vector<Use>& uses = graph_.uses(id);
    return !uses.empty() && std::all_of(uses.begin(), uses.end(), [&](const Use& use) {
      const Node& user = graph_.node(use.node);
      return use.input != Use::kControl && (user.is("Assert") || user.op.starts_with("Print"));
    });
  }
  // Something of the model waits for it: an order, not a result.
  bool is_waited_for(NodeId id) {
    const std::vector<Use>& uses = graph_.uses(id);
    return std::any_of(uses.begin(), uses.end(),
                       [&](const Use& use) { return use.input == Use::kControl && state(use.node).of_model; });
  }

  // What the nodes of a tf.cond's branch wait for.
  bool is_pivot(const Node& node) const {
    return node.is("Identity") && !node.inputs.empty() && !node.inputs[0].is_none() &&
           graph_.node(node.inputs[0].node).is("Switch") &&
           (node.outputs.empty() || node.outputs[0].dtype == DType::kBool);
  }

  static bool is_named(const Node& node) {
    std::string word = lower(node.name.substr(node.name.rfind('/') + 1));
    size_t end = word.find_last_not_of("_0123456789");
    if (end != std::string::npos) word.resize(end + 1);
    return is_one_of(word, kOutputWords);
  }

  // Whether the node's state changed.
  bool follow(NodeId id, bool is_first) {
    const Node& node = graph_.node(id);
    if (is_one_of(node.op, kInputOps)) return false;
    State own = state(id);
    own.weighted |= is_one_of(node.op, kWeightOps) || is_large_constant(node);
    bool reaches = false;
    for (Wire wire : node.inputs) {
      if (wire.is_none()) continue;
      const State& from = state(wire.node);
      own.weighted |= from.weighted;
      own.inputs |= from.inputs;
      own.in_loop |= from.in_loop;
      reaches |= from.of_model;
      if (is_first) own.depth = std::max(own.depth, from.depth + 1);
    }
    if (node.is("Enter")) own.in_loop = true;
    if (node.is("Exit")) own.in_loop = false;
    own.of_model = reaches && !is_of_training(node, only_sure_);
    State& known = state(id);
    bool changed = own.of_model != known.of_model || own.weighted != known.weighted || own.inputs != known.inputs;
    known = own;
    return changed;
  }

  static bool is_large_constant(const Node& node) {
    constexpr int64_t kLarge = 8;
    const AttrValue* value = node.is("Const") ? node.attrs.find("value") : nullptr;
    return value != nullptr && value->is<Tensor>() && value->as<Tensor>().element_count() >= kLarge;
  }

  std::optional<OutputCandidate> judge(NodeId id) {
    const Node& node = graph_.node(id);
    const State& own = state(id);
    // What two branches come to may be a model's end; within it, it is one of many.
    bool is_end = node.is("Merge") && graph_.uses(id).empty();
    if (!own.of_model || own.in_loop || is_one_of(node.op, kInputOps) || (is_one_of(node.op, kNoOutputOps) && !is_end))
      return std::nullopt;
    if (node.def != nullptr && node.outputs.empty()) return std::nullopt;
    bool read_by_model = is_read_by_model(id);
    const Node& source = graph_.node(own.origin);
    if (is_pivot(node) || is_only_checked(id)) return std::nullopt;
    bool named = is_named(node) || is_named(source);
    // A classifier's scores are what one wants, though labels may be looked up behind them. A layer that more of the
    // model comes behind is no output, whatever its name.
    bool scores = node.is("Softmax") || node.is("LogSoftmax");
    if (read_by_model && ((!named && !scores) || own.before_layers || own.is_passed_on)) return std::nullopt;

    if (!named && !scores && is_assigned(id)) return std::nullopt;

    DType dtype = node.outputs.empty() ? DType::kFloat : node.outputs[0].dtype;
    bool scalar = !node.outputs.empty() && node.outputs[0].shape.is_scalar();
    int score = 0;
    score += own.weighted ? 40 : 0;
    score += read_by_model ? -15 : 10;
    score += named ? 30 : 0;
    score += is_one_of(source.op, kOutputOps) ? 12 : is_one_of(node.op, kLikelyOps) ? 6 : 0;
    score += dtype == DType::kFloat ? 5 : dtype == DType::kString ? -5 : 0;
    score -= scalar ? 30 : 0;                       // a loss
    score -= 4 * __builtin_popcountll(own.inputs);  // labels come on top
    score += std::min(own.depth, 100) / 20;
    std::string reason = node.op;
    if (&source != &node) str_append(reason, " of ", source.op);
    if (named) reason += ", named like an output";
    if (only_sure_) reason += ", in a scope named like training";
    return OutputCandidate{id,           node.name, std::move(reason), score, !read_by_model && !is_waited_for(id),
                           own.weighted, scalar};
  }

  const Graph& graph_;
  bool only_sure_;
  std::vector<State> states_;
};

}  // namespace

std::vector<OutputCandidate> output_candidates(const Graph& graph, size_t most) {
  std::vector<OutputCandidate> found = Ranker(graph, false).run(most);
  return found.empty() ? Ranker(graph, true).run(most) : found;
}

namespace {

// Of a graph that nothing is fed to: what nobody reads.
std::vector<OutputCandidate> ends_without_inputs(const Graph& graph) {
  std::vector<OutputCandidate> ends;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (is_one_of(node.op, kInputOps)) return {};
    if (!graph.uses(id).empty() || is_one_of(node.op, kNoOutputOps) || is_of_training(node, true)) continue;
    if (node.def == nullptr || !node.outputs.empty())
      ends.push_back({id, node.name, str_cat(node.op, ", of a graph without inputs")});
  }
  return ends;
}

}  // namespace

Result<std::vector<OutputCandidate>> choose_outputs(const Graph& graph) {
  constexpr size_t kAll = 1000;
  std::vector<OutputCandidate> found = output_candidates(graph, kAll), ends;
  std::copy_if(found.begin(), found.end(), std::back_inserter(ends), [](const OutputCandidate& c) { return c.is_end; });
  if (ends.empty()) ends = ends_without_inputs(graph);
  if (ends.empty()) return failed_precondition("no node looks like an output");
  // Heads of one model all depend on weights, or none does; and a number alone among arrays is a loss or a count.
  bool of_a_kind = std::all_of(ends.begin(), ends.end(), [&](const OutputCandidate& end) {
    return end.is_weighted == ends[0].is_weighted && end.is_scalar == ends[0].is_scalar;
  });
  if (of_a_kind) return ends;
  constexpr size_t kMostShown = 10;
  if (found.size() > kMostShown) found.resize(kMostShown);
  return failed_precondition(
      "the graph ends in ", ends.size(),
      " nodes, which are not all outputs of one model; name yours, of these, best first: ", candidates_text(found));
}

std::string candidates_text(const std::vector<OutputCandidate>& candidates) {
  std::vector<std::string> texts;
  texts.reserve(candidates.size());
  for (const OutputCandidate& candidate : candidates)
    texts.push_back(str_cat(quoted(candidate.name), " (", printable(candidate.reason), ")"));
  return str_join(texts);
}

}  // namespace tarn
