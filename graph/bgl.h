// Graph as Boost.Graph sees it: a bidirectional multigraph whose edges are wires and control edges. Nodes and wires are
// not copied; the view holds the ids that are alive and their numbers.
//
//   BoostGraphView view(graph);
//   std::vector<int> component(num_vertices(view));
//   boost::strong_components(view, boost::make_iterator_property_map(component.begin(), get(boost::vertex_index,
//   view)));
//
// Slow to compile: for graph/algorithms.cc and passes/support/pattern.cc only. The graph must outlive the view and not
// change.
#pragma once

#include <boost/graph/graph_traits.hpp>
#include <boost/graph/properties.hpp>
#include <compare>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// Output `slot` of `from` into input `input` of `to`; a control edge has input Use::kControl and slot 0.
struct GraphEdge {
  NodeId from = -1, to = -1;
  int slot = 0;
  int input = 0;
  bool is_control() const { return input == Use::kControl; }
  auto operator<=>(const GraphEdge&) const = default;  // vf2 keeps edges in sets
};

class BoostGraphView {
 public:
  explicit BoostGraphView(const Graph& graph)
      : graph_(&graph), ids_(graph.ids()), index_(static_cast<size_t>(graph.id_limit()), 0) {
    for (size_t i = 0; i < ids_.size(); ++i) {
      index_[static_cast<size_t>(ids_[i])] = i;
      edge_count_ += graph.uses(ids_[i]).size();
    }
  }
  const Graph& graph() const { return *graph_; }
  const std::vector<NodeId>& ids() const { return ids_; }
  const std::vector<size_t>& index() const { return index_; }  // by id: 0 … ids().size() - 1
  size_t edge_count() const { return edge_count_; }

 private:
  const Graph* graph_;
  std::vector<NodeId> ids_;
  std::vector<size_t> index_;
  size_t edge_count_ = 0;
};

// What the three edge iterators share: they make their edges as they go.
template <class Derived>
class GraphEdgeIterator {
 public:
  using iterator_category = std::input_iterator_tag;  // by value, but it may be walked many times
  using value_type = GraphEdge;
  using difference_type = std::ptrdiff_t;
  using pointer = const GraphEdge*;
  using reference = GraphEdge;
  Derived operator++(int) {
    Derived before = self();
    ++self();
    return before;
  }

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
};

class OutEdgeIterator : public GraphEdgeIterator<OutEdgeIterator> {
 public:
  using GraphEdgeIterator<OutEdgeIterator>::operator++;
  OutEdgeIterator() = default;
  OutEdgeIterator(const BoostGraphView& view, NodeId node, size_t use) : view_(&view), node_(node), use_(use) {}
  GraphEdge operator*() const {
    const Use& use = view_->graph().uses(node_)[use_];
    return {node_, use.node, use.input == Use::kControl ? 0 : use.slot, use.input};
  }
  OutEdgeIterator& operator++() {
    ++use_;
    return *this;
  }
  bool operator==(const OutEdgeIterator& other) const { return node_ == other.node_ && use_ == other.use_; }

 private:
  const BoostGraphView* view_ = nullptr;
  NodeId node_ = -1;
  size_t use_ = 0;
};

class InEdgeIterator : public GraphEdgeIterator<InEdgeIterator> {
 public:
  using GraphEdgeIterator<InEdgeIterator>::operator++;
  InEdgeIterator() = default;
  InEdgeIterator(const BoostGraphView& view, NodeId node, size_t at)
      : node_(&view.graph().node(node)), id_(node), at_(at) {
    skip_unconnected();
  }
  GraphEdge operator*() const {
    if (at_ >= node_->inputs.size()) return {node_->controls[at_ - node_->inputs.size()], id_, 0, Use::kControl};
    return {node_->inputs[at_].node, id_, node_->inputs[at_].slot, static_cast<int>(at_)};
  }
  InEdgeIterator& operator++() {
    ++at_;
    skip_unconnected();
    return *this;
  }
  bool operator==(const InEdgeIterator& other) const { return id_ == other.id_ && at_ == other.at_; }

 private:
  void skip_unconnected() {
    while (at_ < node_->inputs.size() && node_->inputs[at_].is_none()) ++at_;
  }
  const Node* node_ = nullptr;
  NodeId id_ = -1;
  size_t at_ = 0;  // inputs, then controls
};

class EdgeIterator : public GraphEdgeIterator<EdgeIterator> {
 public:
  using GraphEdgeIterator<EdgeIterator>::operator++;
  EdgeIterator() = default;
  EdgeIterator(const BoostGraphView& view, size_t vertex) : view_(&view), vertex_(vertex) { skip_unused(); }
  GraphEdge operator*() const { return *OutEdgeIterator(*view_, view_->ids()[vertex_], use_); }
  EdgeIterator& operator++() {
    ++use_;
    skip_unused();
    return *this;
  }
  bool operator==(const EdgeIterator& other) const { return vertex_ == other.vertex_ && use_ == other.use_; }

