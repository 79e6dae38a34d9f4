#include "tests/allocations/counting.h"

#include <execinfo.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#ifndef TARN_SANITIZED
// glibc's own names for what is replaced below.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}
#endif

namespace tarn::testing {
namespace {

constexpr int kMostStacks = 4, kMostFrames = 24;
std::atomic<bool> counting = false;
std::atomic<int64_t> calls = 0;
void* stacks[kMostStacks][kMostFrames];
int frames[kMostStacks];

[[maybe_unused]] void note() {
  if (!counting.load(std::memory_order_relaxed)) return;
  int64_t call = calls.fetch_add(1);
  if (call >= kMostStacks) return;
  frames[call] = backtrace(stacks[call], kMostFrames);
}

}  // namespace

bool can_count_allocations() {
#ifdef TARN_SANITIZED
  return false;
#else
  return true;
#endif
}

AllocationCount count_allocations(const std::function<void()>& work) {
  void* warm[1];
  (void)backtrace(warm, 1);  // loads a library the first time
  calls = 0;
  counting = true;
  work();
  counting = false;
  AllocationCount count{calls, ""};
  for (int64_t stack = 0; stack < std::min<int64_t>(calls, kMostStacks); ++stack) {
    char** lines = backtrace_symbols(stacks[stack], frames[stack]);
    for (int i = 0; lines != nullptr && i < frames[stack]; ++i) count.where.append(lines[i]).append("\n");
    count.where += "\n";
    std::free(lines);
  }
  return count;
}

}  // namespace tarn::testing

#ifndef TARN_SANITIZED
extern "C" {
void* malloc(size_t bytes) {
  tarn::testing::note();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  tarn::testing::note();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  tarn::testing::note();
  return __libc_realloc(old, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  tarn::testing::note();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  tarn::testing::note();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, size_t alignment, size_t bytes) {
  tarn::testing::note();
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
}
#endif
