// Memory for constant weights that a kernel lays out anew: pieces lie side by side in chunks of huge pages (where the
// system has them), since all of a network's weights are read in every run, and finding small pages takes a tenth of
// it.
//
//   TARN_ASSIGN_OR_RETURN(std::shared_ptr<void> memory, packed_memory(bytes));  // 64-byte aligned, not initialised
//
// A chunk is given back with the last of its pieces. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>

#include "core/status.h"

namespace tarn {

// Errors: ResourceExhausted if memory is short.
Result<std::shared_ptr<void>> packed_memory(size_t bytes);

}  // namespace tarn
