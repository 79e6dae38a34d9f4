#include "passes/support/modes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "passes/support/dropout.h"
#include "passes/support/known_values.h"

namespace tarn {
namespace {

using Kind = ModePlaceholder::Kind;

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

bool is_placeholder(const Node& node) {
  return is_one_of(node.op, {"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"}) && node.outputs.size() == 1;
}

bool is_integer(DType dtype) {
  return dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kUInt8;
}

// --- names -----------------------------------------------------------------------------------------------------------

// "net/Is_Training_1" -> "istraining": of the last part, the letters.
std::string bare_name(std::string_view name) {
  std::string bare;
  for (char c : name.substr(name.rfind('/') + 1)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c >= 'a' && c <= 'z') bare += c;
  }
  return bare;
}
bool contains_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}
bool is_learning_phase(std::string_view name) {
  return contains_one_of(bare_name(name), {"learningphase"});
}
bool is_called_like_a_mode(const Node& node) {
  // Training has many integers (steps, sizes), and much data (train_x) of a rank that is not known.
  if (is_integer(node.outputs[0].dtype)) return is_learning_phase(node.name);
  std::string bare = bare_name(node.name);
  if (node.outputs[0].dtype == DType::kBool && contains_one_of(bare, {"train", "phase"})) return true;
  return contains_one_of(bare, {"keepprob", "dropout", "droprate", "dropprob"});
}
// "is_test", "inference": true when the graph is used. ("is_training_or_test" says nothing.)
bool is_called_like_use(std::string_view name) {
  std::string bare = bare_name(name);
  bool is_use =
      contains_one_of(bare, {"test", "infer", "eval", "predict", "deterministic", "valid", "freeze", "frozen"});
  return is_use && !contains_one_of(bare, {"train"});
}

// --- what a placeholder decides --------------------------------------------------------------------------------------

// Everything of the graph's dropouts that tells what a placeholder is.
struct Dropouts {
  std::unordered_map<NodeId, std::vector<NodeId>> results;  // by what reads keep, rate or scale
  std::map<NodeId, std::vector<bool>> is_rate;              // by where keep comes from: whether it is 1 - that
};

Dropouts find_dropouts(const GraphView& view) {
  Dropouts all;
  for (NodeId id : view.graph().ids()) {
    std::optional<Dropout> found = find_dropout(view, id, KeepShape::kScalarOrUnknown);
    if (!found) continue;
    for (NodeId reader : found->readers) all.results[reader].push_back(id);
    if (!found->keep.number) all.is_rate[found->keep.wire.node].push_back(found->keep.is_complement);
  }
  return all;
}

struct Decides {
  std::set<NodeId> branches, dropouts;
  std::set<NodeId> draws;  // compare it with random numbers, but are no dropout that is known
  NodeId other = -1;       // a user that is none of these

  bool any() const { return !branches.empty() || !dropouts.empty() || !draws.empty(); }
  std::vector<NodeId> all() const {
    std::set<NodeId> nodes = branches;
    nodes.insert(dropouts.begin(), dropouts.end());
    nodes.insert(draws.begin(), draws.end());
    return {nodes.begin(), nodes.end()};
  }
};

class Follower {
 public:
  Follower(const GraphView& view, const Dropouts& dropouts, const std::vector<bool>& needed)
      : r_(view), dropouts_(dropouts), needed_(needed) {}

  Decides follow(NodeId placeholder) {
    reach(placeholder);
    while (!stack_.empty()) {
      NodeId id = stack_.back();
      stack_.pop_back();
      for (const Use& use : r_.graph().uses(id)) take(use);
    }
    return std::move(decides_);
  }

 private:
  void reach(NodeId id) {
    if (seen_.insert(id).second) stack_.push_back(id);
  }

