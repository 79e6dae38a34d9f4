#include "tests/property/reduce.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/tensor_name.h"
#include "graph/text.h"
#include "passes/support/pipeline.h"

namespace tarn::testing {
namespace {

std::string node_of(const std::string& tensor) {
  Result<TensorName> name = parse_tensor_name(tensor);
  return name.ok() ? std::string(name->node) : tensor;
}

bool is_named(const std::vector<std::string>& names, const std::string& node) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return node_of(name) == node; });
}

// Feeds and inputs of nodes that are gone go too.
void drop_what_is_gone(GraphCase& of) {
  std::erase_if(of.feeds, [&](const Session::Feed& feed) { return !of.graph.find(node_of(feed.first)); });
  std::erase_if(of.inputs, [&](const std::string& name) { return !of.graph.find(node_of(name)); });
}

// Nodes that nothing asked for needs, in whatever order they can go.
void remove_unneeded(GraphCase& of) {
  std::vector<NodeId> targets;
  for (const std::string& name : of.outputs) {
    if (std::optional<NodeId> id = of.graph.find(node_of(name))) targets.push_back(*id);
  }
  for (const std::string& name : of.inputs) {  // a pass may go wrong on one that nothing needs
    if (std::optional<NodeId> id = of.graph.find(node_of(name))) targets.push_back(*id);
  }
  std::vector<bool> needed = ancestors(of.graph, targets);
  for (NodeId id : of.graph.ids()) {  // the edges first: loops have no last node
    if (needed[static_cast<size_t>(id)]) continue;
    of.graph.set_controls(id, {});
    const std::vector<Wire> inputs = of.graph.node(id).inputs;
    auto enter =
        std::find_if(inputs.begin(), inputs.end(), [&](Wire wire) { return of.graph.node(wire.node).is("Enter"); });
    if (!of.graph.node(id).is("Merge") || enter == inputs.end()) continue;
    for (size_t i = 0; i < inputs.size(); ++i) of.graph.set_input(id, static_cast<int>(i), *enter);
  }
  bool removed = true;
  while (removed) {
    removed = false;
    for (NodeId id : of.graph.ids()) {
      if (needed[static_cast<size_t>(id)] || !of.graph.uses(id).empty()) continue;
      of.graph.remove(id);
      removed = true;
    }
  }
  drop_what_is_gone(of);
}

// Every node judged anew, producers first.
bool refresh(Graph& graph) {
  Result<std::vector<NodeId>> order = topological_order(graph);
  if (!order.ok()) return false;
  return std::all_of(order->begin(), order->end(), [&](NodeId id) { return graph.reinfer(id).ok(); });
}

// The first `to` along every axis that is `from` long; of vectors of sizes the numbers.
Tensor cut(const Tensor& tensor, int64_t from, int64_t to) {
  if (tensor.dtype() == DType::kString) return tensor;
  Tensor source = tensor;
  bool is_sizes = tensor.shape().rank() <= 1;
  if (is_sizes) {
    for (int32_t& v : source.dtype() == DType::kInt32 ? source.mutable_flat<int32_t>() : std::span<int32_t>())
      v = v == from ? static_cast<int32_t>(to) : v;
    for (int64_t& v : source.dtype() == DType::kInt64 ? source.mutable_flat<int64_t>() : std::span<int64_t>())
      v = v == from ? to : v;
    if (dtype_is_integer(tensor.dtype())) return source;
  }
  Shape shape = tensor.shape();
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape.dim(d) == from) shape.set_dim(d, to);
  }
  Result<Tensor> result = Tensor::zeros(tensor.dtype(), shape);
  if (!result.ok()) return tensor;
  size_t size = dtype_size(tensor.dtype());
  const auto* in = static_cast<const uint8_t*>(tensor.data());
  auto* out = static_cast<uint8_t*>(result->mutable_data());
  for (int64_t i = 0; i < result->element_count(); ++i) {
    int64_t rest = i, offset = 0, stride = 1;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      offset += rest % shape.dim(d) * stride;
      rest /= shape.dim(d);
      stride *= tensor.shape().dim(d);
    }
    std::copy_n(in + static_cast<size_t>(offset) * size, size, out + static_cast<size_t>(i) * size);
  }
  return *result;
}

