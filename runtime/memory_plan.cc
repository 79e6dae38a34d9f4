#include "runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/search.h"
#include "core/sorting.h"

namespace tarn {
namespace {

size_t rounded(size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool overlap_in_time(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

// Sorts `order` by the keys of what it holds; equals stay as they are.
void sort_by(std::vector<int>& order, const std::vector<size_t>& keys) {
  sort_indices(order, [&](int a, int b) { return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)]; });
}
constexpr size_t largest_first(size_t key) {
  return ~key;
}

std::vector<int> count_to(size_t n) {
  std::vector<int> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

// Places values in the given order, each into the smallest gap that fits among those placed already and alive with it.
size_t place_in_order(const std::vector<Lifetime>& values, const std::vector<int>& order,
                      std::vector<size_t>& offsets) {
  size_t arena = 0;
  std::vector<int> placed;  // by offset
  for (int v : order) {
    const Lifetime& value = values[static_cast<size_t>(v)];
    size_t bytes = rounded(value.bytes);
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (int p : placed) {
      const Lifetime& other = values[static_cast<size_t>(p)];
      if (!overlap_in_time(value, other)) continue;
      size_t offset = offsets[static_cast<size_t>(p)];
      if (offset >= end + bytes && offset - end < best_gap) {
        best = end;
        best_gap = offset - end;
      }
      end = std::max(end, offset + rounded(other.bytes));
    }
    size_t offset = best != SIZE_MAX ? best : end;
    offsets[static_cast<size_t>(v)] = offset;
    arena = std::max(arena, offset + bytes);
    placed.insert(std::upper_bound(
                      placed.begin(), placed.end(), v,
                      [&](int a, int b) { return offsets[static_cast<size_t>(a)] < offsets[static_cast<size_t>(b)]; }),
                  v);
  }
  return arena;
}

// For graphs too large for the quadratic plans: values in order of their first step take the lowest free gap.
size_t place_by_time(const std::vector<Lifetime>& values, const std::vector<int>& by_first,
                     std::vector<size_t>& offsets) {
  struct Gap {
    size_t offset, bytes;
  };
  std::vector<Gap> gaps;  // within [0, arena), by offset
  std::vector<size_t> lasts;
  for (const Lifetime& value : values) lasts.push_back(static_cast<size_t>(value.last));
  std::vector<int> by_last = by_first;
  sort_by(by_last, lasts);
  auto next_end = by_last.begin();
  size_t arena = 0;
  auto release = [&](size_t offset, size_t bytes) {
    if (bytes == 0) return;
    auto next = std::partition_point(gaps.begin(), gaps.end(), [&](const Gap& gap) { return gap.offset < offset; });
    bool joins_next = next != gaps.end() && offset + bytes == next->offset;
    bool joins_before = next != gaps.begin() && next[-1].offset + next[-1].bytes == offset;
    if (joins_before) {
      next[-1].bytes += bytes + (joins_next ? next->bytes : 0);
      if (joins_next) gaps.erase(next);
    } else if (joins_next) {
      *next = {offset, bytes + next->bytes};
    } else {
      gaps.insert(next, Gap{offset, bytes});
    }
  };
  for (int v : by_first) {
    const Lifetime& value = values[static_cast<size_t>(v)];
    for (; values[static_cast<size_t>(*next_end)].last < value.first; ++next_end) {  // ends at v itself at the latest
      auto done = static_cast<size_t>(*next_end);
      release(offsets[done], rounded(values[done].bytes));
    }
    size_t bytes = rounded(value.bytes);
    if (bytes == 0) continue;
    auto gap = gaps.begin() + (first_where(gaps, [&](const Gap& g) { return g.bytes >= bytes; }) - gaps.begin());
    if (gap != gaps.end()) {
      offsets[static_cast<size_t>(v)] = gap->offset;
      *gap = {gap->offset + bytes, gap->bytes - bytes};
      if (gap->bytes == 0) gaps.erase(gap);
    } else {
      offsets[static_cast<size_t>(v)] = arena;
      arena += bytes;
    }
  }
  return arena;
}

size_t steps_of(const std::vector<Lifetime>& values) {
  int steps = 0;
  for (const Lifetime& value : values) steps = std::max(steps, value.last + 1);
  return static_cast<size_t>(steps);
}

// `sizes`: largest first, as sort_by() has it. Largest first within the step that has most alive, then the next such
// step: Pisarchyk & Lee's greedy by breadth.
std::vector<int> breadth_order(const std::vector<Lifetime>& values, const std::vector<size_t>& sizes) {
  std::vector<std::vector<int>> alive(steps_of(values));
  std::vector<size_t> breadth(alive.size(), 0);
  for (size_t v = 0; v < values.size(); ++v) {
    for (int s = values[v].first; s <= values[v].last; ++s) {
      alive[static_cast<size_t>(s)].push_back(static_cast<int>(v));
      breadth[static_cast<size_t>(s)] += values[v].bytes;
    }
  }
  for (size_t& bytes : breadth) bytes = largest_first(bytes);
  std::vector<int> by_breadth = count_to(breadth.size());
  sort_by(by_breadth, breadth);
  std::vector<int> order;
  std::vector<char> taken(values.size(), 0);
  for (int s : by_breadth) {
    std::vector<int>& here = alive[static_cast<size_t>(s)];
    sort_by(here, sizes);
    for (int v : here) {
      if (taken[static_cast<size_t>(v)] == 0) order.push_back(v);
      taken[static_cast<size_t>(v)] = 1;
    }
  }
  return order;
}

}  // namespace

size_t lower_bound_bytes(const std::vector<Lifetime>& values) {
  std::vector<int64_t> change(steps_of(values) + 1, 0);
  for (const Lifetime& value : values) {
    change[static_cast<size_t>(value.first)] += static_cast<int64_t>(rounded(value.bytes));
    change[static_cast<size_t>(value.last) + 1] -= static_cast<int64_t>(rounded(value.bytes));
  }
  int64_t alive = 0, most = 0;
  for (int64_t bytes : change) {
    alive += bytes;
    most = std::max(most, alive);
  }
  return static_cast<size_t>(most);
}

MemoryPlan plan_memory(const std::vector<Lifetime>& values) {
  constexpr size_t kQuadraticLimit = 4000, kMostToImprove = 500;
  constexpr int kMostTries = 50;
  MemoryPlan plan;
  plan.offsets.assign(values.size(), 0);
  plan.lower_bound_bytes = lower_bound_bytes(values);
  std::vector<size_t> starts, sizes;
  for (const Lifetime& value : values) {
    starts.push_back(static_cast<size_t>(value.first));
    sizes.push_back(largest_first(value.bytes));
  }
  std::vector<int> order = count_to(values.size());
  sort_by(order, starts);
  plan.arena_bytes = place_by_time(values, order, plan.offsets);
  if (values.size() > kQuadraticLimit) return plan;

  std::vector<size_t> lengths;  // what lives long has more to get along with
  for (const Lifetime& value : values) lengths.push_back(largest_first(static_cast<size_t>(value.last - value.first)));
  std::vector<int> by_size = order;
  sort_by(by_size, sizes);
  std::vector<size_t> offsets(values.size(), 0);
  auto try_order = [&](const std::vector<int>& candidate) {
    const size_t arena = place_in_order(values, candidate, offsets);
    if (arena >= plan.arena_bytes) return;
    plan.arena_bytes = arena;
    plan.offsets = offsets;
  };
  for (const std::vector<int>& candidate :
       {by_size, breadth_order(values, sizes), breadth_order(values, lengths)}) {
    order = candidate;
    try_order(order);
    if (plan.arena_bytes == plan.lower_bound_bytes) return plan;
  }
  // What ends at the top was placed too late to find a gap: it comes first next time.
  for (int tries = values.size() <= kMostToImprove ? kMostTries : 0; tries > 0; --tries) {
    auto end = [&](int v) { return offsets[static_cast<size_t>(v)] + rounded(values[static_cast<size_t>(v)].bytes); };
    auto top = std::max_element(order.begin(), order.end(), [&](int a, int b) { return end(a) < end(b); });
    std::rotate(order.begin(), top, top + 1);
    try_order(order);
    if (plan.arena_bytes == plan.lower_bound_bytes) break;
  }
  return plan;
}

bool plan_is_valid(const std::vector<Lifetime>& values, const MemoryPlan& plan) {
  for (size_t a = 0; a < values.size(); ++a) {
    if (plan.offsets[a] + values[a].bytes > plan.arena_bytes && values[a].bytes > 0) return false;
    for (size_t b = a + 1; b < values.size(); ++b) {
      if (values[a].bytes == 0 || values[b].bytes == 0 || !overlap_in_time(values[a], values[b])) continue;
      if (plan.offsets[a] < plan.offsets[b] + values[b].bytes && plan.offsets[b] < plan.offsets[a] + values[a].bytes)
        return false;
    }
  }
  return true;
}

}  // namespace tarn
