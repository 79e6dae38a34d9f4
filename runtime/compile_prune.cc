#include <algorithm>
#include <utility>

#include "core/search.h"
#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

// Names of the nodes on the depth-first path from `from` back to itself.
std::string cycle_text(const NodeSource& source, const std::vector<int>& path, int from) {
  auto it = first_equal(path, from);
  std::string names;
  for (int shown = 0; it != path.end() && shown < 12; ++it, ++shown)
    str_append(names, in_quotes(source.name(*it)), " <- ");
  str_append(names, in_quotes(source.name(from)));
  return names;
}

void judge_feed(State& state, int index) {
  const CompileRequest::Feed& feed = state.request.feeds[static_cast<size_t>(index)];
  std::string name(state.source.name(feed.tensor.node));
  state.feed_facts.push_back({feed.dtype, feed.shape, {}, false});
  if (feed.dtype == DType::kResource) {
    state.problems.add(str_cat("feed ", in_quotes(name), ": a resource handle cannot be fed"));
    return;
  }
  const OpRegistry::Op* op = state.options.ops->find(state.source.op(feed.tensor.node));
  if (op == nullptr) return;  // an op unknown here may still be fed
  Result<AttrMap> attrs = state.source.attrs(feed.tensor.node);
  if (!attrs.ok()) {
    state.problems.add(attrs.status());
    return;
  }
  if ((op->def->traits & kSourceOp) == 0) return;
  DType dtype = attrs->get_or<DType>("dtype", feed.dtype);
  Shape shape = attrs->get_or<Shape>("shape", Shape::unknown());
  if (dtype != feed.dtype) {
    state.problems.add(str_cat("feed ", in_quotes(name), ": expects ", dtype, ", got ", feed.dtype));
  } else if (!shape.is_compatible_with(feed.shape)) {
    state.problems.add(str_cat("feed ", in_quotes(name), ": expects shape ", shape, ", got ", feed.shape));
  }
}

bool is_back_edge(std::string_view consumer_op, std::string_view producer_op) {
  return consumer_op.ends_with("Merge") && producer_op.ends_with("NextIteration");
}

}  // namespace

bool is_back_edge(const State& state, int consumer, Wire wire) {
  return kHasControlFlow && !is_feed(wire) && is_back_edge(state.node(consumer).op_name, state.node(wire.node).op_name);
}

bool has_back_edge(const State& state, int consumer) {
  const std::vector<Wire>& inputs = state.node(consumer).inputs;
  return kHasControlFlow && any_of(inputs, [&](Wire wire) { return is_back_edge(state, consumer, wire); });
}