class Reducer {
 public:
  Reducer(const GraphCase& graph_case, const std::string& pipeline, const Fails& fails, int most_tries)
      : best_(graph_case), pipeline_(pipeline), fails_(fails), most_tries_(most_tries) {}

  Reduced run() {
    bool smaller = true;
    while (smaller && tries_ < most_tries_) {
      smaller = drop_passes();
      smaller = drop_outputs() || smaller;
      smaller = replace_nodes() || smaller;
      smaller = drop_edges() || smaller;
      smaller = shrink_tensors() || smaller;
    }
    short_names();
    return {best_, pipeline_, tries_};
  }

 private:
  // Takes the candidate if it fails likewise.
  bool take(GraphCase candidate) {
    if (++tries_ > most_tries_ || !run_case(candidate).ok() || !fails_(candidate, pipeline_)) return false;
    best_ = std::move(candidate);
    return true;
  }

  bool drop_passes() {
    bool any = false;
    Result<std::vector<PipelineStep>> steps = parse_pipeline(pipeline_);
    if (!steps.ok()) return false;
    for (size_t i = 0; i < steps->size() && steps->size() > 1;) {
      std::vector<PipelineStep> fewer = *steps;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      std::string text = pipeline_text(fewer);
      ++tries_;
      if (fails_(best_, text)) {
        *steps = fewer;
        pipeline_ = text;
        any = true;
      } else {
        ++i;
      }
    }
    return any;
  }

  bool drop_outputs() {
    bool any = false;
    for (size_t i = 0; i < best_.outputs.size() && best_.outputs.size() > 1;) {
      GraphCase candidate = best_;
      candidate.outputs.erase(candidate.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      if (take(std::move(candidate))) {
        any = true;
      } else {
        ++i;
      }
    }
    GraphCase candidate = best_;
    remove_unneeded(candidate);
    if (candidate.graph.node_count() < best_.graph.node_count()) any = take(std::move(candidate)) || any;
    if (!best_.graph.library.empty()) {  // that nothing calls, perhaps
      GraphCase without = best_;
      without.graph.library.clear();
      any = take(std::move(without)) || any;
    }
    for (NodeId id : best_.graph.ids()) {
      const Node& node = best_.graph.node(id);
      if (!best_.graph.uses(id).empty() || is_named(best_.outputs, node.name)) continue;
      GraphCase one = best_;
      one.graph.remove(id);
      drop_what_is_gone(one);
      any = take(std::move(one)) || any;
    }
    for (size_t i = 0; i < best_.inputs.size();) {
      GraphCase fewer = best_;
      std::string name = fewer.inputs[i];
      fewer.inputs.erase(fewer.inputs.begin() + static_cast<std::ptrdiff_t>(i));
      if (!fewer.graph.node(*fewer.graph.find(node_of(name))).is("Placeholder")) {
        std::erase_if(fewer.feeds, [&](const Session::Feed& feed) { return feed.first == name; });
      }
      if (take(std::move(fewer))) {
        any = true;
      } else {
        ++i;
      }
    }
    return any;
  }

  // Consumers first: what they alone needed goes with them.
  bool replace_nodes() {
    bool any = false;
    Result<std::vector<NodeId>> order = topological_order(best_.graph);
    if (!order.ok()) return false;
    for (size_t i = order->size(); i-- > 0;) {
      NodeId id = (*order)[i];
      if (!best_.graph.is_alive(id)) continue;
      const Node& node = best_.graph.node(id);
      if (node.is("Placeholder") || node.is("Const") || node.outputs.empty()) continue;
      any = take_replaced(id, false) || (best_.graph.is_alive(id) && take_replaced(id, true)) ||
            (best_.graph.is_alive(id) && take_bypassed(id)) || any;
    }
    for (NodeId id : best_.graph.ids()) {
      if (best_.graph.is_alive(id) && best_.graph.node(id).is("Placeholder")) any = take_replaced(id, true) || any;
    }
    return any;
  }

  // The node's values, as constants or fed.
  bool take_replaced(NodeId id, bool constant) {
    GraphCase candidate = best_;
    Graph& graph = candidate.graph;
    const Node node = graph.node(id);
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      Wire wire{id, static_cast<int>(slot)};
      std::string tensor = graph.wire_name(wire);
      bool is_asked = std::any_of(candidate.outputs.begin(), candidate.outputs.end(),
                                  [&](const std::string& o) { return o == tensor || o == tensor + ":0"; });
      if (slot > 0 && is_asked) return false;
      if (graph.use_count(wire) == 0 && !is_asked) continue;
      if (node.outputs[slot].is_ref) return false;
      Result<std::vector<Tensor>> value = run_graph(best_.graph, best_.feeds, {tensor});
      if (!value.ok()) return false;
      const Tensor& v = (*value)[0];
      NodeSpec spec{.name = graph.unique_name("reduced"),
                    .op = constant ? "Const" : "Placeholder",
                    .attrs = {{"dtype", v.dtype()}}};
      spec.attrs.set(constant ? "value" : "shape", constant ? AttrValue(v) : AttrValue(v.shape()));
      Result<NodeId> added = graph.add(std::move(spec));
      if (!added.ok()) return false;
      graph.replace_uses(wire, {*added, 0});
      if (slot == 0) graph.replace_control_uses(id, *added);
      if (!constant) candidate.feeds.emplace_back(graph.node(*added).name, v);
      if (slot == 0) renamed_ = {*added, node.name};
    }
    return finish_replaced(std::move(candidate), id, node.name, constant);
  }

