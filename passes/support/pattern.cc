#include "passes/support/pattern.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/vf2_sub_graph_iso.hpp>
#include <cassert>
#include <map>

#include "graph/all_ops.h"

namespace tarn {

Wire Match::wire(std::string_view name) const {
  for (const auto& [captured, wire] : captures_) {
    if (captured == name) return wire;
  }
  assert(false && "a name that the pattern does not have");
  return {};
}

// --- text
// ---------------------------------------------------------------------------------------------------------------

class Pattern::Reader {
 public:
  explicit Reader(Pattern& pattern) : pattern_(pattern) {}

  Status run(std::string_view text) {
    std::vector<std::string> inputs;  // of each line, still as text
    for (const std::string& line : str_split(text, '\n')) {
      std::string_view rest = trim(line);
      if (rest.empty()) continue;
      TARN_RETURN_IF_ERROR(read_line(rest, inputs));
    }
    if (pattern_.lines_.empty()) return invalid_argument("a pattern has at least one line");
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (pattern_.lines_[i].has_inputs) TARN_RETURN_IF_ERROR(read_inputs(i, inputs[i]));
    }
    return judge();
  }

 private:
  static std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
  }

  Status read_line(std::string_view text, std::vector<std::string>& inputs) {
    size_t equals = text.find('=');
    if (equals == std::string_view::npos) return invalid_argument(tarn::quoted(text), ": expected 'name = Op(inputs)'");
    std::string_view head = trim(text.substr(0, equals)), body = trim(text.substr(equals + 1));
    Line line;
    size_t colon = head.find(':');
    line.name = trim(head.substr(0, colon));
    if (colon != std::string_view::npos) {
      for (const std::string& word : str_split(std::string(head.substr(colon + 1)), ' ')) {
        if (!word.empty()) TARN_RETURN_IF_ERROR(read_predicate(word, line));
      }
    }
    size_t open = body.find('(');
    line.has_inputs = open != std::string_view::npos;
    if (line.has_inputs && body.back() != ')') return invalid_argument(tarn::quoted(text), ": '(' is never closed");
    inputs.emplace_back(line.has_inputs ? body.substr(open + 1, body.size() - open - 2) : "");
    for (const std::string& op : str_split(std::string(trim(body.substr(0, open))), '|')) {
      if (op == "*") continue;
      if (all_ops().find(op) == nullptr) return not_found(tarn::quoted(text), ": there is no op ", tarn::quoted(op));
      line.ops.push_back(op);
    }
    if (line_of(line.name) >= 0) return already_exists(tarn::quoted(line.name), " is there twice");
    pattern_.lines_.push_back(std::move(line));
    return {};
  }

  static Status read_predicate(const std::string& word, Line& line) {
    struct Flag {
      std::string_view name;
      bool Line::*member;
    };
    constexpr Flag kFlags[] = {{"floating", &Line::floating},
                               {"integer", &Line::integer},
                               {"one_user", &Line::one_user},
                               {"inner", &Line::inner},
                               {"any_controls", &Line::any_controls}};
    for (const Flag& flag : kFlags) {
      if (word != flag.name) continue;
      line.*flag.member = true;
      return {};
    }
    std::optional<DType> dtype = dtype_from_name(word);
    if (!dtype) return not_found("there is no predicate or dtype ", tarn::quoted(word));
    line.dtype = *dtype;
    return {};
  }

  Status read_inputs(size_t at, const std::string& text) {
    for (const std::string& item : str_split(text, ',', true)) {
      std::string_view name = trim(item);
      Line& line = pattern_.lines_[at];
      if (line.more_inputs) return invalid_argument(tarn::quoted(text), ": nothing comes after '...'");
      if (name == "...") {
        line.more_inputs = true;
        continue;
      }
      Input input;
      size_t colon = name.find(':');
      if (colon != std::string_view::npos) input.slot = name[colon + 1] - '0';
      std::string base(name.substr(0, colon));
      input.line = line_of(base);
      if (input.line < 0 && colon != std::string_view::npos)
        return invalid_argument(tarn::quoted(name), " names an output of no line");
      if (input.line < 0 && base != "_") input.free = free_of(base);
      line.inputs.push_back(input);
    }
    return {};
  }

  int line_of(std::string_view name) const {
    for (size_t i = 0; i < pattern_.lines_.size(); ++i) {
      if (pattern_.lines_[i].name == name) return static_cast<int>(i);
    }
    return -1;
  }

  int free_of(const std::string& name) {
    std::vector<std::string>& names = pattern_.free_names_;
    auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) found = names.insert(names.end(), name);
    return static_cast<int>(found - names.begin());
  }

  // Every line is read by others, from the root on; where one, or a free name, is read twice it is no tree.
  Status judge() {
    std::vector<int> line_reads(pattern_.lines_.size(), 0), free_reads(pattern_.free_names_.size(), 0);
    std::vector<int> todo = {0};
    while (!todo.empty()) {
      const Line& line = pattern_.lines_[static_cast<size_t>(todo.back())];
      todo.pop_back();
      for (const Input& input : line.inputs) {
        if (input.free >= 0 && ++free_reads[static_cast<size_t>(input.free)] > 1) pattern_.is_tree_ = false;
        if (input.line < 0) continue;
        if (input.line == 0) return invalid_argument("the root is read by a line below it");
        if (++line_reads[static_cast<size_t>(input.line)] == 1) {
          todo.push_back(input.line);
        } else {
          pattern_.is_tree_ = false;
        }
      }
    }
    for (size_t i = 1; i < line_reads.size(); ++i) {
      if (line_reads[i] == 0) return invalid_argument("nothing reads ", tarn::quoted(pattern_.lines_[i].name));
    }
    return {};
  }

  Pattern& pattern_;
};

