#include "core/resident.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace tarn {

void let_go_of_mapped(const void* data, size_t bytes) {
#if defined(MADV_DONTNEED) && !defined(__EMSCRIPTEN__)
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (begin + page - 1) / page * page, end = (begin + bytes) / page * page;
  // Advice alone: if it is not taken, the pages stay.
  if (first < end) (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
#else
  (void)data;
  (void)bytes;
#endif
}

void prefer_huge_pages(void* data, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  if (bytes >= kHugePageBytes) (void)::madvise(data, bytes / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
#else
  (void)data;
  (void)bytes;
#endif
}

}  // namespace tarn
