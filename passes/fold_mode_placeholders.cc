// fold_mode_placeholders: what tells a graph whether it is trained or used becomes a constant.
//
// Before:  is_training = Placeholder;  keep_prob = Placeholder        After:  is_training = false;  keep_prob = 1
// When:    a Placeholder that is no input (of which none may be given), and
//          - bool: all that depends on it are branches (Switch, Select, If, Case, through logic, casts and arithmetic
//          on
//            scalars) and dropout: false. Not if its name says that it is on at inference (is_test)
//          - int, called learning_phase (Keras): the same, 0
//          - floating: it is the keep probability (1) or the rate (0) of dropout, as remove_dropout finds it, and
//            nothing else
//          - PlaceholderWithDefault, of any dtype: its default
//          - whatever is named in name="NAME=VALUE" (several times): that value, in place of all these rules
//          One that is called like a mode, but decides more, stays, and is told of
// Keeps:   the names of inputs and outputs.   Contract: exact, given the values: verification feeds them.
// Ends:    every change removes a placeholder.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/support/dropout.h"
#include "passes/support/known_values.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "name", .doc = "NAME=VALUE: what a placeholder is, in place of what the rules say", .is_list = true}};

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

bool is_placeholder(const Node& node) {
  return node.is("Placeholder") || node.is("PlaceholderV2") || node.is("PlaceholderWithDefault");
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
bool is_called_like_a_mode(std::string_view name) {
  return contains_one_of(bare_name(name), {"train", "phase", "keepprob", "dropout", "droprate", "dropprob"});
}
// "is_test", "inference": true when the graph is used. ("is_training_or_test" says nothing.)
bool is_called_like_use(std::string_view name) {
  std::string bare = bare_name(name);
  bool is_use =
      contains_one_of(bare, {"test", "infer", "eval", "predict", "deterministic", "valid", "freeze", "frozen"});
  return is_use && !contains_one_of(bare, {"train"});
}
bool is_learning_phase(std::string_view name) {
  return contains_one_of(bare_name(name), {"learningphase"});
}

// --- what a placeholder decides --------------------------------------------------------------------------------------

// Everything of the graph's dropouts that tells what a placeholder is.
struct Dropouts {
  std::unordered_set<NodeId> readers;           // of keep, rate, scale
  std::map<NodeId, std::vector<bool>> is_rate;  // by where keep comes from: whether it is 1 - that
};

Dropouts find_dropouts(const Rewriter& r) {
  Dropouts all;
  for (NodeId id : r.graph().ids()) {
    std::optional<Dropout> found = find_dropout(r, id, KeepShape::kScalarOrUnknown);
    if (!found) continue;
    all.readers.insert(found->readers.begin(), found->readers.end());
    if (!found->keep.number) all.is_rate[found->keep.wire.node].push_back(found->keep.is_complement);
  }
  return all;
}

struct Decides {
  int branches = 0, dropouts = 0;
  NodeId other = -1;  // a user that is neither
};

class Follower {
 public:
  Follower(const Rewriter& rewriter, const Dropouts& dropouts) : r_(rewriter), dropouts_(dropouts) {}

  Decides follow(NodeId placeholder) {
    reach(placeholder);
    while (!stack_.empty()) {
      NodeId id = stack_.back();
      stack_.pop_back();
      for (const Use& use : r_.graph().uses(id)) take(use);
    }
    return decides_;
  }

 private:
  void reach(NodeId id) {
    if (seen_.insert(id).second) stack_.push_back(id);
  }

  void take(const Use& use) {
    // Waiting for a value says nothing of it.
    if (use.input == Use::kControl) return;
    const Node& user = r_.node(use.node);
    if (r_.is_input(use.node)) return;  // is fed in its place
    bool is_choice = is_one_of(user.op, {"If", "StatelessIf", "Case", "StatelessCase", "Select", "SelectV2"});
    bool is_switch = user.is("Switch") || user.is("RefSwitch");
    if ((is_choice && use.input == 0) || (is_switch && use.input == 1)) {
      ++decides_.branches;
    } else if (dropouts_.readers.contains(use.node)) {
      ++decides_.dropouts;
      // Of 1 / keep the users count, too.
      bool inverts = is_one_of(user.op, {"RealDiv", "Div"}) && r_.fact(user.inputs[0]).shape.is_scalar();
      if (inverts) reach(use.node);
    } else if (!r_.is_output(use.node) && passes_on(user, use.input)) {
      reach(use.node);
    } else if (decides_.other < 0) {
      decides_.other = use.node;
    }
  }

  // Whether what the node gives is again something that only decides.
  bool passes_on(const Node& user, int input) const {
    if (is_one_of(user.op, {"Identity", "StopGradient", "LogicalNot", "Cast", "Switch", "Enter"})) return true;
    if (is_one_of(user.op, {"Reshape", "ExpandDims", "Squeeze"})) return input == 0;
    if (!is_one_of(user.op, {"LogicalAnd", "LogicalOr", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less",
                             "LessEqual", "Sub", "Add", "AddV2", "Mul", "RealDiv", "Div", "Maximum", "Minimum"}))
      return false;
    // Data that is masked by it would be more than a decision.
    return user.inputs.size() == 2 && r_.fact(user.inputs[input == 0 ? 1 : 0]).shape.is_scalar();
  }

  const Rewriter& r_;
  const Dropouts& dropouts_;
  Decides decides_;
  std::vector<NodeId> stack_;
  std::unordered_set<NodeId> seen_;
};

bool is_integer(DType dtype) {
  return dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kUInt8;
}
bool fits_integer(DType dtype, double number) {
  constexpr double kMostInt32 = 2147483647.0, kMostExact = 9007199254740992.0, kMostUInt8 = 255.0;
  double most = dtype == DType::kInt32 ? kMostInt32 : dtype == DType::kInt64 ? kMostExact : kMostUInt8;
  return number == std::trunc(number) && number <= most && number >= (dtype == DType::kUInt8 ? 0 : -most);
}

// --- what it becomes -------------------------------------------------------------------------------------------------

struct Decision {
  double value;
  std::string why;
};

class Folder {
 public:
  explicit Folder(Rewriter& rewriter) : r_(rewriter), dropouts_(find_dropouts(rewriter)) {}

  // Values given by name, by node.
  std::map<NodeId, std::string> given;

  Status visit(NodeId id) {
    const Node& node = r_.node(id);
    if (!is_placeholder(node) || node.def == nullptr || node.outputs.size() != 1) return {};
    if (auto it = given.find(id); it != given.end()) return take_given(id, it->second);
    if (r_.is_public(id)) return {};
    if (node.is("PlaceholderWithDefault")) return take_default(id);
    Decides decides = Follower(r_, dropouts_).follow(id);
    if (decides.branches + decides.dropouts == 0 && decides.other < 0) return {};  // nobody reads it
    std::optional<Decision> decision = decide(id, decides);
    return decision ? fold(id, decision->value, decision->why) : Status();
  }

 private:
  const Fact& fact(NodeId id) const { return r_.node(id).outputs[0]; }
  void leave(NodeId id, const std::string& why) {
    r_.context().notes.push_back(str_cat(printable(r_.node(id).name), ": left alone: ", why));
  }

  static std::string summary(const Decides& decides) {
    if (decides.dropouts == 0) return "only decides branches";
    return decides.branches == 0 ? "only decides dropout" : "only decides branches and dropout";
  }

  std::optional<Decision> decide(NodeId id, const Decides& decides) {
    const std::string& name = r_.node(id).name;
    DType dtype = fact(id).dtype;
    bool is_scalar = fact(id).shape.is_scalar() || !fact(id).shape.has_rank();
    bool is_number = dtype_is_floating(dtype) || (is_integer(dtype) && is_learning_phase(name));
    if (!is_scalar || (dtype != DType::kBool && !is_number)) return std::nullopt;
    if (decides.other >= 0) {
      if (is_called_like_a_mode(name)) {
        const Node& other = r_.node(decides.other);
        leave(id, str_cat("it is called like a mode, but ", other.op, " ", quoted(other.name), " reads it, too"));
      }
      return std::nullopt;
    }
    if (!dtype_is_floating(dtype)) {
      if (is_called_like_use(name)) {
        leave(id,
              str_cat("its name says that it is true when the graph is used: name=\"", name, "=true\" makes it so"));
        return std::nullopt;
      }
      return Decision{0, summary(decides)};
    }
    // A number that dropout alone reads: keep probability or rate?
    auto roles = dropouts_.is_rate.find(id);
    if (decides.branches > 0 || roles == dropouts_.is_rate.end()) return std::nullopt;
    const std::vector<bool>& is_rate = roles->second;
    bool all_same = std::all_of(is_rate.begin(), is_rate.end(), [&](bool rate) { return rate == is_rate[0]; });
    if (!all_same) {
      leave(id, "it is the rate of one dropout and the keep probability of another");
      return std::nullopt;
    }
    return is_rate[0] ? Decision{0, "only the rate of dropout"} : Decision{1, "only the keep probability of dropout"};
  }

  // A placeholder whose rank is not known is taken for a scalar.
  Status fold(NodeId id, double value, std::string_view why) {
    Shape shape = fact(id).shape.has_rank() ? fact(id).shape : Shape();
    TARN_ASSIGN_OR_RETURN(Tensor tensor, filled(fact(id).dtype, shape, value));
    return fold(id, tensor, why);
  }
  Status fold(NodeId id, const Tensor& value, std::string_view why) {
    std::string name = r_.node(id).name;
    std::string shown = value.to_string(4);
    if (std::optional<double> number = number_of(value))
      shown = value.dtype() == DType::kBool ? str_cat(*number != 0) : str_cat(*number);
    r_.context().assume(name, value);
    Patch patch = r_.patch();
    patch.replace_node(id, patch.constant(name + "/folded", value));
    return r_.commit(patch, id, str_cat(why, ": ", shown));
  }

  Status take_default(NodeId id) {
    const Node& node = r_.node(id);
    if (!node.controls.empty()) return {};
    std::string why = "no input: takes its default";
    if (std::optional<double> number = known_number(r_, node.inputs[0])) {
      bool is_bool = fact(id).dtype == DType::kBool;
      str_append(why, is_bool ? str_cat(" ", *number != 0) : str_cat(" ", *number));
      Decides decides = Follower(r_, dropouts_).follow(id);
      bool trains = is_bool && *number != 0 && !is_called_like_use(node.name) && decides.branches > 0;
      if (trains && decides.other < 0)
        str_append(why, ", which may well be training: name=\"", node.name, "=false\" turns that off");
    }
    return r_.splice(id, node.inputs[0], why);
  }

  Status take_given(NodeId id, const std::string& text) {
    const Node& node = r_.node(id);
    const Fact& of = fact(id);
    auto refuse = [&](const auto&... what) {
      return invalid_argument("name=\"", printable(node.name), "=", printable(text), "\": ", node.op, " ",
                              quoted(node.name), " ", what...);
    };
    if (of.shape.has_rank() && !of.shape.is_fully_known())
      return refuse("is ", of.to_string(), ", of a size that is not known: a mode is a scalar");
    std::optional<double> number;
    if (text == "true" || text == "false") {
      if (of.dtype != DType::kBool) return refuse("takes ", dtype_short_name(of.dtype), ", not a bool");
      number = text == "true";
    } else {
      double read = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
      if (error == std::errc() && end == text.data() + text.size()) number = read;
    }
    bool is_bool = of.dtype == DType::kBool;
    if (!number || (is_bool && *number != 0 && *number != 1))
      return refuse("takes ", is_bool ? "true or false" : dtype_short_name(of.dtype), ", not ", quoted(text));
    if (is_integer(of.dtype) && !fits_integer(of.dtype, *number))
      return refuse("takes ", dtype_short_name(of.dtype), ", which ", quoted(text), " is not");
    Result<Tensor> value = filled(of.dtype, of.shape.has_rank() ? of.shape : Shape(), *number);
    if (!value.ok()) return refuse("cannot be told: ", value.status().message());
    return fold(id, *value, "as told");
  }

  Rewriter& r_;
  Dropouts dropouts_;
};

// "keep=1" by node. Errors, all at once: no "=", a name that is not in the graph, no placeholder, an input.
Status read_given(const Rewriter& r, const std::vector<std::string>& items, std::map<NodeId, std::string>& given) {
  Problems problems;
  std::vector<std::string> placeholders;
  for (NodeId id : r.graph().ids()) {
    if (is_placeholder(r.node(id))) placeholders.push_back(r.node(id).name);
  }
  for (const std::string& item : items) {
    size_t equals = item.find('=');
    std::string name = item.substr(0, equals);
    auto refuse = [&](const auto&... what) {
      problems.add(invalid_argument("name=\"", printable(item), "\": ", what...));
    };
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      refuse("expected NAME=VALUE");
      continue;
    }
    if (name.ends_with(":0")) name.resize(name.size() - 2);
    std::optional<NodeId> id = r.graph().find(name);
    if (!id) {
      refuse("node ", quoted(name), " is not in the graph", did_you_mean(name, placeholders));
    } else if (r.is_input(*id)) {
      refuse(quoted(name), " is an input: it is fed");
    } else if (r.is_output(*id)) {
      refuse(quoted(name), " is an output");
    } else if (is_placeholder(r.node(*id))) {
      if (!given.emplace(*id, item.substr(equals + 1)).second) refuse(quoted(name), " is given twice");
    } else if (!r.node(*id).is("Const")) {  // a Const: folded before
      refuse(quoted(name), " is a ", r.node(*id).op, ", not a Placeholder", did_you_mean(name, placeholders));
    }
  }
  return problems.to_status("");
}

