#include <algorithm>
#include <queue>

#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

// Units that change a variable come after every unit that could read its old value: lowest urgency wins the queue.
int urgency_of_node(const State& state, int node) {
  return (state.node(node).traits() & kWritesRef) != 0 ? 1 : 0;
}

// Orders the units of each scope (a loop's frame, or what is in no loop) by themselves: to the scope around it, a loop
// is one unit, which begins when all that is brought into it is there.
class Scheduler {
 public:
  explicit Scheduler(const State& state)
      : state_(state), nodes_(static_cast<int>(state.nodes.size())), fetches_(static_cast<int>(state.fetches.size())) {
    auto count = static_cast<size_t>(nodes_ + fetches_ + frames());
    waiting_.assign(count, 0);
    users_.resize(count);
    urgency_.assign(count, 0);
    scopes_.resize(static_cast<size_t>(frames()) + 1);
    has_units_.assign(static_cast<size_t>(frames()), 0);
  }

  Result<std::vector<int>> run() {
    find_units();
    connect();
    for (int scope = -1; scope < frames(); ++scope) TARN_RETURN_IF_ERROR(order(scope));
    return expand();
  }

 private:
  // Entries: a node, then the fetches, then the frames, each by its index.
  int frames() const { return state_.frame_count(); }
  int fetch_entry(int fetch) const { return nodes_ + fetch; }
  int frame_entry(int frame) const { return nodes_ + fetches_ + frame; }
  int frame_of_entry(int entry) const { return entry - nodes_ - fetches_; }
  bool is_frame(int entry) const { return kHasControlFlow && entry >= nodes_ + fetches_; }
  int scope_of(int entry) const {
    if (is_frame(entry)) return state_.frames[static_cast<size_t>(frame_of_entry(entry))].parent;
    return !kHasControlFlow || entry >= nodes_ ? -1 : state_.node(entry).frame;
  }
  int depth_of(int scope) const { return scope < 0 ? 0 : state_.frames[static_cast<size_t>(scope)].depth; }
  std::vector<int>& units_of(int scope) { return scopes_[static_cast<size_t>(scope + 1)]; }

  void find_units() {
    for (int n = 0; n < nodes_; ++n) {
      const WorkNode& node = state_.node(n);
      if (!node.live || node.fused_into >= 0) continue;
      units_of(scope_of(n)).push_back(n);
      urgency_[static_cast<size_t>(n)] = urgency_of_node(state_, n);
      for (int f = scope_of(n); f >= 0; f = state_.frames[static_cast<size_t>(f)].parent) {
        int entry = frame_entry(f);
        has_units_[static_cast<size_t>(f)] = 1;
        urgency_[static_cast<size_t>(entry)] =
            std::max(urgency_[static_cast<size_t>(entry)], urgency_of_node(state_, n));
      }
    }
    for (int f = 0; f < frames(); ++f) {
      if (has_units_[static_cast<size_t>(f)] != 0) units_of(scope_of(frame_entry(f))).push_back(frame_entry(f));
    }
    for (int f = 0; f < fetches_; ++f) {
      units_of(-1).push_back(fetch_entry(f));
      // A fetched variable shows what the run left in it.
      if (kHasVariables && state_.fact(state_.fetches[static_cast<size_t>(f)]).is_ref)
        urgency_[static_cast<size_t>(fetch_entry(f))] = 2;
    }
  }

  // `entry` waits for what the node makes: for the loop as a whole, seen from outside of it.
  void wait_for(int entry, int producer) {
    int before = unit_of(state_, producer);
    const WorkNode& node = state_.node(before);
    if (!node.live || before == entry) return;
    if constexpr (!kHasControlFlow) return wait(entry, before);
    int a = before, b = entry;
    int depth_a = depth_of(scope_of(a)), depth_b = depth_of(scope_of(b));
    for (; depth_a > depth_b; --depth_a) a = frame_entry(scope_of(a));
    for (; depth_b > depth_a; --depth_b) b = frame_entry(scope_of(b));
    while (scope_of(a) != scope_of(b)) {
      a = frame_entry(scope_of(a));
      b = frame_entry(scope_of(b));
    }
    if (a != b) wait(b, a);
  }
  void wait(int entry, int before) {
    users_[static_cast<size_t>(before)].push_back(entry);
    ++waiting_[static_cast<size_t>(entry)];
  }

