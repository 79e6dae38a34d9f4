// Graph: named nodes and the wires between them; every wire's Fact is inferred as its node is added.
//
//   Graph graph;
//   NodeId x = *graph.add({.name = "x", .op = "Placeholder", .attrs = {{"dtype", DType::kFloat}}});
//   NodeId y = *graph.add({.name = "y", .op = "Relu", .inputs = {{x, 0}}});
//   graph.fact({y, 0}).to_string();   // "f32?"
//
// Node ids are never reused; removed nodes leave a hole. Names are unique. Data edges are kept by slot, control edges
// apart. Only builders (graph/scope.h), importers and Patch (graph/patch.h) change a graph.
// Thread-compatible.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/op_schema.h"
#include "graph/all_ops.h"

namespace tarn {

using NodeId = int;

struct Node {
  std::string name, op, device;
  const OpRegistry::Op* def = nullptr;  // null: an op this binary does not have
  AttrMap attrs;                        // resolved against the signature when def is known
  std::vector<Wire> inputs;
  std::vector<NodeId> controls;  // must run before this node
  std::vector<Fact> outputs;

  bool is(std::string_view other_op) const { return op == other_op; }
  bool has_trait(OpTraits trait) const { return def != nullptr && (def->def->traits & trait) != 0; }
};

struct NodeSpec {
  std::string name, op;
  std::vector<Wire> inputs = {};
  AttrMap attrs = {};
  std::vector<NodeId> controls = {};
  std::string device = {};
};

// Who uses a node: data input `input` of `node`, or (input == kControl) a control edge.
struct Use {
  static constexpr int kControl = -1;
  NodeId node;
  int input;
  int slot;  // of the used node; meaningless for control edges
};

struct Versions {
  int producer = 0;  // 0: unknown, as in most frozen graphs of TensorFlow 1.x
  int min_consumer = 0;
  std::vector<int> bad_consumers;
};

class Graph {
 public:
  explicit Graph(const OpRegistry& ops = all_ops()) : ops_(&ops) {}

  struct AddOptions {
    bool infer_attrs = true;        // builders: missing dtype attrs follow from the inputs
    bool allow_unknown_op = false;  // viewers: keep a node whose op we do not have
    NodeId id = -1;                 // importers: one of reserve_ids(); else the next
  };
  // Adds a node after checking name, op, attrs, input types and shapes. Errors name the node; nothing is added then.
  Result<NodeId> add(NodeSpec spec, AddOptions options);
  Result<NodeId> add(NodeSpec spec) { return add(std::move(spec), AddOptions()); }
  // `count` ids for nodes to come, the first returned: importers add in topological order, and ids() stays the file's.
  NodeId reserve_ids(int count);
  // A loop's back edge: input `input` of a Merge, added with a none Wire there, comes from `from`.
  Status connect_back_edge(NodeId merge, int input, Wire from);

  // Every id is below id_limit(); ids of removed nodes are not alive.
  int id_limit() const { return static_cast<int>(nodes_.size()); }
  bool is_alive(NodeId id) const { return id >= 0 && id < id_limit() && !nodes_[static_cast<size_t>(id)].name.empty(); }
  int node_count() const { return alive_; }
  // Alive ids, in the order they were added (of an imported graph: the order of the file).
  std::vector<NodeId> ids() const;
  const Node& node(NodeId id) const { return nodes_[static_cast<size_t>(id)]; }
  const Fact& fact(Wire wire) const;
  std::optional<NodeId> find(std::string_view name) const;
  // "name" or "name:slot" ("^name" is refused). Errors name the nearest names.
  Result<Wire> find_wire(std::string_view tensor_name) const;
  Result<NodeId> find_node(std::string_view name) const;  // the same for a node; takes "name:0" too
  // "conv1" for slot 0, "bn:1" otherwise.
  std::string wire_name(Wire wire) const;
  std::vector<std::string> names() const;
  const std::vector<Use>& uses(NodeId id) const { return uses_[static_cast<size_t>(id)]; }
  int use_count(Wire wire) const;
  // `base`, or base_1, base_2 … if taken.
  std::string unique_name(std::string_view base) const;
  const OpRegistry& ops() const { return *ops_; }

  // Changes, for builders, importers and Patch.
  void remove(NodeId id);  // must have no uses
  void set_input(NodeId id, int input, Wire wire);
  void replace_uses(Wire from, Wire to);  // data uses only
  void replace_control_uses(NodeId from, NodeId to);
  void set_controls(NodeId id, std::vector<NodeId> controls);
  void add_control(NodeId id, NodeId control);
  void set_device(NodeId id, std::string device) { nodes_[static_cast<size_t>(id)].device = std::move(device); }
  void set_attr(NodeId id, std::string_view name, AttrValue value) {
    nodes_[static_cast<size_t>(id)].attrs.set(name, std::move(value));
  }
  void erase_attr(NodeId id, std::string_view name) { nodes_[static_cast<size_t>(id)].attrs.erase(name); }
  Status rename(NodeId id, std::string_view name);
  // Judges the node anew (attrs, types, shapes) after its inputs or attrs changed, and updates its facts.
  Status reinfer(NodeId id);

  Versions versions;
  std::string library;     // a serialized FunctionDefLibrary, passed through
  std::string model_info;  // a serialized ModelInfo (graph/model_info.h), passed through

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  Status check_name(std::string_view name) const;
  Status check_output(Wire wire);
  Status judge(Node& node, bool infer_attrs) const;
  void add_uses(NodeId id);
  void drop_uses(NodeId id);

  const OpRegistry* ops_;
  // Deques: a Node& or a list of uses stays good while nodes are added.
  std::deque<Node> nodes_;
  std::deque<std::vector<Use>> uses_;
  std::unordered_map<std::string, NodeId, Hash, std::equal_to<>> by_name_;
  mutable std::unordered_map<std::string, int, Hash, std::equal_to<>> next_suffix_;  // for unique_name
  int alive_ = 0;
};

// A wire from NextIteration into Merge: no order follows from it.
bool is_back_edge(std::string_view consumer_op, std::string_view producer_op);
bool is_back_edge(const Graph& graph, NodeId consumer, NodeId producer);

// Nodes so that every producer precedes its consumers (back edges into Merge aside). Errors name the nodes of a cycle.
Result<std::vector<NodeId>> topological_order(const Graph& graph);
// What `targets` need: data and control ancestors; does not go past `stops`.
std::vector<bool> ancestors(const Graph& graph, std::span<const NodeId> targets, std::span<const NodeId> stops = {});

}  // namespace tarn
