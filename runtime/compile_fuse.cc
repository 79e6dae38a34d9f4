#include <algorithm>
#include <utility>

#include "core/search.h"
#include "runtime/compile_state.h"

namespace tarn::compiling {

int unit_of(const State& state, int node) {
  int head = state.nodes[static_cast<size_t>(node)].fused_into;
  return head >= 0 ? head : node;
}

std::vector<Wire> unit_inputs(const State& state, int node) {
  const WorkNode& head = state.nodes[static_cast<size_t>(node)];
  std::vector<Wire> inputs = head.inputs;
  if (head.bias_node >= 0) {
    inputs.push_back(state.nodes[static_cast<size_t>(head.bias_node)].inputs[static_cast<size_t>(head.bias_input)]);
  }
  if (head.residual_node >= 0) {
    inputs.push_back(
        state.nodes[static_cast<size_t>(head.residual_node)].inputs[static_cast<size_t>(head.residual_input)]);
  }
  return inputs;
}

std::vector<int> unit_controls(const State& state, int node) {
  std::vector<int> controls;
  auto add = [&](const std::vector<int>& more) {
    for (int control : more) {
      if (!contains(controls, control)) controls.push_back(control);
    }
  };
  const WorkNode& head = state.nodes[static_cast<size_t>(node)];
  add(head.controls);
  for (int fused : {head.bias_node, head.residual_node, head.tail}) {
    if (fused >= 0) add(state.nodes[static_cast<size_t>(fused)].controls);
  }
  for (Wire wire : unit_inputs(state, node)) {
    if (!is_feed(wire) && state.nodes[static_cast<size_t>(wire.node)].folded)
      add(state.nodes[static_cast<size_t>(wire.node)].inherited_controls);
  }
  // A folded node is nothing to wait for, but what it waits for is.
  for (size_t i = 0; i < controls.size(); ++i) {
    const WorkNode& before = state.nodes[static_cast<size_t>(controls[i])];
    if (before.folded) add(before.inherited_controls);
  }
  std::erase_if(controls, [&](int control) { return state.nodes[static_cast<size_t>(control)].folded; });
  return controls;
}

void mark_live(State& state) {
  std::vector<int> stack;
  std::vector<char> seen(state.nodes.size(), 0);  // what was folded may wait for what was folded: each once
  auto need = [&](int node) {
    WorkNode& work = state.nodes[static_cast<size_t>(node)];
    if (work.live || (kHasControlFlow && work.never_runs) || std::exchange(seen[static_cast<size_t>(node)], 1) != 0)
      return;
    if (work.folded) {
      for (int control : work.inherited_controls) stack.push_back(control);
      return;
    }
    work.live = true;
    stack.push_back(node);
  };
  for (Wire wire : state.fetches) {
    if (!is_feed(wire)) need(wire.node);
  }
  for (int target : state.targets) need(target);
  while (!stack.empty()) {
    int node = stack.back();
    stack.pop_back();
    if (!state.nodes[static_cast<size_t>(node)].live) {
      need(node);
      continue;
    }
    for (Wire wire : state.nodes[static_cast<size_t>(node)].inputs) {
      if (!is_feed(wire) && !state.never_alive(wire)) need(wire.node);
    }
    for (int control : state.nodes[static_cast<size_t>(node)].controls) need(control);
  }
}

namespace {

struct UseCounts {
  std::vector<int> data, control;  // uses of each node by live nodes and fetches
};

UseCounts count_uses(const State& state) {
  UseCounts counts{std::vector<int>(state.nodes.size(), 0), std::vector<int>(state.nodes.size(), 0)};
  for (const WorkNode& node : state.nodes) {
    if (!node.live) continue;
    for (Wire wire : node.inputs) {
      if (!is_feed(wire)) ++counts.data[static_cast<size_t>(wire.node)];
    }
    for (int control : node.controls) ++counts.control[static_cast<size_t>(control)];
  }
  for (Wire wire : state.fetches) {
    if (!is_feed(wire)) counts.data[static_cast<size_t>(wire.node)] += 2;  // a fetched value must exist by itself
  }
  for (int target : state.targets) ++counts.control[static_cast<size_t>(target)];
  return counts;
}

// y = x + bias over the last dim, whichever way round; returns the input that is the bias, or -1.
int bias_input(const State& state, const WorkNode& node, Wire head) {
  if ((node.traits() & kBiasAdd) == 0 || node.inputs.size() != 2 || node.facts.empty()) return -1;
  if (node.attrs.get_or<std::string>("data_format", "NHWC") != "NHWC") return -1;
  int bias = node.inputs[0] == head ? 1 : 0;
  if (!(node.inputs[static_cast<size_t>(1 - bias)] == head) || node.inputs[static_cast<size_t>(bias)] == head)
    return -1;
  const Fact& x = state.fact(head);
  const Fact& b = state.fact(node.inputs[static_cast<size_t>(bias)]);
  if (!x.shape.is_fully_known() || x.shape.rank() < 1 || !(node.facts[0].shape == x.shape)) return -1;
  if (kHasVariables && b.is_ref && node.op->def->name == "BiasAdd") return -1;
  return b.shape.rank() == 1 && b.shape.dim(0) == x.shape.dim(-1) && x.shape.dim(-1) >= 1 ? bias : -1;
}

// y = x + residual of the same shape, whichever way round; returns the input that is the residual, or -1.
int residual_input(const State& state, const WorkNode& node, Wire head) {
  if (!kHasResiduals || (node.traits() & kResidualAdd) == 0 || node.inputs.size() != 2 || node.facts.empty()) return -1;
  int residual = node.inputs[0] == head ? 1 : 0;
  Wire other = node.inputs[static_cast<size_t>(residual)];
  if (!(node.inputs[static_cast<size_t>(1 - residual)] == head) || other == head) return -1;
  const Fact &x = state.fact(head), &r = state.fact(other);
  if (x.dtype != DType::kFloat && x.dtype != DType::kDouble) return -1;
  bool is_same = x.shape.is_fully_known() && r.shape == x.shape && node.facts[0].shape == x.shape;
  return is_same && r.dtype == x.dtype && !state.never_alive(other) ? residual : -1;
}

}  // namespace

void fuse_epilogues(State& state) {
  if (!state.options.fuse) return;
  UseCounts counts = count_uses(state);
  std::vector<int> only_user(state.nodes.size(), -1);  // the live node that reads the output, where there is one alone
  for (size_t i = 0; i < state.nodes.size(); ++i) {
    if (!state.nodes[i].live) continue;
    for (Wire wire : state.nodes[i].inputs) {
      if (!is_feed(wire)) only_user[static_cast<size_t>(wire.node)] = static_cast<int>(i);
    }
  }
  // The node that may join the unit ending in `tail`, or -1.
  auto next_of = [&](int head, int tail) {
    auto t = static_cast<size_t>(tail);
    if (counts.data[t] != 1 || counts.control[t] != 0 || only_user[t] < 0) return -1;
    const WorkNode& user = state.nodes[static_cast<size_t>(only_user[t])];
    bool is_alive_with =
        !kHasControlFlow || (user.conditions == state.nodes[static_cast<size_t>(head)].conditions && !user.uncertain);
    bool fits = user.op != nullptr && is_alive_with && !user.folded && user.facts.size() == 1 && user.fused_into < 0;
    return fits ? only_user[t] : -1;
  };
  // Other libraries' kernels know biases and activations.
  const bool takes_residuals = std::all_of(state.options.backends.begin(), state.options.backends.end(),
                                           [](Backend backend) { return backend == Backend::kPortable; });
  // Of two convolutions that are added the later one takes the sum: what the other reads is done with before.
  for (size_t h = state.nodes.size(); h-- > 0;) {
    WorkNode& head = state.nodes[h];
    if (!head.live || (head.traits() & kTakesEpilogue) == 0 || (kHasControlFlow && head.uncertain) ||
        head.facts.empty())
      continue;
    if (head.attrs.get_or<std::string>("data_format", "NHWC") != "NHWC") continue;
    // Sums of 16 bits are rounded before the bias is added, and after, as in TensorFlow: a fused kernel rounds once.
    bool rounds_between = head.facts[0].dtype == DType::kHalf || head.facts[0].dtype == DType::kBFloat16;
    int tail = static_cast<int>(h);
    int next = next_of(tail, tail);
    if (next >= 0 && !rounds_between) {
      int bias = bias_input(state, state.nodes[static_cast<size_t>(next)], {tail, 0});
      if (bias >= 0) {
        head.epilogue.has_bias = true;
        head.bias_node = next;
        head.bias_input = bias;
        tail = next;
        next = next_of(static_cast<int>(h), tail);
      }
    }
    if (next >= 0 && takes_residuals && (head.traits() & kTakesResidual) != 0) {
      int residual = residual_input(state, state.nodes[static_cast<size_t>(next)], {tail, 0});
      if (residual >= 0) {
        head.epilogue.has_residual = true;
        head.residual_node = next;
        head.residual_input = residual;
        tail = next;
        next = next_of(static_cast<int>(h), tail);
      }
    }
    if (next >= 0) {
      const WorkNode& user = state.nodes[static_cast<size_t>(next)];
      if (user.op->def->activation != Activation::kNone && user.inputs.size() == 1 && user.inputs[0].slot == 0) {
        head.epilogue.activation = user.op->def->activation;
        tail = next;
      }
    }
    if (tail == static_cast<int>(h)) continue;
    head.tail = tail;
    for (int fused : {head.bias_node, head.residual_node}) {
      if (fused >= 0) state.nodes[static_cast<size_t>(fused)].fused_into = static_cast<int>(h);
    }
    state.nodes[static_cast<size_t>(tail)].fused_into = static_cast<int>(h);
  }
}

}  // namespace tarn::compiling