  void connect() {
    for (int n = 0; n < nodes_; ++n) {
      const WorkNode& node = state_.node(n);
      if (!node.live || node.fused_into >= 0) continue;
      for (Wire wire : unit_inputs(state_, n)) {
        if (!is_feed(wire) && !is_back_edge(state_, n, wire)) wait_for(n, wire.node);
      }
      for (int control : unit_controls(state_, n)) wait_for(n, control);
    }
    for (int f = 0; f < fetches_; ++f) {
      Wire wire = state_.fetches[static_cast<size_t>(f)];
      if (!is_feed(wire)) wait_for(fetch_entry(f), wire.node);
    }
  }

  Status order(int scope) {
    std::vector<int>& units = units_of(scope);
    // The urgency, then the unit, as one number.
    std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> ready;
    auto push = [&](int unit) { ready.push((int64_t{urgency_[static_cast<size_t>(unit)]} << 32) + unit); };
    for (int unit : units) {
      if (waiting_[static_cast<size_t>(unit)] == 0) push(unit);
    }
    std::vector<int> ordered;
    ordered.reserve(units.size());
    while (!ready.empty()) {
      int unit = static_cast<int>(ready.top() & INT32_MAX);
      ready.pop();
      ordered.push_back(unit);
      for (int user : users_[static_cast<size_t>(unit)]) {
        if (--waiting_[static_cast<size_t>(user)] == 0) push(user);
      }
    }
    if (ordered.size() == units.size()) {
      units = std::move(ordered);
      return {};
    }
    // Wires alone make no cycle: only loops of which each waits for the other's end.
    std::vector<std::string> names;
    for (int unit : units) {
      if (is_frame(unit) && waiting_[static_cast<size_t>(unit)] > 0)
        names.push_back(quoted(state_.frames[static_cast<size_t>(frame_of_entry(unit))].name));
    }
    if (!names.empty()) {
      return invalid_argument("the loops of these frames wait for each other: ", str_join(names));
    }
    return internal_error("the schedule misses ", units.size() - ordered.size(), " of ", units.size(), " steps");
  }

  std::vector<int> expand() {
    std::vector<int> order;
    if constexpr (!kHasControlFlow) {
      for (int unit : units_of(-1)) order.push_back(unit >= nodes_ ? kFetchUnit + unit - nodes_ : unit);
      return order;
    }
    struct Place {
      int scope;
      size_t next = 0;
    };
    std::vector<Place> stack = {{-1}};
    while (!stack.empty()) {
      Place& place = stack.back();
      const std::vector<int>& units = units_of(place.scope);
      if (place.next == units.size()) {
        if (place.scope >= 0) order.push_back(kLoopEndUnit + place.scope);
        stack.pop_back();
        continue;
      }
      int unit = units[place.next++];
      if (is_frame(unit)) {
        order.push_back(kLoopBeginUnit + frame_of_entry(unit));
        stack.push_back({frame_of_entry(unit)});
      } else {
        order.push_back(unit >= nodes_ ? kFetchUnit + unit - nodes_ : unit);
      }
    }
    return order;
  }

  const State& state_;
  int nodes_, fetches_;
  std::vector<int> waiting_, urgency_;    // by entry
  std::vector<std::vector<int>> users_;   // by entry: entries of the same scope that wait for it
  std::vector<std::vector<int>> scopes_;  // by frame + 1: its entries
  std::vector<char> has_units_;           // by frame
};

}  // namespace

Result<std::vector<int>> schedule(const State& state) {
  return Scheduler(state).run();
}

}  // namespace tarn::compiling