Pattern::Pattern(std::string_view text) {
  status_ = Reader(*this).run(text).with_context("pattern");
  if (!status_.ok()) lines_.clear();
}

// --- matching
// -----------------------------------------------------------------------------------------------------------

bool Pattern::node_fits(const Rewriter& rewriter, int line, NodeId id) const {
  const Line& wanted = lines_[static_cast<size_t>(line)];
  const Node& node = rewriter.node(id);
  if (!wanted.ops.empty() && std::find(wanted.ops.begin(), wanted.ops.end(), node.op) == wanted.ops.end()) return false;
  bool is_root = line == 0;
  if (!is_root && !wanted.any_controls && (!node.controls.empty() || rewriter.has_control_users(id))) return false;
  if (node.is("Const") && rewriter.is_input(id)) return false;
  if (!is_root && rewriter.is_input(id)) return false;  // whoever feeds it decides what it is
  if (wanted.one_user && !rewriter.has_one_user(id)) return false;
  DType dtype = node.outputs.empty() ? DType::kInvalid : node.outputs[0].dtype;
  if (wanted.dtype != DType::kInvalid && dtype != wanted.dtype) return false;
  if (wanted.floating && !dtype_is_floating(dtype)) return false;
  if (wanted.integer && !dtype_is_integer(dtype)) return false;
  if (!wanted.has_inputs) return true;
  return wanted.more_inputs ? node.inputs.size() >= wanted.inputs.size() : node.inputs.size() == wanted.inputs.size();
}

bool Pattern::take_inputs(const Node& node, const Line& line, bool swapped, Binding& binding, Obligations& todo) const {
  for (size_t i = 0; i < line.inputs.size(); ++i) {
    Wire wire = node.inputs[swapped && i < 2 ? 1 - i : i];
    const Input& input = line.inputs[i];
    if (wire.is_none()) return false;
    if (input.line >= 0) {
      if (wire.slot != input.slot) return false;
      todo.emplace_back(input.line, wire.node);
    } else if (input.free >= 0) {
      Wire& bound = binding.free[static_cast<size_t>(input.free)];
      if (!bound.is_none() && !(bound == wire)) return false;
      bound = wire;
    }
  }
  return true;
}

// Meets the obligations one after the other; where a commutative node leaves a choice, both are tried with all that is
// still to be met.
bool Pattern::solve(const Rewriter& rewriter, Obligations todo, Binding& binding) const {
  while (!todo.empty()) {
    auto [at, id] = todo.back();
    todo.pop_back();
    NodeId& bound = binding.nodes[static_cast<size_t>(at)];
    if (bound == id) continue;
    bool is_taken = std::find(binding.nodes.begin(), binding.nodes.end(), id) != binding.nodes.end();
    if (bound >= 0 || is_taken || !node_fits(rewriter, at, id)) return false;
    bound = id;
    const Line& line = lines_[static_cast<size_t>(at)];
    const Node& node = rewriter.node(id);
    if (!line.has_inputs) continue;
    if (line.inputs.size() < 2 || !node.has_trait(kCommutative)) {
      if (!take_inputs(node, line, false, binding, todo)) return false;
      continue;
    }
    for (bool swapped : {false, true}) {
      Binding with = binding;
      Obligations more = todo;
      if (!take_inputs(node, line, swapped, with, more) || !solve(rewriter, std::move(more), with)) continue;
      binding = std::move(with);
      return true;
    }
    return false;
  }
  return users_fit(rewriter, binding);
}

bool Pattern::users_fit(const Rewriter& rewriter, const Binding& binding) const {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (!lines_[i].inner) continue;
    NodeId id = binding.nodes[i];
    if (rewriter.is_public(id)) return false;
    for (const Use& use : rewriter.graph().uses(id)) {
      bool is_within = std::find(binding.nodes.begin(), binding.nodes.end(), use.node) != binding.nodes.end();
      if (use.input == Use::kControl || !is_within) return false;
    }
  }
  return true;
}

