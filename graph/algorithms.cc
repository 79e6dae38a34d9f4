#include "graph/algorithms.h"

#include <algorithm>
#include <boost/graph/strong_components.hpp>
#include <boost/graph/vf2_sub_graph_iso.hpp>
#include <boost/property_map/property_map.hpp>
#include <map>

#include "graph/bgl.h"
#include "graph/text.h"

namespace tarn {
namespace {

TextWriteOptions short_text() {
  TextWriteOptions options;
  options.elide_constants = true;
  options.max_list_elements = 8;
  return options;
}

std::vector<std::string> input_names(const Graph& graph, const Node& node) {
  std::vector<std::string> names;
  for (Wire wire : node.inputs) names.push_back(wire.is_none() ? "?" : graph.wire_name(wire));
  for (NodeId control : node.controls) names.push_back("^" + graph.node(control).name);
  return names;
}

// Classes of nodes that look alike, of two graphs together: a number each, the same if and only if alike.
class Classes {
 public:
  Classes(const Graph& a, const Graph& b, const RenamingOptions& options) : graphs_{&a, &b} {
    for (int side = 0; side < 2; ++side) {
      classes_[side].resize(static_cast<size_t>(graphs_[side]->id_limit()), -1);
      for (NodeId id : graphs_[side]->ids()) slot(side, id) = own_class(graphs_[side]->node(id), options);
    }
  }

  int of(int side, NodeId id) const { return classes_[side][static_cast<size_t>(id)]; }

  // Tells nodes apart by all that leads to them, then by all that they lead to.
  void refine() {
    std::map<std::vector<int>, int> numbers;
    auto number_of = [&](const std::vector<int>& key) {
      return numbers.emplace(key, static_cast<int>(numbers.size())).first->second;
    };
    std::vector<NodeId> orders[2];
    for (int side = 0; side < 2; ++side) {
      Result<std::vector<NodeId>> order = topological_order(*graphs_[side]);
      orders[side] = order.ok() ? *std::move(order) : graphs_[side]->ids();
    }
    for (int side = 0; side < 2; ++side) {
      for (NodeId id : orders[side]) slot(side, id) = number_of(upstream_key(side, id));
    }
    int upstream_classes = static_cast<int>(numbers.size());
    numbers.clear();
    for (int side = 0; side < 2; ++side) {
      for (auto id = orders[side].rbegin(); id != orders[side].rend(); ++id)
        slot(side, *id) = upstream_classes + number_of(downstream_key(side, *id));
    }
  }

  // "" or the nodes that have no partner in the other graph.
  std::string difference() const {
    std::map<int, std::vector<NodeId>> members[2];
    for (int side = 0; side < 2; ++side) {
      for (NodeId id : graphs_[side]->ids()) members[side][of(side, id)].push_back(id);
    }
    std::string out;
    for (int side = 0; side < 2; ++side) {
      constexpr size_t kMost = 5;
      std::vector<NodeId> alone;
      for (const auto& [number, ids] : members[side]) {
        auto other = members[1 - side].find(number);
        size_t partners = other == members[1 - side].end() ? 0 : other->second.size();
        for (size_t i = partners; i < ids.size(); ++i) alone.push_back(ids[i]);
      }
      std::sort(alone.begin(), alone.end());
      for (size_t i = 0; i < alone.size() && i < kMost; ++i) {
        str_append(out, out.empty() ? "" : "\n", side == 0 ? "only in the first:  " : "only in the second: ",
                   node_to_text(*graphs_[side], alone[i], short_text()));
      }
      if (alone.size() > kMost) str_append(out, "\n  and ", alone.size() - kMost, " more");
    }
    return out;
  }

 private:
  int& slot(int side, NodeId id) { return classes_[side][static_cast<size_t>(id)]; }

  // By op, attrs, device, arity, and the name if it matters.
  int own_class(const Node& node, const RenamingOptions& options) {
    const std::vector<std::string>& named = options.same_names;
    bool has_name = std::find(named.begin(), named.end(), node.name) != named.end();
    std::string key = str_cat(node.op, "|", node.device, "|", node.inputs.size(), "|", node.controls.size(), "|",
                              has_name ? node.name : "");
    for (const auto& [name, value] : node.attrs) str_append(key, "|", name, "=", value.kind());
    for (const auto& [representative, number] : representatives_[key]) {
      if (representative->attrs == node.attrs) return number;
    }
    representatives_[key].emplace_back(&node, ++last_class_);
    return last_class_;
  }

  std::vector<int> upstream_key(int side, NodeId id) const {
    const Node& node = graphs_[side]->node(id);
    std::vector<int> key{of(side, id)};
    for (Wire wire : node.inputs) {
      bool is_late = wire.is_none() || is_back_edge(*graphs_[side], id, wire.node);
      key.push_back(is_late ? -1 : of(side, wire.node));
      key.push_back(wire.slot);
    }
    auto controls_begin = static_cast<std::ptrdiff_t>(key.size());
    for (NodeId control : node.controls) key.push_back(of(side, control));
    std::sort(key.begin() + controls_begin, key.end());
    return key;
  }