  void take(const Use& use) {
    // Waiting for a value says nothing of it.
    if (use.input == Use::kControl || !needed_[static_cast<size_t>(use.node)]) return;
    const Node& user = r_.node(use.node);
    if (r_.is_input(use.node)) return;  // is fed in its place
    bool is_choice = is_one_of(user.op, {"If", "StatelessIf", "Case", "StatelessCase", "Select", "SelectV2"});
    bool is_switch = user.is("Switch") || user.is("RefSwitch");
    if ((is_choice && use.input == 0) || (is_switch && use.input == 1)) {
      decides_.branches.insert(use.node);
    } else if (auto read = dropouts_.results.find(use.node); read != dropouts_.results.end()) {
      decides_.dropouts.insert(read->second.begin(), read->second.end());
      // Of 1 / keep the users count, too.
      bool inverts = is_one_of(user.op, {"Reciprocal", "Inv"}) ||
                     (is_one_of(user.op, {"RealDiv", "Div"}) && r_.fact(user.inputs[0]).shape.is_scalar());
      if (inverts) reach(use.node);
    } else if (draws(r_.graph(), use.node)) {
      decides_.draws.insert(use.node);
    } else if (!r_.is_output(use.node) && passes_on(user, use.input)) {
      reach(use.node);
    } else if (decides_.other < 0) {
      decides_.other = use.node;
    }
  }

  // Whether what the node gives is again something that only decides.
  bool passes_on(const Node& user, int input) const {
    if (is_one_of(user.op, {"Identity", "StopGradient", "LogicalNot", "Cast", "Switch", "Merge", "Enter", "Reciprocal",
                            "Inv", "PlaceholderWithDefault"}))
      return true;
    if (is_one_of(user.op, {"Reshape", "ExpandDims", "Squeeze"})) return input == 0;
    bool is_logic = is_one_of(user.op, {"LogicalAnd", "LogicalOr"});
    bool is_arithmetic = is_one_of(user.op, {"Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "Sub",
                                             "Add", "AddV2", "Mul", "RealDiv", "Div", "Maximum", "Minimum"});
    if ((!is_logic && !is_arithmetic) || user.inputs.size() != 2) return false;
    // Data that is masked by it would be more than a decision. Of the sum with random numbers the users count.
    Wire other = user.inputs[input == 0 ? 1 : 0];
    bool sums = is_one_of(user.op, {"Add", "AddV2"}) && is_random(r_.graph(), other);
    const Shape& shape = r_.fact(other).shape;
    return shape.is_scalar() || (is_logic && !shape.has_rank()) || sums;
  }

  const GraphView& r_;
  const Dropouts& dropouts_;
  const std::vector<bool>& needed_;
  Decides decides_;
  std::vector<NodeId> stack_;
  std::unordered_set<NodeId> seen_;
};

std::vector<bool> needed_nodes(const GraphView& view) {
  std::vector<NodeId> outputs = view.outputs(), inputs = view.inputs();
  if (outputs.empty()) return std::vector<bool>(static_cast<size_t>(view.graph().id_limit()), true);
  return ancestors(view.graph(), outputs, inputs);
}

// --- what it is at inference -----------------------------------------------------------------------------------------

class Judge {
 public:
  explicit Judge(const GraphView& view) : r_(view), dropouts_(find_dropouts(view)), needed_(needed_nodes(view)) {}

  std::optional<ModePlaceholder> judge(NodeId id) const {
    const Node& node = r_.node(id);
    if (!is_placeholder(node) || r_.is_public(id)) return std::nullopt;
    Decides decides = Follower(r_, dropouts_, needed_).follow(id);
    if (node.is("PlaceholderWithDefault")) return by_default(id, decides);

    const Fact& fact = node.outputs[0];
    bool is_floating = dtype_is_floating(fact.dtype), is_bool = fact.dtype == DType::kBool;
    bool may_be_scalar = fact.shape.is_scalar() || !fact.shape.has_rank();
    if (!may_be_scalar || (!is_bool && !is_floating && !is_integer(fact.dtype))) return std::nullopt;
    if (decides.other >= 0) return read_by_more(id, decides);
    if (kind_of(id, decides) == Kind::kDefault) return std::nullopt;
    if (!decides.draws.empty()) {
      const Node& draw = r_.node(*decides.draws.begin());
      return unknown(
          id, decides,
          str_cat(draw.op, " ", quoted(draw.name), " draws by it, which is no dropout that scales what it keeps"));
    }
    if (is_floating) return by_dropout(id, decides);
    if (is_bool && is_called_like_use(node.name)) {
      return unknown(
          id, decides,
          str_cat("its name says that it is true when the graph is used: ", printable(node.name), "=true makes it so"));
    }
    if (!is_bool && !is_learning_phase(node.name))
      return unknown(id, decides, "it decides branches, and nothing says which number does so at inference");
    if (is_bool && decides.dropouts.empty() && !is_called_like_a_mode(node) && !differs_in_training(decides)) {
      return unknown(
          id, decides,
          str_cat("it decides branches, and neither its name nor what they hold says that it is a mode: it is "
                  "fed, unless ",
                  printable(node.name), "=false or =true settles it"));
    }
    return known(id, decides, 0, what_it_decides(decides));
  }

