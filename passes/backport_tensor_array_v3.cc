// backport_tensor_array_v3: TensorArrays whose handles are resources become those whose handles are strings.
//
// Before:  h, flow = TensorArrayV3(n);   w = TensorArrayWriteV3(h, i, x, flow);   y = TensorArrayReadV3(h, i, w)
// After:   h = TensorArrayV2(n);   h/replacement_flow_node = Const(^h) 0;   w = TensorArrayWriteV2(…);   …
//          h, flow = TensorArrayGradV3(h0, f)  ->  h = TensorArrayGradV2(h0, f);
//          h/replacement_flow_node = Identity(f, ^h)
// When:    of an array, everything that its handle reaches: TensorArray ops of version 3, and Identity, Enter, Exit,
//          Switch, Merge and NextIteration, whose T becomes string. Arrays whose handles reach anything else (a
//          function, TensorArrayGradWithShape, an input or an output of the graph) stay as they are
// Keeps:   all names.   Contract: exact.
// Ends:    at once: what is left cannot be backported.
// Source:  TensorFlow tools/graph_transforms backport_tensor_array_v3. It left T = resource in loops, so that the
//          graph was none; its replacement flow was a constant that waited for nothing: in the root of the graph, not
//          in the loop of the array, and for gradients without the order that the flow is there for.
#include <algorithm>
#include <map>
#include <numeric>

#include "graph/records.h"
#include "passes/pass.h"

namespace tarn {
namespace {

bool makes_array(const Node& node) {
  return node.is("TensorArrayV3") || node.is("TensorArrayGradV3");
}
bool takes_array(const Node& node) {
  return node.op.starts_with("TensorArray") && node.op.ends_with("V3") && !node.is("TensorArrayV3");
}
bool passes_handles(const Node& node) {
  constexpr std::string_view kOps[] = {"Identity", "Enter", "Exit", "Switch", "Merge", "NextIteration"};
  return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

// Arrays, and what their handles reach: one family for each set of them that meet.
class Families {
 public:
  Families(const Graph& graph, const std::vector<NodeId>& open) : graph_(graph) {
    parent_.resize(static_cast<size_t>(graph.id_limit()));
    std::iota(parent_.begin(), parent_.end(), 0);
    is_member_.assign(parent_.size(), false);
    is_blocked_.assign(parent_.size(), false);
    for (NodeId id : graph.ids()) {
      if (makes_array(graph.node(id))) follow(id);
    }
    // Who takes a handle must have it from a family alone.
    for (NodeId id : graph.ids()) {
      if (!is_member(id)) continue;
      if (std::find(open.begin(), open.end(), id) != open.end()) block(id);
      const Node& node = graph.node(id);
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        Wire wire = node.inputs[i];
        bool wants_handle = passes_handles(node) ? is_data(node, i) : takes_array(node) && i == 0;
        if (wants_handle && !is_handle(wire)) block(id);
      }
    }
  }
  bool is_member(NodeId id) const { return is_member_[static_cast<size_t>(id)]; }
  bool is_backported(NodeId id) { return is_member(id) && !is_blocked_[root(id)]; }

 private:
  bool is_handle(Wire wire) const {
    return !wire.is_none() && is_member(wire.node) && (wire.slot == 0 || graph_.node(wire.node).is("Switch"));
  }
  static bool is_data(const Node& node, size_t input) { return !node.is("Switch") || input == 0; }

  size_t root(NodeId id) {
    auto at = static_cast<size_t>(id);
    while (parent_[at] != at) at = parent_[at] = parent_[parent_[at]];
    return at;
  }
  void block(NodeId id) { is_blocked_[root(id)] = true; }
  void unite(NodeId a, NodeId b) {
    size_t x = root(a), y = root(b);
    is_blocked_[y] = is_blocked_[x] || is_blocked_[y];
    parent_[x] = y;
  }

  // Everything that the handle from `first` reaches.
  void follow(NodeId first) {
    std::vector<NodeId> stack = {first};
    while (!stack.empty()) {
      NodeId id = stack.back();
      stack.pop_back();
      if (is_member(id)) continue;
      is_member_[static_cast<size_t>(id)] = true;
      const Node& node = graph_.node(id);
      bool gives_handle = makes_array(node) || passes_handles(node);
      if (!gives_handle) continue;
      for (const Use& use : graph_.uses(id)) {
        // The second output of a Merge says which input it was; a Switch has a handle at both.
        if (use.input == Use::kControl || (use.slot != 0 && !node.is("Switch"))) continue;
        const Node& user = graph_.node(use.node);
        bool may_follow = user.def != nullptr && (passes_handles(user) || (takes_array(user) && use.input == 0));
        if (!may_follow) {
          block(id);
          continue;
        }
        unite(use.node, id);
        stack.push_back(use.node);
      }
    }
  }

  const Graph& graph_;
  std::vector<size_t> parent_;
  std::vector<bool> is_member_, is_blocked_;
};

class Backport {
 public:
  Backport(const Graph& graph, const std::vector<NodeId>& open) : graph_(graph), families_(graph, open) {
    for (NodeId id : graph.ids()) {
      const Node& node = graph.node(id);
      if (!makes_array(node) || !families_.is_backported(id)) continue;
      const std::vector<Use>& uses = graph.uses(id);
      bool is_read = std::any_of(uses.begin(), uses.end(),
                                 [](const Use& use) { return use.input != Use::kControl && use.slot == 1; });
      if (is_read) flows_[id] = graph.unique_name(str_cat(node.name, "/replacement_flow_node"));
    }
  }