  std::vector<int> downstream_key(int side, NodeId id) const {
    std::vector<std::vector<int>> uses;
    for (const Use& use : graphs_[side]->uses(id)) {
      bool is_late = use.input != Use::kControl && is_back_edge(*graphs_[side], use.node, id);
      bool is_control = use.input == Use::kControl;
      uses.push_back({is_late ? -1 : of(side, use.node), use.input, is_control ? 0 : use.slot});
    }
    std::sort(uses.begin(), uses.end());
    std::vector<int> key{of(side, id)};
    for (const std::vector<int>& use : uses) key.insert(key.end(), use.begin(), use.end());
    return key;
  }

  const Graph* graphs_[2];
  std::vector<int> classes_[2];
  std::map<std::string, std::vector<std::pair<const Node*, int>>> representatives_;
  int last_class_ = 0;
};

}  // namespace

std::string graph_difference(const Graph& a, const Graph& b) {
  std::vector<NodeId> a_ids = a.ids(), b_ids = b.ids();
  for (size_t i = 0; i < a_ids.size() && i < b_ids.size(); ++i) {
    const Node& x = a.node(a_ids[i]);
    const Node& y = b.node(b_ids[i]);
    if (x.name == y.name && x.op == y.op && x.device == y.device && x.attrs == y.attrs &&
        input_names(a, x) == input_names(b, y)) {
      continue;
    }
    return str_cat("node ", i, ":\n  ", node_to_text(a, a_ids[i], short_text()), "\n  ",
                   node_to_text(b, b_ids[i], short_text()));
  }
  if (a_ids.size() != b_ids.size()) return str_cat(a_ids.size(), " nodes against ", b_ids.size());
  if (a.versions.producer != b.versions.producer || a.versions.min_consumer != b.versions.min_consumer ||
      a.versions.bad_consumers != b.versions.bad_consumers) {
    return str_cat("versions: producer ", a.versions.producer, " against ", b.versions.producer, ", min_consumer ",
                   a.versions.min_consumer, " against ", b.versions.min_consumer);
  }
  if (a.library != b.library) return "the function libraries differ";
  if (a.model_info != b.model_info) return "what is told of the model beside its nodes (model_info) differs";
  return {};
}

namespace {

// "" and, by id of `a`, which node of `b` is which; or what has no partner.
std::string rename_nodes(const Graph& a, const Graph& b, const RenamingOptions& options,
                         std::vector<NodeId>& partners) {
  Classes classes(a, b, options);
  if (std::string difference = classes.difference(); !difference.empty()) return difference;
  classes.refine();
  if (std::string difference = classes.difference(); !difference.empty()) return difference;

  // Nodes of one class may still be wired in two ways: the search below pairs them.
  BoostGraphView first(a), second(b);
  auto same_edge = [](const GraphEdge& x, const GraphEdge& y) { return x.slot == y.slot && x.input == y.input; };
  auto same_node = [&](NodeId x, NodeId y) { return classes.of(0, x) == classes.of(1, y); };
  partners.assign(static_cast<size_t>(a.id_limit()), -1);
  auto stop_at_first = [&](const auto& partner, const auto&) {
    for (NodeId id : first.ids()) partners[static_cast<size_t>(id)] = get(partner, id);
    return false;
  };
  bool same =
      boost::vf2_graph_iso(first, second, stop_at_first, get(boost::vertex_index, first),
                           get(boost::vertex_index, second), boost::vertex_order_by_mult(first), same_edge, same_node);
  return same ? "" : "the same nodes, but wired differently";
}

}  // namespace

std::string difference_up_to_renaming(const Graph& a, const Graph& b, const RenamingOptions& options) {
  std::vector<NodeId> partners;
  return rename_nodes(a, b, options, partners);
}

std::optional<std::vector<NodeId>> find_renaming(const Graph& a, const Graph& b, const RenamingOptions& options) {
  std::vector<NodeId> partners;
  if (!rename_nodes(a, b, options, partners).empty()) return std::nullopt;
  return partners;
}

std::vector<std::vector<NodeId>> find_loops(const Graph& graph) {
  BoostGraphView view(graph);
  if (view.ids().empty()) return {};
  std::vector<size_t> component(num_vertices(view));
  auto index = get(boost::vertex_index, view);
  size_t count =
      boost::strong_components(view, boost::make_iterator_property_map(component.begin(), index, component[0]));
  std::vector<std::vector<NodeId>> members(count);
  for (NodeId id : view.ids()) members[component[index[id]]].push_back(id);
  std::erase_if(members,
                [&](const std::vector<NodeId>& ids) { return ids.size() == 1 && !edge(ids[0], ids[0], view).second; });
  std::sort(members.begin(), members.end());
  return members;
}

}  // namespace tarn