 private:
  ModePlaceholder unknown(NodeId id, const Decides& decides, std::string reason) const {
    return {.node = id, .kind = kind_of(id, decides), .reason = std::move(reason), .decides = decides.all()};
  }

  // What training does otherwise, or what only it does.
  static bool is_of_training(const Node& node) {
    constexpr std::string_view kOps[] = {
        "FusedBatchNorm",    "FusedBatchNormV2", "FusedBatchNormV3",     "BatchNormWithGlobalNormalization",
        "SquaredDifference", "RandomUniform",    "RandomStandardNormal", "TruncatedNormal",
        "StopGradient"};
    return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps) || node.op.starts_with("Assign") ||
           is_called_like_a_branch_of_training(node.name);
  }
  // Layers' names stay in those of their nodes: batch_normalization/cond/Switch, dropout/cond/dropout/mul.
  static bool is_called_like_a_branch_of_training(std::string_view name) {
    std::string bare;
    for (char c : name) bare += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return contains_one_of(bare, {"batch_norm", "batchnorm", "dropout", "/bn/", "moments", "moving_"});
  }

  // Whether near a branch, in it or in what it chooses between, something is of training.
  bool differs_in_training(const Decides& decides) const {
    constexpr size_t kMostSeen = 400;
    constexpr int kMostBack = 6;
    for (NodeId branch : decides.branches) {
      if (is_of_training(r_.node(branch))) return true;
      std::set<NodeId> seen = {branch};
      std::vector<NodeId> ahead = {branch};
      while (!ahead.empty() && seen.size() < kMostSeen) {
        NodeId id = ahead.back();
        ahead.pop_back();
        if (is_of_training(r_.node(id))) return true;
        if (id != branch && (r_.node(id).is("Merge") || !r_.node(branch).is("Switch"))) continue;
        for (const Use& use : r_.graph().uses(id)) {
          if (seen.insert(use.node).second) ahead.push_back(use.node);
        }
      }
      std::vector<std::pair<NodeId, int>> back = {{branch, 0}};
      while (!back.empty() && seen.size() < 2 * kMostSeen) {
        auto [id, steps] = back.back();
        back.pop_back();
        if (is_of_training(r_.node(id))) return true;
        if (steps == kMostBack) continue;
        for (Wire input : r_.node(id).inputs) {
          if (!input.is_none() && seen.insert(input.node).second) back.emplace_back(input.node, steps + 1);
        }
      }
    }
    return false;
  }

  // A placeholder whose rank is not known is taken for a scalar.
  ModePlaceholder known(NodeId id, const Decides& decides, double number, std::string reason) const {
    ModePlaceholder mode = unknown(id, decides, std::move(reason));
    if (Result<Tensor> value = filled(r_.node(id).outputs[0].dtype, {}, number); value.ok()) mode.value = *value;
    return mode;
  }

  // kDefault: nothing that it decides makes it a mode.
  Kind kind_of(NodeId id, const Decides& decides) const {
    if (!dtype_is_floating(r_.node(id).outputs[0].dtype)) return decides.any() ? Kind::kChoice : Kind::kDefault;
    return decides.dropouts.empty() && decides.draws.empty() ? Kind::kDefault : Kind::kDropout;
  }

  static std::string what_it_decides(const Decides& decides) {
    if (decides.dropouts.empty()) return "only decides branches";
    return decides.branches.empty() ? "only decides dropout" : "only decides branches and dropout";
  }

  // That dropout keeps by it is a surer sign than a name.
  std::optional<ModePlaceholder> read_by_more(NodeId id, const Decides& decides) const {
    const Node &node = r_.node(id), &other = r_.node(decides.other);
    bool is_dropout = kind_of(id, decides) == Kind::kDropout;
    if (!is_called_like_a_mode(node) && !is_dropout) return std::nullopt;
    return unknown(id, decides,
                   str_cat(is_dropout ? "it decides dropout" : "it is called like a mode", ", but ", other.op, " ",
                           quoted(other.name), " reads it, too"));
  }

  // Keep probability or rate? Branches beside may leave dropout out where it would drop nothing.
  std::optional<ModePlaceholder> by_dropout(NodeId id, const Decides& decides) const {
    auto roles = dropouts_.is_rate.find(id);
    if (roles == dropouts_.is_rate.end())
      return unknown(id, decides, "what dropout keeps is computed from it, in a way that is not known");
    const std::vector<bool>& is_rate = roles->second;
    bool all_same = std::all_of(is_rate.begin(), is_rate.end(), [&](bool rate) { return rate == is_rate[0]; });
    if (!all_same) return unknown(id, decides, "it is the rate of one dropout and the keep probability of another");
    std::string_view and_branches = decides.branches.empty() ? "" : ", and decides branches";
    return is_rate[0] ? known(id, decides, 0, str_cat("only the rate of dropout", and_branches))
                      : known(id, decides, 1, str_cat("only the keep probability of dropout", and_branches));
  }

  ModePlaceholder by_default(NodeId id, const Decides& decides) const {
    const Node& node = r_.node(id);
    ModePlaceholder mode = unknown(id, decides, "takes its default");
    if (decides.other >= 0) mode.kind = Kind::kDefault;
    if (!node.controls.empty()) {
      mode.reason = str_cat("it has a default, but waits for ", quoted(r_.node(node.controls[0]).name));
      return mode;
    }
    mode.takes_default = true;
    Wire from = behind(r_, node.inputs[0]);
    if (!r_.node(from.node).is("Const") || r_.is_input(from.node)) return mode;
    mode.value = r_.fact(from).value;
    bool is_true = node.outputs[0].dtype == DType::kBool && number_of(*mode.value).value_or(0) != 0;
    bool trains = is_true && mode.kind == Kind::kChoice && !decides.branches.empty() && !is_called_like_use(node.name);
    if (trains)
      str_append(mode.reason, ", which may well be training (", printable(node.name), "=false turns that off)");
    return mode;
  }

  const GraphView& r_;
  Dropouts dropouts_;
  std::vector<bool> needed_;
};

