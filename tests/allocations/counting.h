// Counts what is taken from the heap while it is switched on: this program's malloc and its kin (operator new ends
// there too) go through counting.cc, on every thread.
//
//   AllocationCount count = count_allocations([&] { step(); });
//   EXPECT_EQ(count.calls, 0) << count.where;
//
// An executable of its own: replacing malloc is for all of a program. Sanitizers replace it themselves; there
// can_count_allocations() is false.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tarn::testing {

struct AllocationCount {
  int64_t calls = 0;
  std::string where;  // call stacks of the first few, to be read with addr2line
};

bool can_count_allocations();
AllocationCount count_allocations(const std::function<void()>& work);

}  // namespace tarn::testing
