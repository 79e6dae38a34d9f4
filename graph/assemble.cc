#include "graph/assemble.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/op_names.h"
#include "core/tensor_name.h"
#include "graph/ordering.h"

namespace tarn {
namespace {

constexpr size_t kMostInputs = 65'536;           // of a node; as runtime/wire
constexpr size_t kMostOutputsInAll = 8'000'000;  // a few bytes of attr can ask for 65,536 outputs, again and again

struct Input {
  int producer = -1;  // record
  int slot = 0;
};

// A record's inputs, resolved.
struct Links {
  std::vector<Input> inputs;
  std::vector<int> controls;
};

class Assembler {
 public:
  Assembler(std::vector<NodeRecord> records, const AssembleOptions& options, Problems& problems)
      : records_(std::move(records)),
        options_(options),
        problems_(problems),
        graph_(options.ops != nullptr ? *options.ops : all_ops()),
        links_(records_.size()) {}

  Graph run() {
    collect_names();
    for (int i = 0; i < count(); ++i) link(i);
    report_unknown_ops();
    IndexOrder sorted = sort();
    graph_.reserve_ids(count());
    for (int i : sorted.order) {
      if (!add(i)) break;
    }
    connect_back_edges();
    return std::move(graph_);
  }

 private:
  int count() const { return static_cast<int>(records_.size()); }
  NodeRecord& record(int i) { return records_[static_cast<size_t>(i)]; }
  Links& links(int i) { return links_[static_cast<size_t>(i)]; }

  void report(int node, int input, const Status& status) {
    record(node).is_broken = true;
    problems_.add(status.with_context(options_.place(node, input)).with_node(record(node).name));
  }

  void collect_names() {
    by_name_.reserve(records_.size());
    for (int i = 0; i < count(); ++i) {
      Status good = check_node_name(record(i).name);
      if (!good.ok()) {
        report(i, -1, record(i).name.empty() ? good.with_context(str_cat("op ", quoted(record(i).op))) : good);
        continue;
      }
      auto [first, is_new] = by_name_.emplace(record(i).name, i);
      if (is_new) continue;
      report(i, -1,
             already_exists("node name ", quoted(record(i).name), " is taken by ", options_.place(first->second, -1)));
    }
  }

  void link(int i) {
    std::unordered_set<int> seen_controls;
    const NodeRecord& node = record(i);
    if (node.op.empty()) report(i, -1, invalid_argument("node ", quoted(node.name), " has no op"));
    if (node.inputs.size() > kMostInputs) {
      report(i, -1,
             resource_exhausted(node_label(node.op, node.name), " has ", node.inputs.size(), " inputs; the limit is ",
                                kMostInputs));
      return;
    }
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      Status status = link_input(i, node.inputs[k], seen_controls);
      if (status.ok()) continue;
      report(i, static_cast<int>(k), status.with_context(str_cat(node_label(node.op, node.name), ": input ", k)));
    }
  }

  Status link_input(int i, const std::string& text, std::unordered_set<int>& seen_controls) {
    TARN_ASSIGN_OR_RETURN(TensorName name, parse_tensor_name(text));
    auto found = by_name_.find(name.node);
    if (found == by_name_.end()) {
      return not_found(quoted(text), name.is_control ? " (control)" : "", ": no node ", quoted(name.node),
                       " in the graph", suggestion(name.node));
    }
    if (name.is_control) {
      if (seen_controls.insert(found->second).second) links(i).controls.push_back(found->second);
      return {};
    }
    if (!links(i).controls.empty()) {
      return invalid_argument(quoted(text), " comes after a control input; data inputs come first");
    }
    links(i).inputs.push_back({found->second, name.slot});
    return {};
  }

  // Near names, for the first few only: each takes a walk over all names.
  std::string suggestion(std::string_view name) {
    constexpr int kMostSuggestions = 5;
    constexpr size_t kMostCandidates = 200'000;
    if (suggestions_++ >= kMostSuggestions || records_.size() > kMostCandidates) return {};
    std::vector<std::string> candidates;
    for (const auto& [candidate, index] : by_name_) candidates.emplace_back(candidate);
    std::sort(candidates.begin(), candidates.end());
    return did_you_mean(name, candidates);
  }