Status prune(State& state) {
  const NodeSource& source = state.source;
  // By node: the last of its outputs that are fed, and by feed the one before that.
  std::vector<int> last_feed(static_cast<size_t>(source.node_count()), -1), feed_before;
  auto feed_of = [&](Wire wire) {
    int feed = last_feed[static_cast<size_t>(wire.node)];
    while (feed >= 0 && state.request.feeds[static_cast<size_t>(feed)].tensor.slot != wire.slot)
      feed = feed_before[static_cast<size_t>(feed)];
    return feed;
  };
  for (size_t i = 0; i < state.request.feeds.size(); ++i) {
    Wire wire = state.request.feeds[i].tensor;
    if (feed_of(wire) >= 0) {
      return invalid_argument("tensor '", source.name(wire.node), ":", wire.slot, "' is fed more than once");
    }
    feed_before.push_back(std::exchange(last_feed[static_cast<size_t>(wire.node)], static_cast<int>(i)));
    judge_feed(state, static_cast<int>(i));
  }

  // Who waits for a Placeholder that is fed waits for nothing.
  auto is_fed_placeholder = [&](int node) {
    if (feed_of({node, 0}) < 0) return false;
    const OpRegistry::Op* op = state.options.ops->find(source.op(node));
    return op != nullptr && (op->def->traits & kSourceOp) != 0;
  };

  enum : char { kNew, kOpen, kDone };
  std::vector<char> state_of(static_cast<size_t>(source.node_count()), kNew);
  std::vector<int> work_index(static_cast<size_t>(source.node_count()), -1);
  struct Frame {
    int node;
    size_t next = 0;  // data inputs first, then controls
  };
  std::vector<Frame> stack;
  std::vector<int> path;
  // What comes back to a loop's first node is visited after what depends on that node.
  struct BackEdge {
    int merge;  // work index
    size_t input;
    Wire from;  // of the source
  };
  std::vector<BackEdge> back_edges;
  auto to_work = [&](Wire wire) -> Wire {
    int feed = feed_of(wire);
    if (feed >= 0) return {feed_wire(feed), 0};
    return {work_index[static_cast<size_t>(wire.node)], wire.slot};
  };
  auto is_back = [&](int consumer, Wire wire) { return is_back_edge(source.op(consumer), source.op(wire.node)); };
  auto visit = [&](int root) -> Status {
    if (state_of[static_cast<size_t>(root)] != kNew) return {};
    stack.push_back({root});
    path.push_back(root);
    state_of[static_cast<size_t>(root)] = kOpen;
    while (!stack.empty()) {
      Frame& frame = stack.back();
      std::span<const Wire> inputs = source.inputs(frame.node);
      std::span<const int> controls = source.controls(frame.node);
      if (frame.next < inputs.size() + controls.size()) {
        size_t i = frame.next++;
        if (i < inputs.size() && feed_of(inputs[i]) >= 0) continue;
        if (i < inputs.size() && is_back(frame.node, inputs[i])) continue;
        int next = i < inputs.size() ? inputs[i].node : controls[i - inputs.size()];
        if (i >= inputs.size() && is_fed_placeholder(next)) continue;
        if (state_of[static_cast<size_t>(next)] == kDone) continue;
        if (state_of[static_cast<size_t>(next)] == kOpen)
          return invalid_argument("the graph has a cycle: ", cycle_text(source, path, next));
        state_of[static_cast<size_t>(next)] = kOpen;
        stack.push_back({next});
        path.push_back(next);
        continue;
      }
      work_index[static_cast<size_t>(frame.node)] = static_cast<int>(state.nodes.size());
      WorkNode& node = state.nodes.emplace_back();
      node.source = frame.node;
      node.name = source.name(frame.node);
      node.op_name = source.op(frame.node);
      node.op = state.options.ops->find(node.op_name);
      for (Wire wire : inputs) {
        if (feed_of(wire) < 0 && is_back(frame.node, wire)) {
          back_edges.push_back({static_cast<int>(state.nodes.size()) - 1, node.inputs.size(), wire});
          node.inputs.emplace_back();
        } else {
          node.inputs.push_back(to_work(wire));
        }
      }
      for (int control : controls) {
        if (is_fed_placeholder(control)) {
          node.fed_controls.push_back(control);
        } else {
          node.controls.push_back(work_index[static_cast<size_t>(control)]);
        }
      }
      state_of[static_cast<size_t>(frame.node)] = kDone;
      stack.pop_back();
      path.pop_back();
    }
    return {};
  };
  for (Wire wire : state.request.fetches) {
    if (feed_of(wire) < 0) TARN_RETURN_IF_ERROR(visit(wire.node));
    state.fetches.push_back(to_work(wire));
  }
  for (int target : state.request.targets) {
    TARN_RETURN_IF_ERROR(visit(target));
    state.targets.push_back(work_index[static_cast<size_t>(target)]);
  }
  for (size_t i = 0; i < back_edges.size(); ++i) {  // more of them may be found on the way
    const BackEdge edge = back_edges[i];
    TARN_RETURN_IF_ERROR(visit(edge.from.node));
    state.node(edge.merge).inputs[edge.input] = to_work(edge.from);
  }
  return {};
}

}  // namespace tarn::compiling
