#include <algorithm>

#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

Wire through_views(const State& state, Wire wire) {
  while (!is_feed(wire) && wire.slot == 0) {
    const WorkNode& node = state.node(wire.node);
    if (!node.is_view() || node.inputs.empty()) break;  // a view of nothing was refused, but is still here
    wire = node.inputs[0];
  }
  return wire;
}

void add_condition(std::vector<Condition>& conditions, const Condition& condition) {
  if (std::find(conditions.begin(), conditions.end(), condition) == conditions.end()) conditions.push_back(condition);
}

// What must hold for whoever uses the node: an Enter runs outside of the loop that it brings its value into.
std::vector<Condition> conditions_after(const WorkNode& node) {
  if (node.entered_frame < 0) return node.conditions;
  if (node.folded) return {};
  return {loop_condition(node.entered_frame)};
}

bool uncertain_after(const State& state, const WorkNode& node) {
  if (node.entered_frame < 0 || node.folded) return node.uncertain;
  return !state.frames[static_cast<size_t>(node.entered_frame)].is_regular;
}

// The conditions of a wire: its node's, and the branch if it leaves a Switch.
std::vector<Condition> conditions_of(const State& state, Wire wire) {
  if (is_feed(wire)) return {};
  const WorkNode& node = state.node(wire.node);
  std::vector<Condition> conditions = conditions_after(node);
  if (node.control() == Control::kSwitch && node.inputs.size() == 2 && node.taken_branch < 0) {
    add_condition(conditions, {through_views(state, node.inputs[1]), wire.slot, static_cast<int>(node.facts.size())});
  }
  return conditions;
}

bool uncertain(const State& state, Wire wire) {
  return !is_feed(wire) && uncertain_after(state, state.node(wire.node));
}

bool are_among(const std::vector<Condition>& a, const std::vector<Condition>& b) {
  return std::all_of(a.begin(), a.end(),
                     [&](const Condition& c) { return std::find(b.begin(), b.end(), c) != b.end(); });
}

bool same_conditions(const std::vector<Condition>& a, const std::vector<Condition>& b) {
  return a.size() == b.size() && are_among(a, b);
}

// The Enter that says when the loop is entered at all, or -1.
int first_enter(const State& state, int frame) {
  for (int enter : state.frames[static_cast<size_t>(frame)].enters) {
    if (!state.node(enter).is_constant_enter) return enter;
  }
  return -1;
}

// Of {the loop goes on, its predicate took `branch`}: the predicate; none if the conditions are others.
Wire loop_predicate(const std::vector<Condition>& conditions, int frame, bool branch) {
  if (conditions.size() != 2) return {};
  for (int i = 0; i < 2; ++i) {
    const Condition& other = conditions[static_cast<size_t>(1 - i)];
    if (conditions[static_cast<size_t>(i)] == loop_condition(frame) && other.branches == 2 &&
        other.branch == (branch ? 1 : 0) && other.predicate.node >= 0)
      return other.predicate;
  }
  return {};
}

// The first node of a loop: alive as long as that goes on.
void find_loop_merge_conditions(State& state, WorkNode& node, int index) {
  bool may_begin = false;
  for (Wire wire : node.inputs)
    may_begin = may_begin || (!is_back_edge(state, index, wire) && !state.never_alive(wire));
  node.never_runs = !may_begin;
  if (state.frames[static_cast<size_t>(node.frame)].is_regular) {
    add_condition(node.conditions, loop_condition(node.frame));
  } else {
    node.uncertain = true;
  }
}

// A loop that was entered ends, and then its Exits are alive.
void find_exit_conditions(State& state, WorkNode& node) {
  Wire from = node.inputs[0];
  node.never_runs = state.never_alive(from);
  int frame = is_feed(from) ? -1 : state.frame_of(from);
  int enter = frame < 0 ? -1 : first_enter(state, frame);
  if (enter < 0 || !state.frames[static_cast<size_t>(frame)].is_regular || uncertain(state, from) ||
      loop_predicate(conditions_of(state, from), frame, false).is_none()) {
    node.uncertain = true;
    return;
  }
  const WorkNode& entering = state.node(enter);
  node.uncertain = entering.uncertain;
  node.conditions = entering.conditions;
}

