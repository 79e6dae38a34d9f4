#include "graph/graph.h"

#include <algorithm>

#include "core/op_names.h"
#include "core/tensor_name.h"
#include "graph/ordering.h"

namespace tarn {
namespace {

// A tensor to feed or fetch: control inputs are none.
Result<TensorName> parse_data_name(std::string_view text) {
  TARN_ASSIGN_OR_RETURN(TensorName name, parse_tensor_name(text));
  if (name.is_control) return invalid_argument(quoted(text), " names a control input, not a tensor");
  return name;
}

}  // namespace

Status Graph::check_name(std::string_view name) const {
  TARN_RETURN_IF_ERROR(check_node_name(name));
  if (by_name_.contains(name)) {
    return already_exists("node name ", quoted(name), " is taken by node ", by_name_.find(name)->second);
  }
  return {};
}

Status Graph::judge(Node& node, bool infer_attrs) const {
  std::vector<std::string> producers(node.inputs.size());
  std::vector<InputInfo> infos(node.inputs.size());
  std::vector<Fact> facts(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    Wire wire = node.inputs[i];
    if (wire.is_none()) continue;  // a back edge to come
    facts[i] = fact(wire);
    producers[i] = wire_name(wire);
    infos[i] = {facts[i].dtype, facts[i].is_ref, producers[i]};
  }
  NodeTypes types;
  TARN_RETURN_IF_ERROR(node.def->schema.resolve(node.name, node.attrs, infos, {.infer_from_inputs = infer_attrs}, types)
                           .with_node(node.name));
  return infer_node(*node.def, node.name, node.attrs, types, facts, node.outputs);
}

Status Graph::check_output(Wire wire) {
  if (!is_alive(wire.node)) return invalid_argument("input from a node that does not exist");
  Node& producer = nodes_[static_cast<size_t>(wire.node)];
  auto outputs = static_cast<int>(producer.outputs.size());
  if (wire.slot >= 0 && wire.slot < outputs) return {};
  if (producer.def == nullptr && wire.slot >= 0 && wire.slot < 1 << 16) {
    producer.outputs.resize(static_cast<size_t>(wire.slot) + 1);  // an op unknown here: outputs show by use
    return {};
  }
  return invalid_argument("input '", producer.name, ":", wire.slot, "': ", node_label(producer.op, producer.name),
                          " has ", outputs, outputs == 1 ? " output" : " outputs");
}

NodeId Graph::reserve_ids(int count) {
  NodeId first = id_limit();
  nodes_.resize(nodes_.size() + static_cast<size_t>(count));
  uses_.resize(nodes_.size());
  return first;
}

Result<NodeId> Graph::add(NodeSpec spec, AddOptions options) {
  TARN_RETURN_IF_ERROR(check_name(spec.name));
  Node node;
  node.name = std::move(spec.name);
  node.op = std::move(spec.op);
  node.device = std::move(spec.device);
  node.attrs = std::move(spec.attrs);
  node.inputs = std::move(spec.inputs);
  node.controls = std::move(spec.controls);
  for (Wire wire : node.inputs) {
    if (!wire.is_none()) TARN_RETURN_IF_ERROR(check_output(wire).with_context(node_label(node.op, node.name)));
  }
  for (NodeId control : node.controls) {
    if (!is_alive(control))
      return invalid_argument(node_label(node.op, node.name), ": control input from a node that does not exist");
  }
  node.def = ops_->find(node.op);
  if (node.def != nullptr) {
    TARN_RETURN_IF_ERROR(judge(node, options.infer_attrs));
  } else if (!options.allow_unknown_op) {
    return unimplemented("op ", quoted(node.op), " of node ", quoted(node.name), " is not supported",
                         did_you_mean_op(node.op, ops_->names()))
        .with_node(node.name);
  }
  NodeId id = options.id;
  if (id < 0) {
    id = id_limit();
    reserve_ids(1);
  }
  assert(id < id_limit() && !is_alive(id) && "an id is given once");
  by_name_.emplace(node.name, id);
  nodes_[static_cast<size_t>(id)] = std::move(node);
  add_uses(id);
  ++alive_;
  return id;
}

Status Graph::connect_back_edge(NodeId merge, int input, Wire from) {
  Node& node = nodes_[static_cast<size_t>(merge)];
  if (!node.inputs[static_cast<size_t>(input)].is_none())
    return internal_error(node_label(node.op, node.name), ": input ", input, " is connected");
  TARN_RETURN_IF_ERROR(check_output(from).with_context(node_label(node.op, node.name)));
  const Fact& got = fact(from);
  if (node.def != nullptr && got.dtype != DType::kInvalid && got.dtype != node.outputs[0].dtype) {
    return invalid_argument(node_label(node.op, node.name), ": input ", input, " expects ",
                            dtype_name(node.outputs[0].dtype), " but ", quoted(wire_name(from)), " gives ",
                            dtype_name(got.dtype));
  }
  set_input(merge, input, from);
  return {};
}

std::vector<NodeId> Graph::ids() const {
  std::vector<NodeId> ids;
  ids.reserve(static_cast<size_t>(alive_));
  for (NodeId id = 0; id < id_limit(); ++id) {
    if (is_alive(id)) ids.push_back(id);
  }
  return ids;
}

const Fact& Graph::fact(Wire wire) const {
  return nodes_[static_cast<size_t>(wire.node)].outputs[static_cast<size_t>(wire.slot)];
}

std::optional<NodeId> Graph::find(std::string_view name) const {
  auto it = by_name_.find(name);
  if (it == by_name_.end()) return std::nullopt;
  return it->second;
}

Result<Wire> Graph::find_wire(std::string_view tensor_name) const {
  TARN_ASSIGN_OR_RETURN(TensorName parts, parse_data_name(tensor_name));
  std::optional<NodeId> id = find(parts.node);
  if (!id) return not_found("node ", quoted(parts.node), " is not in the graph", did_you_mean(parts.node, names()));
  const Node& found = node(*id);
  if (found.outputs.empty() && found.def == nullptr) {
    return unimplemented("op ", quoted(found.op), " of node ", quoted(found.name), " is not supported")
        .with_node(found.name);
  }
  if (found.outputs.empty())
    return invalid_argument(node_label(found.op, found.name), " has no output to fetch or feed");
  if (parts.slot >= static_cast<int>(found.outputs.size())) {
    return invalid_argument(quoted(tensor_name), ": ", node_label(found.op, found.name), " has ", found.outputs.size(),
                            found.outputs.size() == 1 ? " output" : " outputs");
  }
  return Wire{*id, parts.slot};
}

Result<NodeId> Graph::find_node(std::string_view name) const {
  TARN_ASSIGN_OR_RETURN(TensorName parts, parse_data_name(name));
  if (std::optional<NodeId> id = find(parts.node)) return *id;
  return not_found("node ", quoted(parts.node), " is not in the graph", did_you_mean(parts.node, names()));
}

std::string Graph::wire_name(Wire wire) const {
  const std::string& name = node(wire.node).name;
  return wire.slot == 0 ? name : str_cat(name, ":", wire.slot);
}

std::vector<std::string> Graph::names() const {
  std::vector<std::string> names;
  for (NodeId id : ids()) names.push_back(node(id).name);
  return names;
}

int Graph::use_count(Wire wire) const {
  const std::vector<Use>& all = uses(wire.node);
  return static_cast<int>(std::count_if(
      all.begin(), all.end(), [&](const Use& use) { return use.input != Use::kControl && use.slot == wire.slot; }));
}

std::string Graph::unique_name(std::string_view base) const {
  if (!by_name_.contains(base)) return std::string(base);
  auto it = next_suffix_.find(base);
  if (it == next_suffix_.end()) it = next_suffix_.emplace(std::string(base), 1).first;
  while (true) {
    std::string name = str_cat(base, "_", it->second++);
    if (!by_name_.contains(name)) return name;
  }
}

void Graph::add_uses(NodeId id) {
  const Node& user = node(id);
  for (size_t i = 0; i < user.inputs.size(); ++i) {
    Wire wire = user.inputs[i];
    if (!wire.is_none()) uses_[static_cast<size_t>(wire.node)].push_back({id, static_cast<int>(i), wire.slot});
  }
  for (NodeId control : user.controls) uses_[static_cast<size_t>(control)].push_back({id, Use::kControl, 0});
}

void Graph::drop_uses(NodeId id) {
  const Node& user = node(id);
  auto drop = [&](NodeId producer) {
    std::erase_if(uses_[static_cast<size_t>(producer)], [&](const Use& use) { return use.node == id; });
  };
  for (Wire wire : user.inputs) {
    if (!wire.is_none()) drop(wire.node);
  }
  for (NodeId control : user.controls) drop(control);
}

void Graph::remove(NodeId id) {
  assert(uses(id).empty() && "a node in use cannot be removed");
  drop_uses(id);
  by_name_.erase(node(id).name);
  nodes_[static_cast<size_t>(id)] = Node{};
  --alive_;
}

void Graph::set_input(NodeId id, int input, Wire wire) {
  drop_uses(id);
  nodes_[static_cast<size_t>(id)].inputs[static_cast<size_t>(input)] = wire;
  add_uses(id);
}

void Graph::replace_uses(Wire from, Wire to) {
  std::vector<Use> users = uses(from.node);
  for (const Use& use : users) {
    if (use.input == Use::kControl || use.slot != from.slot) continue;
    nodes_[static_cast<size_t>(use.node)].inputs[static_cast<size_t>(use.input)] = to;
    uses_[static_cast<size_t>(to.node)].push_back({use.node, use.input, to.slot});
  }
  std::erase_if(uses_[static_cast<size_t>(from.node)],
                [&](const Use& use) { return use.input != Use::kControl && use.slot == from.slot && !(from == to); });
}

void Graph::replace_control_uses(NodeId from, NodeId to) {
  std::vector<Use> users = uses(from);
  for (const Use& use : users) {
    if (use.input != Use::kControl) continue;
    std::vector<NodeId> controls = node(use.node).controls;
    std::erase(controls, from);
    if (to >= 0 && to != use.node && std::find(controls.begin(), controls.end(), to) == controls.end())
      controls.push_back(to);
    set_controls(use.node, std::move(controls));
  }
}

void Graph::set_controls(NodeId id, std::vector<NodeId> controls) {
  drop_uses(id);
  nodes_[static_cast<size_t>(id)].controls = std::move(controls);
  add_uses(id);
}

void Graph::add_control(NodeId id, NodeId control) {
  std::vector<NodeId> controls = node(id).controls;
  if (std::find(controls.begin(), controls.end(), control) != controls.end()) return;
  controls.push_back(control);
  set_controls(id, std::move(controls));
}

Status Graph::rename(NodeId id, std::string_view name) {
  if (node(id).name == name) return {};
  TARN_RETURN_IF_ERROR(check_name(name));
  by_name_.erase(node(id).name);
  by_name_.emplace(std::string(name), id);
  nodes_[static_cast<size_t>(id)].name = name;
  return {};
}

Status Graph::reinfer(NodeId id) {
  Node copy = node(id);
  if (copy.def == nullptr) return {};
  TARN_RETURN_IF_ERROR(judge(copy, false));
  nodes_[static_cast<size_t>(id)].attrs = std::move(copy.attrs);
  nodes_[static_cast<size_t>(id)].outputs = std::move(copy.outputs);
  return {};
}

bool is_back_edge(std::string_view consumer_op, std::string_view producer_op) {
  return (consumer_op == "Merge" || consumer_op == "RefMerge") &&
         (producer_op == "NextIteration" || producer_op == "RefNextIteration");
}

bool is_back_edge(const Graph& graph, NodeId consumer, NodeId producer) {
  return is_back_edge(graph.node(consumer).op, graph.node(producer).op);
}

Result<std::vector<NodeId>> topological_order(const Graph& graph) {
  std::vector<NodeId> ids = graph.ids();
  std::vector<int> index_of(static_cast<size_t>(graph.id_limit()), -1);
  for (size_t i = 0; i < ids.size(); ++i) index_of[static_cast<size_t>(ids[i])] = static_cast<int>(i);
  IndexGraph wires;
  for (NodeId id : ids) {
    for (Wire wire : graph.node(id).inputs) {
      if (!wire.is_none() && !is_back_edge(graph, id, wire.node))
        wires.producers.push_back(index_of[static_cast<size_t>(wire.node)]);
    }
    for (NodeId control : graph.node(id).controls) wires.producers.push_back(index_of[static_cast<size_t>(control)]);
    wires.end_node();
  }
  IndexOrder sorted = order_nodes(wires);
  if (!sorted.cycles.empty()) {
    std::vector<std::string> names;
    for (int i : sorted.cycles.front()) names.push_back(graph.node(ids[static_cast<size_t>(i)]).name);
    return invalid_argument("the graph has a cycle: ", cycle_text(names));
  }
  for (int& i : sorted.order) i = ids[static_cast<size_t>(i)];
  return std::move(sorted.order);
}

std::vector<bool> ancestors(const Graph& graph, std::span<const NodeId> targets, std::span<const NodeId> stops) {
  std::vector<bool> needed(static_cast<size_t>(graph.id_limit()), false);
  std::vector<NodeId> stack(targets.begin(), targets.end());
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    if (needed[static_cast<size_t>(id)]) continue;
    needed[static_cast<size_t>(id)] = true;
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) continue;
    for (Wire wire : graph.node(id).inputs) {
      if (!wire.is_none()) stack.push_back(wire.node);
    }
    for (NodeId control : graph.node(id).controls) stack.push_back(control);
  }
  return needed;
}

}  // namespace tarn
