// What killed processes had written so far to files that were to replace others (AtomicFile, core/file.h).
//
//   TARN_ASSIGN_OR_RETURN(std::vector<std::string> texts, read_stale_temps("train/checkpoint"));
//
// sweep_stale_temps() removes such files.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace tarn {

// The bytes of each temporary file that was to become `path` and whose process is gone.
Result<std::vector<std::string>> read_stale_temps(const std::string& path);

}  // namespace tarn