  // Once an op, with the nodes that have it.
  void report_unknown_ops() {
    if (options_.allow_unknown_ops) return;
    constexpr size_t kMostNodesShown = 3;
    constexpr int kMostOpsExplained = 100;
    struct Users {
      size_t count = 0;
      std::vector<std::string> names;
    };
    std::map<std::string, Users> unknown;
    for (const NodeRecord& node : records_) {
      bool is_known = graph_.ops().find(node.op) != nullptr || options_.functions.contains(node.op);
      if (node.op.empty() || is_known) continue;
      Users& users = unknown[node.op];
      if (++users.count <= kMostNodesShown) users.names.push_back(quoted(node.name));
    }
    if (unknown.empty()) return;
    std::vector<std::string> known = graph_.ops().names();
    std::vector<std::string> lines;
    int explained = 0;
    for (const auto& [op, users] : unknown) {
      std::string line =
          str_cat(printable(op), " (", users.count, users.count == 1 ? " node: " : " nodes: ", str_join(users.names),
                  users.count > users.names.size() ? ", …)" : ")");
      if (++explained <= kMostOpsExplained) line += did_you_mean_op(op, known, 1);
      lines.push_back(std::move(line));
    }
    problems_.add(
        unimplemented(lines.size() == 1 ? "op not supported: " : str_cat(lines.size(), " ops not supported: "),
                      str_join(lines, "; ")));
  }

  IndexOrder sort() {
    IndexGraph wires;
    for (int i = 0; i < count(); ++i) {
      for (const Input& input : links(i).inputs) {
        if (!is_back_edge(record(i).op, record(input.producer).op)) wires.producers.push_back(input.producer);
      }
      for (int control : links(i).controls) wires.producers.push_back(control);
      wires.end_node();
    }
    IndexOrder sorted = order_nodes(wires);
    for (const std::vector<int>& cycle : sorted.cycles) {
      std::vector<std::string> names;
      for (int i : cycle) names.push_back(record(i).name);
      problems_.add(invalid_argument(options_.place(cycle.front(), -1), ": the graph has a cycle: ", cycle_text(names))
                        .with_node(names.front()));
    }
    return sorted;
  }

  // False when nothing more is to be added.
  bool add(int i) {
    NodeRecord& from = record(i);
    if (from.is_broken) return true;
    NodeSpec spec{.name = from.name, .op = from.op};
    for (const Input& input : links(i).inputs) {
      if (is_back_edge(from.op, record(input.producer).op)) {
        back_edges_.push_back({i, static_cast<int>(spec.inputs.size()), input});
        spec.inputs.push_back(Wire{});
      } else if (graph_.is_alive(input.producer)) {
        spec.inputs.push_back({input.producer, input.slot});
      } else {
        return true;  // what is wrong with the producer was said
      }
    }
    for (int control : links(i).controls) {
      if (!graph_.is_alive(control)) return true;
      spec.controls.push_back(control);
    }
    spec.attrs = std::move(from.attrs);
    spec.device = std::move(from.device);
    Result<NodeId> added =
        graph_.add(std::move(spec), {.infer_attrs = options_.infer_attrs, .allow_unknown_op = true, .id = i});
    if (!added.ok()) {
      report(i, -1, added.status());
      return true;
    }
    output_count_ += graph_.node(i).outputs.size();
    if (output_count_ <= kMostOutputsInAll) return true;
    report(i, -1, resource_exhausted("the nodes have more than ", kMostOutputsInAll, " outputs in all"));
    return false;
  }

  void connect_back_edges() {
    for (const BackEdge& edge : back_edges_) {
      if (!graph_.is_alive(edge.merge) || !graph_.is_alive(edge.from.producer)) continue;
      Status status = graph_.connect_back_edge(edge.merge, edge.input, {edge.from.producer, edge.from.slot});
      if (!status.ok()) report(edge.merge, edge.input, status);
    }
  }

  struct BackEdge {
    int merge, input;
    Input from;
  };
  std::vector<NodeRecord> records_;
  const AssembleOptions& options_;
  Problems& problems_;
  Graph graph_;
  std::vector<Links> links_;
  std::unordered_map<std::string_view, int> by_name_;
  std::vector<BackEdge> back_edges_;
  int suggestions_ = 0;
  size_t output_count_ = 0;
};

}  // namespace

Graph assemble_graph(std::vector<NodeRecord> records, const AssembleOptions& options, Problems& problems) {
  return Assembler(std::move(records), options, problems).run();
}

}  // namespace tarn