  bool finish_replaced(GraphCase candidate, NodeId id, const std::string& name, bool constant) {
    Graph& graph = candidate.graph;
    std::pair<NodeId, std::string> renamed = std::exchange(renamed_, {-1, ""});
    if (!graph.uses(id).empty()) return false;
    graph.remove(id);
    std::string stand_in = renamed.first >= 0 ? graph.node(renamed.first).name : "";
    if (constant)
      std::erase_if(candidate.feeds, [&](const Session::Feed& feed) { return node_of(feed.first) == name; });
    if (renamed.first >= 0 && graph.rename(renamed.first, name).ok()) {
      std::erase_if(candidate.feeds, [&](const Session::Feed& feed) { return node_of(feed.first) == name; });
      for (auto& [feed, tensor] : candidate.feeds) {
        if (feed == stand_in) feed = name;
      }
    }
    drop_what_is_gone(candidate);
    if (!refresh(graph)) return false;
    remove_unneeded(candidate);
    return take(std::move(candidate));
  }

  // Its users read one of its inputs instead.
  bool take_bypassed(NodeId id) {
    const Node& node = best_.graph.node(id);
    if (node.def == nullptr || node.def->def->control != Control::kNone) return false;
    for (Wire input : node.inputs) {
      const Fact& fact = best_.graph.fact(input);
      if (fact.dtype != node.outputs[0].dtype || fact.is_ref != node.outputs[0].is_ref) continue;
      GraphCase candidate = best_;
      Graph& graph = candidate.graph;
      graph.replace_uses({id, 0}, input);
      graph.replace_control_uses(id, input.node);
      for (std::string& output : candidate.outputs) {
        if (output == node.name) output = graph.wire_name(input);
      }
      std::set<std::string> once(candidate.outputs.begin(), candidate.outputs.end());
      if (once.size() != candidate.outputs.size() || !graph.uses(id).empty() || is_named(candidate.outputs, node.name))
        continue;
      std::string gone = node.name;
      graph.remove(id);
      drop_what_is_gone(candidate);
      if (!refresh(graph)) continue;
      remove_unneeded(candidate);
      if (take(std::move(candidate))) return true;
    }
    return false;
  }