// --- values that are told --------------------------------------------------------------------------------------------

// Whether `number` can be had in this dtype: whole for integers, within its range.
bool fits(DType dtype, double number) {
  constexpr double kMostExactInt64 = 9007199254740992.0;  // 2^53: a double has all integers up to there
  constexpr double kMostHalf = 65504.0;
  constexpr double kMostFloat = std::numeric_limits<float>::max();
  auto is_whole_within = [&](double least, double most) {
    return number == std::trunc(number) && number >= least && number <= most;
  };
  switch (dtype) {
    case DType::kBool: return number == 0 || number == 1;
    case DType::kInt32:
      return is_whole_within(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
    case DType::kInt64: return is_whole_within(-kMostExactInt64, kMostExactInt64);
    case DType::kUInt8: return is_whole_within(0, std::numeric_limits<uint8_t>::max());
    case DType::kHalf: return std::abs(number) <= kMostHalf;
    case DType::kFloat:
    case DType::kBFloat16: return std::abs(number) <= kMostFloat;
    default: return std::isfinite(number);
  }
}

Result<double> read_number(DType dtype, const std::string& text) {
  bool is_bool = dtype == DType::kBool;
  if (text == "true" || text == "false") {
    if (!is_bool) return invalid_argument("takes ", dtype_short_name(dtype), ", not a bool");
    return text == "true" ? 1.0 : 0.0;
  }
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || (is_bool && !fits(dtype, number)))
    return invalid_argument("takes ", is_bool ? "true or false" : dtype_short_name(dtype), ", not ", quoted(text));
  if (!fits(dtype, number))
    return invalid_argument("takes ", dtype_short_name(dtype), ", which ", quoted(text), " is not");
  return number;
}