// Folding one placeholder opens nothing up for another: once over all is enough.
Status fold_mode_placeholders(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(Rewriter r, Rewriter::make(graph, context));
  std::map<NodeId, std::string> given;
  TARN_RETURN_IF_ERROR(read_given(r, context.args.list("name"), given));
  Folder folder(r);
  folder.given = std::move(given);
  for (NodeId id : graph.ids()) {
    if (context.changes >= context.most_changes) break;
    if (graph.is_alive(id)) TARN_RETURN_IF_ERROR(folder.visit(id));
  }
  return {};
}

constexpr std::string_view kDoc = R"(What tells a graph whether it is trained or used becomes a constant.
  Before:  is_training = Placeholder;  keep_prob = Placeholder        After:  is_training = false;  keep_prob = 1
  When:    a Placeholder that is no input (of which none may be given), and
           - bool: all that depends on it are branches (Switch, Select, If, Case, through logic, casts and arithmetic on
             scalars) and dropout: false. Not if its name says that it is on at inference (is_test)
           - int, called learning_phase (Keras): the same, 0
           - floating: it is the keep probability (1) or the rate (0) of dropout, and nothing else
           - PlaceholderWithDefault, of any dtype: its default
           - whatever is named in name="NAME=VALUE" (several times): that value, in place of all these rules.
           One that is called like a mode, but decides more, stays, and is told of. Verification feeds what was decided
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_fold_mode_placeholders;
const PassDef pass_fold_mode_placeholders = {
    .name = "fold_mode_placeholders", .doc = kDoc, .contract = exact(), .run = fold_mode_placeholders, .args = kArgs};

}  // namespace tarn
