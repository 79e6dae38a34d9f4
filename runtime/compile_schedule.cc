#include <algorithm>
#include <queue>

#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

// Units that change a variable come after every unit that could read its old value: lowest urgency wins the queue.
int urgency(const State& state, int unit) {
  if (unit >= kFetchUnit) {
    Wire wire = state.fetches[static_cast<size_t>(unit - kFetchUnit)];
    return state.fact(wire).is_ref ? 2 : 0;  // a fetched variable shows what the run left in it
  }
  return (state.nodes[static_cast<size_t>(unit)].traits() & kWritesRef) != 0 ? 1 : 0;
}

}  // namespace

Result<std::vector<int>> schedule(const State& state) {
  size_t nodes = state.nodes.size(), fetches = state.fetches.size();
  auto slot_of = [&](int unit) {
    return unit >= kFetchUnit ? nodes + static_cast<size_t>(unit - kFetchUnit) : static_cast<size_t>(unit);
  };
  std::vector<int> waiting(nodes + fetches, 0);
  std::vector<std::vector<int>> users(nodes);  // by unit: units that wait for it
  size_t count = 0;
  auto wait_for = [&](int unit, int producer) {
    int before = unit_of(state, producer);
    if (!state.nodes[static_cast<size_t>(before)].live || before == unit) return;
    users[static_cast<size_t>(before)].push_back(unit);
    ++waiting[slot_of(unit)];
  };
  using Entry = std::pair<std::pair<int, int>, int>;  // ((urgency, order), unit)
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  auto push = [&](int unit) { ready.push({{urgency(state, unit), unit}, unit}); };

  for (size_t n = 0; n < nodes; ++n) {
    int unit = static_cast<int>(n);
    const WorkNode& node = state.nodes[n];
    if (!node.live || node.fused_into >= 0) continue;
    ++count;
    for (Wire wire : unit_inputs(state, unit)) {
      if (!is_feed(wire)) wait_for(unit, wire.node);
    }
    for (int control : unit_controls(state, unit)) wait_for(unit, control);
  }
  for (size_t f = 0; f < fetches; ++f) {
    int unit = kFetchUnit + static_cast<int>(f);
    ++count;
    if (!is_feed(state.fetches[f])) wait_for(unit, state.fetches[f].node);
    if (waiting[nodes + f] == 0) push(unit);
  }
  for (size_t n = 0; n < nodes; ++n) {
    const WorkNode& node = state.nodes[n];
    if (node.live && node.fused_into < 0 && waiting[n] == 0) push(static_cast<int>(n));
  }
  std::vector<int> order;
  order.reserve(count);
  while (!ready.empty()) {
    int unit = ready.top().second;
    ready.pop();
    order.push_back(unit);
    if (unit >= kFetchUnit) continue;
    for (int user : users[static_cast<size_t>(unit)]) {
      if (--waiting[slot_of(user)] == 0) push(user);
    }
  }
  if (order.size() != count)
    return internal_error("the schedule misses ", count - order.size(), " of ", count, " steps");
  return order;
}

}  // namespace tarn::compiling