Result<Tensor> read_value(const Fact& fact, const std::string& text) {
  bool is_list = text.size() >= 2 && text.starts_with('[') && text.ends_with(']');
  std::vector<double> numbers;
  for (const std::string& item : is_list ? str_split(text.substr(1, text.size() - 2), ';') : std::vector{text}) {
    TARN_ASSIGN_OR_RETURN(double number, read_number(fact.dtype, item));
    numbers.push_back(number);
  }
  Shape shape = fact.shape;
  const Shape row = {static_cast<int64_t>(numbers.size())};
  if (is_list && shape.is_compatible_with(row)) {
    shape = row;
  } else if (!shape.has_rank()) {
    shape = {};
  } else if (!shape.is_fully_known()) {
    return invalid_argument("is ", fact.to_string(), ", of a size that is not known");
  }
  Result<Tensor> value = filled(fact.dtype, shape, numbers);
  if (!value.ok()) return invalid_argument("cannot be told: ", value.status().message());
  return value;
}

bool same_value(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.byte_size()) == 0;
}

}  // namespace

std::vector<ModePlaceholder> find_modes(const GraphView& graph) {
  std::vector<ModePlaceholder> modes;
  Judge judge(graph);
  for (NodeId id : graph.graph().ids()) {
    if (std::optional<ModePlaceholder> mode = judge.judge(id)) modes.push_back(*std::move(mode));
  }
  return modes;
}

std::string value_text(const Tensor& value) {
  std::optional<double> number = number_of(value);
  if (!number) return value.to_string(4);
  if (value.dtype() == DType::kBool) return str_cat(*number != 0);
  return value.dtype() == DType::kDouble ? str_cat(*number) : str_cat(static_cast<float>(*number));
}

Result<std::vector<ModeValue>> read_mode_values(const GraphView& graph, std::span<const std::string> items,
                                                std::string_view flag, MissingName missing) {
  Problems problems;
  std::vector<std::string> placeholders;
  for (NodeId id : graph.graph().ids()) {
    if (is_placeholder(graph.node(id))) placeholders.push_back(graph.node(id).name);
  }
  std::vector<ModeValue> values;
  std::set<NodeId> told;
  for (const std::string& item : items) {
    auto refuse = [&](const auto&... what) {
      problems.add(invalid_argument(flag, "=\"", printable(item), "\": ", what...));
    };
    size_t equals = item.find('=');
    std::string name = item.substr(0, equals);
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      refuse("expected NAME=VALUE");
      continue;
    }
    if (name.ends_with(":0")) name.resize(name.size() - 2);
    std::optional<NodeId> id = graph.graph().find(name);
    if (!id) {
      if (missing == MissingName::kError)
        refuse("node ", quoted(name), " is not in the graph", did_you_mean(name, placeholders));
      continue;
    }
    const Node& node = graph.node(*id);
    bool is_const = node.is("Const");
    if (graph.is_input(*id)) {
      refuse(quoted(name), " is an input: it is fed");
    } else if (graph.is_output(*id)) {
      refuse(quoted(name), " is an output");
    } else if (!is_placeholder(node) && !is_const) {
      refuse(quoted(name), " is a ", node.op, ", not a Placeholder", did_you_mean(name, placeholders));
    } else if (!told.insert(*id).second) {
      refuse(quoted(name), " is given twice");
    } else if (Result<Tensor> value = read_value(node.outputs[0], item.substr(equals + 1)); !value.ok()) {
      refuse(node.op, " ", quoted(name), " ", value.status().message());
    } else if (!is_const) {
      values.push_back({*id, *value});
    } else if (!same_value(*value, node.outputs[0].value)) {
      refuse(quoted(name), " is a Const of another value, ", value_text(node.outputs[0].value), ", not a Placeholder",
             did_you_mean(name, placeholders));
    }
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return values;
}

}  // namespace tarn