  // Control edges, devices, attrs of nobody's.
  bool drop_edges() {
    bool any = false;
    for (NodeId id : best_.graph.ids()) {
      if (!best_.graph.is_alive(id)) continue;
      std::vector<NodeId> controls = best_.graph.node(id).controls;
      for (NodeId control : controls) {
        GraphCase candidate = best_;
        std::vector<NodeId> fewer = candidate.graph.node(id).controls;
        std::erase(fewer, control);
        candidate.graph.set_controls(id, fewer);
        any = take(std::move(candidate)) || any;
      }
      const Node& node = best_.graph.node(id);
      if (!node.device.empty() || node.attrs.contains("_class")) {
        GraphCase candidate = best_;
        candidate.graph.set_device(id, "");
        candidate.graph.erase_attr(id, "_class");
        any = take(std::move(candidate)) || any;
      }
    }
    GraphCase candidate = best_;
    remove_unneeded(candidate);
    if (candidate.graph.node_count() < best_.graph.node_count()) any = take(std::move(candidate)) || any;
    return any;
  }

  // Axes of one length become shorter everywhere at once.
  bool shrink_tensors() {
    bool any = false;
    std::set<int64_t, std::greater<>> sizes;
    auto see = [&](const Tensor& tensor) {
      for (int64_t dim : tensor.shape().dims()) {
        if (dim > 1) sizes.insert(dim);
      }
    };
    for (const auto& [name, tensor] : best_.feeds) see(tensor);
    for (NodeId id : best_.graph.ids()) {
      if (best_.graph.node(id).is("Const")) see(best_.graph.node(id).attrs.get<Tensor>("value"));
    }
    for (int64_t from : sizes) {
      for (int64_t to : {int64_t{1}, int64_t{2}, from / 2}) {
        if (to < 1 || to >= from) continue;
        GraphCase candidate = best_;
        Graph& graph = candidate.graph;
        for (auto& [name, tensor] : candidate.feeds) tensor = cut(tensor, from, to);
        for (NodeId id : graph.ids()) {
          const Node& node = graph.node(id);
          if (node.is("Const")) graph.set_attr(id, "value", cut(node.attrs.get<Tensor>("value"), from, to));
          const AttrValue* shape = node.attrs.find("shape");
          if (shape != nullptr && shape->is<Shape>()) {
            Shape shorter = shape->as<Shape>();
            for (int d = 0; d < shorter.rank(); ++d) {
              if (shorter.dim(d) == from) shorter.set_dim(d, to);
            }
            graph.set_attr(id, "shape", shorter);
          }
        }
        if (refresh(graph) && take(std::move(candidate))) {
          any = true;
          break;
        }
      }
    }
    return any;
  }

  // "p3/n7" becomes "a".
  void short_names() {
    int next = 0;
    for (NodeId id : best_.graph.ids()) {
      GraphCase candidate = best_;
      std::string from = candidate.graph.node(id).name;
      if (!from.starts_with("p") || from.find('/') == std::string::npos) continue;
      std::string to = candidate.graph.unique_name(
          str_cat(std::string(1, static_cast<char>('a' + next % 26)), next / 26 == 0 ? "" : str_cat(next / 26)));
      ++next;
      if (!candidate.graph.rename(id, to).ok()) continue;
      auto renamed = [&](std::string& name) {
        if (name == from)
          name = to;
        else if (name.starts_with(from + ":"))
          name = to + name.substr(from.size());
      };
      for (std::string& name : candidate.inputs) renamed(name);
      for (std::string& name : candidate.outputs) renamed(name);
      for (auto& [name, tensor] : candidate.feeds) renamed(name);
      most_tries_ += 1;
      take(std::move(candidate));
    }
  }

  GraphCase best_;
  std::string pipeline_;
  const Fails& fails_;
  int most_tries_;
  int tries_ = 0;
  std::pair<NodeId, std::string> renamed_ = {-1, ""};
};

}  // namespace

Reduced reduce(const GraphCase& graph_case, const std::string& pipeline, const Fails& fails, int most_tries) {
  return Reducer(graph_case, pipeline, fails, most_tries).run();
}

}  // namespace tarn::testing
