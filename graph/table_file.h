// Table files (LevelDB's format): what a checkpoint's .index is, and a whole V1 checkpoint.
//
//   TARN_RETURN_IF_ERROR(visit_table(bytes, [&](std::string_view key, std::string_view value) { …; return Status();
//   })); std::string bytes = *build_table({{"", header}, {"weights", entry}});
//
// leveldb::Table decodes the entries. It trusts sizes that it should not, so everything it would trust is checked here
// first: after that a table is either read whole or refused with the byte that is wrong, and no byte goes unchecked.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn {

constexpr size_t kMaxTableKeyBytes = size_t{64} << 10;

// Calls `visit` for every entry in order of keys, which are strictly increasing; stops at its first error. Views live
// for that call only. Errors say the offset and what is there; the caller adds the file.
Status visit_table(std::string_view bytes,
                   const std::function<Status(std::string_view key, std::string_view value)>& visit);

// The bytes TensorFlow would write for these entries: blocks of 256 KiB, not compressed.
Result<std::string> build_table(const std::map<std::string, std::string>& entries);

}  // namespace tarn
