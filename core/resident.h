// Memory that a file backs, given back to the system: it is read again from the file when it is touched.
#pragma once

#include <cstddef>

namespace tarn {

// Below this a tensor's memory is not worth a call.
constexpr size_t kWorthLettingGo = size_t{1} << 20;

// The pages that lie wholly within these bytes of a MappedFile (core/file.h) need not stay in memory: the process is
// smaller at once, and a later reader finds the same bytes. Of other memory it must not be asked: it would lose them.
void let_go_of_mapped(const void* data, size_t bytes);

}  // namespace tarn