// VF2 proposes which nodes the lines are, by their ops and by who reads whom; solve() then judges slots, orders and
// free names.
bool Pattern::match_vf2(const Rewriter& rewriter, NodeId root, Binding& binding) const {
  using Small = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;
  Small pattern(lines_.size());
  auto connect = [](Small& graph, size_t from, size_t to) {
    if (!boost::edge(from, to, graph).second) boost::add_edge(from, to, graph);
  };
  for (size_t i = 0; i < lines_.size(); ++i) {
    for (const Input& input : lines_[i].inputs) {
      if (input.line >= 0) connect(pattern, static_cast<size_t>(input.line), i);
    }
  }
  // The nodes within reach: no line is further from the root than there are lines.
  std::vector<NodeId> near = {root};
  std::map<NodeId, size_t> index = {{root, 0}};
  auto may_be_line = [&](NodeId id) {
    for (size_t i = 1; i < lines_.size(); ++i) {
      if (node_fits(rewriter, static_cast<int>(i), id)) return true;
    }
    return false;
  };
  for (size_t i = 0; i < near.size(); ++i) {
    for (Wire wire : rewriter.node(near[i]).inputs) {
      if (wire.is_none() || index.contains(wire.node) || !may_be_line(wire.node)) continue;
      index.emplace(wire.node, near.size());
      near.push_back(wire.node);
    }
    if (near.size() > 64 * lines_.size()) break;  // far beyond what a pattern can span
  }
  Small graph(near.size());
  for (size_t i = 0; i < near.size(); ++i) {
    for (Wire wire : rewriter.node(near[i]).inputs) {
      auto found = wire.is_none() ? index.end() : index.find(wire.node);
      if (found != index.end()) connect(graph, found->second, i);
    }
  }
  auto same_edge = [](const auto&, const auto&) { return true; };
  auto same_node = [&](size_t line, size_t at) {
    return (line == 0) == (at == 0) && node_fits(rewriter, static_cast<int>(line), near[at]);
  };
  bool found = false;
  auto judge = [&](auto to_graph, auto) {
    Binding proposed = binding;
    if (!solve(rewriter, {{0, root}}, proposed)) return true;  // on to the next
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (proposed.nodes[i] != near[get(to_graph, i)]) return true;
    }
    binding = std::move(proposed);
    found = true;
    return false;
  };
  boost::vf2_subgraph_mono(pattern, graph, judge, get(boost::vertex_index, pattern), get(boost::vertex_index, graph),
                           boost::vertex_order_by_mult(pattern), same_edge, same_node);
  return found;
}

std::optional<Match> Pattern::match(const Rewriter& rewriter, NodeId root, Matcher matcher) const {
  if (lines_.empty() || !node_fits(rewriter, 0, root)) return std::nullopt;
  Binding binding{std::vector<NodeId>(lines_.size(), -1), std::vector<Wire>(free_names_.size())};
  bool found =
      matcher == Matcher::kDownwards ? solve(rewriter, {{0, root}}, binding) : match_vf2(rewriter, root, binding);
  if (!found) return std::nullopt;
  Match match;
  for (size_t i = 0; i < lines_.size(); ++i) match.captures_.emplace_back(lines_[i].name, Wire{binding.nodes[i], 0});
  for (size_t i = 0; i < free_names_.size(); ++i) match.captures_.emplace_back(free_names_[i], binding.free[i]);
  return match;
}

std::optional<Match> Pattern::match(const Rewriter& rewriter, NodeId root) const {
  return match(rewriter, root, is_tree_ ? Matcher::kDownwards : Matcher::kVf2);
}

Status rewrite_matches(Graph& graph, PassContext& context, std::span<const Rule> rules) {
  std::map<std::string, std::vector<const Rule*>, std::less<>> by_op;
  for (const Rule& rule : rules) {
    TARN_RETURN_IF_ERROR(rule.pattern->status());
    for (const std::string& op : rule.pattern->root_ops()) by_op[op].push_back(&rule);
    if (rule.pattern->root_ops().empty()) return invalid_argument("a rule's root needs its ops");
  }
  return rewrite(graph, context, [&](Rewriter& rewriter, NodeId id) -> Status {
    auto found = by_op.find(rewriter.node(id).op);
    if (found == by_op.end()) return {};
    for (const Rule* rule : found->second) {
      std::optional<Match> match = rule->pattern->match(rewriter, id);
      if (!match) continue;
      int before = rewriter.context().changes;
      TARN_RETURN_IF_ERROR(rule->apply(rewriter, id, *match));
      if (rewriter.context().changes != before) return {};
    }
    return {};
  });
}

}  // namespace tarn