// All branches of one predicate, which differ in that alone, meet again: what is left is certain.
void merge_conditions(State& state, WorkNode& node) {
  std::vector<std::vector<Condition>> ways;
  for (Wire wire : node.inputs) ways.push_back(conditions_of(state, wire));
  for (const Condition& condition : ways[0]) {
    if (static_cast<size_t>(condition.branches) != ways.size()) continue;
    std::vector<char> is_there(ways.size(), 0);
    std::vector<Condition> rest;  // of the first way
    bool is_met = true;
    for (size_t w = 0; w < ways.size() && is_met; ++w) {
      auto same = [&](const Condition& c) {
        return c.predicate == condition.predicate && c.branches == condition.branches;
      };
      auto found = std::find_if(ways[w].begin(), ways[w].end(), same);
      if (found == ways[w].end()) {
        is_met = false;
        break;
      }
      is_there[static_cast<size_t>(found->branch)] = 1;
      std::vector<Condition> others = ways[w];
      std::erase(others, *found);
      if (w == 0) rest = others;
      is_met = same_conditions(rest, others);
    }
    if (!is_met || std::count(is_there.begin(), is_there.end(), 1) != condition.branches) continue;
    for (const Condition& c : rest) add_condition(node.conditions, c);
    return;
  }
  node.uncertain = true;
}

}  // namespace

bool is_regular(const State& state, int frame) {
  const LoopFrame& loop = state.frames[static_cast<size_t>(frame)];
  int first = first_enter(state, frame);
  if (first < 0) return false;
  const WorkNode& entering = state.node(first);
  if (entering.never_runs) return true;
  for (int enter : loop.enters) {
    const WorkNode& node = state.node(enter);
    if (node.folded) continue;
    bool is_there = node.is_constant_enter ? are_among(node.conditions, entering.conditions)
                                           : same_conditions(node.conditions, entering.conditions);
    if (node.uncertain || !is_there) return false;
  }
  Wire predicate;
  for (int next : loop.next_iterations) {
    const WorkNode& node = state.node(next);
    Wire decides = node.uncertain ? Wire{} : loop_predicate(node.conditions, frame, true);
    if (decides.is_none() || !(predicate.is_none() || predicate == decides)) return false;
    predicate = decides;
  }
  for (int exit : loop.exits) {
    Wire from = state.node(exit).inputs[0];
    if (is_feed(from) || uncertain(state, from)) return false;
    if (!(loop_predicate(conditions_of(state, from), frame, false) == predicate)) return false;
  }
  return true;
}

void find_conditions(State& state, WorkNode& node) {
  bool merge = node.op->def->control == Control::kMerge;
  auto index = static_cast<int>(&node - state.nodes.data());
  bool in_loop = node.frame >= 0;
  if (merge && in_loop && has_back_edge(state, index)) {
    find_loop_merge_conditions(state, node, index);
  } else if (node.op->def->control == Control::kExit) {
    find_exit_conditions(state, node);
  } else if (merge) {
    std::vector<Wire> alive;
    for (Wire wire : node.inputs) {
      if (!state.never_alive(wire)) alive.push_back(wire);
    }
    if (alive.empty()) node.never_runs = true;
    if (alive.size() == 1) {
      node.merge_index =
          static_cast<int>(std::find(node.inputs.begin(), node.inputs.end(), alive[0]) - node.inputs.begin());
      node.inputs = alive;
      node.forwards_input = true;
    } else if (alive.size() > 1 &&
               std::none_of(alive.begin(), alive.end(), [&](Wire wire) { return uncertain(state, wire); })) {
      node.inputs = alive;
      merge_conditions(state, node);
    } else {
      node.uncertain = true;
    }
  }
  if ((!merge && node.op->def->control != Control::kExit) || node.forwards_input) {
    for (Wire wire : node.inputs) {
      node.never_runs = node.never_runs || state.never_alive(wire);
      node.uncertain = node.uncertain || uncertain(state, wire);
      for (const Condition& condition : conditions_of(state, wire)) add_condition(node.conditions, condition);
    }
  }
  // A Merge waits for its control inputs, dead or not, and is dead only if all its data inputs are: TensorFlow's
  // lowering of If has it wait for the ends of both branches.
  if (merge) return;
  for (int control : node.controls) {
    const WorkNode& before = state.nodes[static_cast<size_t>(control)];
    node.never_runs = node.never_runs || before.never_runs;
    node.uncertain = node.uncertain || uncertain_after(state, before);
    for (const Condition& condition : conditions_after(before)) add_condition(node.conditions, condition);
  }
  if (node.control() != Control::kTrigger) return;
  // It runs even if what it waits for is dead.
  node.conditions.clear();
  node.uncertain = node.never_runs = false;
}

}  // namespace tarn::compiling
