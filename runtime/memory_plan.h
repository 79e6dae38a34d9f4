// Where every intermediate value lives: one arena, offsets from lifetimes.
//
//   std::vector<Lifetime> values = {{.bytes = 4096, .first = 0, .last = 2}, …};
//   MemoryPlan plan = plan_memory(values);     // plan.offsets[i], plan.arena_bytes, plan.lower_bound_bytes
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tarn {

constexpr size_t kArenaAlignment = 64;  // bytes

struct Lifetime {
  size_t bytes = 0;
  int first = 0;  // the step that writes it
  int last = 0;   // the last step that reads it; two values with a step in common may not overlap
};

struct MemoryPlan {
  std::vector<size_t> offsets;
  size_t arena_bytes = 0;
  size_t lower_bound_bytes = 0;  // the largest sum of values alive at one step: no plan can be smaller
};

// MemoryPlan::lower_bound_bytes alone.
size_t lower_bound_bytes(const std::vector<Lifetime>& values);
// The smallest of greedy plans, by size and by breadth (Pisarchyk & Lee 2020, "Efficient memory management for deep
// neural net inference"), and of some more where these are above the lower bound. Values of 0 bytes get offset 0.
MemoryPlan plan_memory(const std::vector<Lifetime>& values);
// Whether no two values that live at the same step overlap: for assertions and tests.
bool plan_is_valid(const std::vector<Lifetime>& values, const MemoryPlan& plan);

}  // namespace tarn
