// What the system is told about pages: which of a file's need not stay, and which memory huge pages are good for.
#pragma once

#include <cstddef>

namespace tarn {

// Below this a tensor's memory is not worth a call.
constexpr size_t kWorthLettingGo = size_t{1} << 20;

// The pages that lie wholly within these bytes of a MappedFile (core/file.h) need not stay in memory: the process is
// smaller at once, and a later reader finds the same bytes. Of other memory it must not be asked: it would lose them.
void let_go_of_mapped(const void* data, size_t bytes);

#if defined(__linux__) && !defined(__OPTIMIZE_SIZE__)
constexpr bool kHasHugePages = true;
#else
constexpr bool kHasHugePages = false;
#endif
constexpr size_t kHugePageBytes = size_t{2} << 20;

// Advice: where these bytes are whole huge pages, they are better than small ones. What is left over stays small.
void prefer_huge_pages(void* data, size_t bytes);

}  // namespace tarn