 private:
  void skip_unused() {
    while (vertex_ < view_->ids().size() && use_ == view_->graph().uses(view_->ids()[vertex_]).size()) {
      ++vertex_;
      use_ = 0;
    }
  }
  const BoostGraphView* view_ = nullptr;
  size_t vertex_ = 0;
  size_t use_ = 0;
};

// id -> 0 … num_vertices - 1.
class VertexIndexMap {
 public:
  using key_type = NodeId;
  using value_type = size_t;
  using reference = size_t;
  using category = boost::readable_property_map_tag;
  VertexIndexMap() = default;
  explicit VertexIndexMap(const BoostGraphView& view) : index_(&view.index()) {}
  size_t operator[](NodeId id) const { return (*index_)[static_cast<size_t>(id)]; }
  friend size_t get(const VertexIndexMap& map, NodeId id) { return map[id]; }

 private:
  const std::vector<size_t>* index_ = nullptr;
};

// The functions Boost.Graph finds by their argument.
inline std::pair<std::vector<NodeId>::const_iterator, std::vector<NodeId>::const_iterator> vertices(
    const BoostGraphView& view) {
  return {view.ids().begin(), view.ids().end()};
}
inline size_t num_vertices(const BoostGraphView& view) {
  return view.ids().size();
}
inline NodeId source(const GraphEdge& edge, const BoostGraphView&) {
  return edge.from;
}
inline NodeId target(const GraphEdge& edge, const BoostGraphView&) {
  return edge.to;
}
inline size_t out_degree(NodeId node, const BoostGraphView& view) {
  return view.graph().uses(node).size();
}
inline std::pair<OutEdgeIterator, OutEdgeIterator> out_edges(NodeId node, const BoostGraphView& view) {
  return {OutEdgeIterator(view, node, 0), OutEdgeIterator(view, node, out_degree(node, view))};
}
inline std::pair<InEdgeIterator, InEdgeIterator> in_edges(NodeId node, const BoostGraphView& view) {
  const Node& n = view.graph().node(node);
  return {InEdgeIterator(view, node, 0), InEdgeIterator(view, node, n.inputs.size() + n.controls.size())};
}
inline size_t in_degree(NodeId node, const BoostGraphView& view) {
  auto [begin, end] = in_edges(node, view);
  size_t count = 0;
  for (; begin != end; ++begin) ++count;
  return count;
}
inline size_t degree(NodeId node, const BoostGraphView& view) {
  return in_degree(node, view) + out_degree(node, view);
}
inline std::pair<EdgeIterator, EdgeIterator> edges(const BoostGraphView& view) {
  return {EdgeIterator(view, 0), EdgeIterator(view, view.ids().size())};
}
inline size_t num_edges(const BoostGraphView& view) {
  return view.edge_count();
}
// Some edge between two nodes.
inline std::pair<GraphEdge, bool> edge(NodeId from, NodeId to, const BoostGraphView& view) {
  for (auto [at, end] = out_edges(from, view); at != end; ++at) {
    if ((*at).to == to) return {*at, true};
  }
  return {GraphEdge(), false};
}
inline VertexIndexMap get(boost::vertex_index_t, const BoostGraphView& view) {
  return VertexIndexMap(view);
}

}  // namespace tarn

namespace boost {

template <>
struct graph_traits<tarn::BoostGraphView> {
  using vertex_descriptor = tarn::NodeId;
  using edge_descriptor = tarn::GraphEdge;
  using directed_category = bidirectional_tag;
  using edge_parallel_category = allow_parallel_edge_tag;
  struct traversal_category : bidirectional_graph_tag,
                              vertex_list_graph_tag,
                              edge_list_graph_tag,
                              adjacency_matrix_tag {};
  using vertices_size_type = size_t;
  using edges_size_type = size_t;
  using degree_size_type = size_t;
  using vertex_iterator = std::vector<tarn::NodeId>::const_iterator;
  using out_edge_iterator = tarn::OutEdgeIterator;
  using in_edge_iterator = tarn::InEdgeIterator;
  using edge_iterator = tarn::EdgeIterator;
  static vertex_descriptor null_vertex() { return -1; }
};

template <>
struct property_map<tarn::BoostGraphView, vertex_index_t> {
  using type = tarn::VertexIndexMap;
  using const_type = tarn::VertexIndexMap;
};

}  // namespace boost