  std::vector<NodeRecord> records() {
    std::vector<NodeRecord> records;
    for (NodeId id : graph_.ids()) {
      records.push_back(backported(id));
      if (flows_.contains(id)) records.push_back(flow_of(id));
    }
    return records;
  }

 private:
  std::string wire_text(Wire wire) const {
    auto flow = flows_.find(wire.node);
    return wire.slot == 1 && flow != flows_.end() ? flow->second : graph_.wire_name(wire);
  }

  NodeRecord backported(NodeId id) {
    const Node& node = graph_.node(id);
    NodeRecord record = record_of(graph_, id);
    for (size_t i = 0; i < node.inputs.size(); ++i) record.inputs[i] = wire_text(node.inputs[i]);
    if (!families_.is_backported(id)) return record;
    if (passes_handles(node)) {
      record.attrs.set("T", DType::kString);
    } else {
      record.op.back() = '2';
      record.attrs.erase("identical_element_shapes");  // version 2 knows nothing of it
    }
    return record;
  }

  // What is read in place of an array's flow.
  NodeRecord flow_of(NodeId id) const {
    const Node& node = graph_.node(id);
    NodeRecord record{.name = flows_.at(id), .device = node.device};
    if (node.is("TensorArrayV3")) {
      record.op = "Const";
      // The value that TensorArrayV3 gives.
      record.attrs = {{"value", Tensor::scalar<float>(0)}, {"dtype", DType::kFloat}};
    } else {
      record.op = "Identity";
      record.attrs = {{"T", DType::kFloat}};
      record.inputs.push_back(wire_text(node.inputs[1]));
    }
    record.inputs.push_back(str_cat("^", node.name));
    return record;
  }

  const Graph& graph_;
  Families families_;
  std::map<NodeId, std::string> flows_;  // of arrays whose flow is read: what takes its place
};

Status backport(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> open, context.find(graph, context.inputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  if (context.changes >= context.most_changes) return {};  // all arrays are one change
  // An output may be any op that takes an array; a handle itself is no output that could become another type.
  for (NodeId id : outputs) {
    if (makes_array(graph.node(id)) || passes_handles(graph.node(id))) open.push_back(id);
  }
  std::vector<NodeRecord> records = Backport(graph, open).records();
  std::vector<std::pair<std::string, std::string>> changes;
  for (const NodeRecord& record : records) {
    std::optional<NodeId> was = graph.find(record.name);
    if (was && graph.node(*was).op != record.op) changes.emplace_back(record.name, str_cat("becomes a ", record.op));
  }
  if (changes.empty()) return {};
  TARN_ASSIGN_OR_RETURN(graph, graph_of_records(graph, std::move(records),
                                                {.heading = "the graph with TensorArrays of version 2 is not valid"}));
  for (const auto& [node, what] : changes) context.changed(node, what);
  return {};
}

constexpr std::string_view kDoc =
    R"(TensorArrays whose handles are resources become those of before, whose handles are strings.
  Before:  h, flow = TensorArrayV3(n);   w = TensorArrayWriteV3(h, i, x, flow);   y = TensorArrayReadV3(h, i, w)
  After:   h = TensorArrayV2(n);   h/replacement_flow_node = Const(^h) 0;   w = TensorArrayWriteV2(...);   ...
           of TensorArrayGradV3(h0, f) the replacement_flow_node is Identity(f, ^h)
  When:    everything that an array's handle reaches are TensorArray ops of version 3, and Identity, Enter, Exit,
           Switch, Merge and NextIteration, whose T becomes string; no handle is an input or an output of the graph
  Keeps:   all names.
  TensorFlow's: left T = resource in loops, so that the graph was none; its flow was a constant that waited for
           nothing.)";

}  // namespace

extern const PassDef pass_backport_tensor_array_v3;
const PassDef pass_backport_tensor_array_v3 = {
    .name = "backport_tensor_array_v3", .doc = kDoc, .contract = exact(), .run = backport};

}  // namespace tarn
