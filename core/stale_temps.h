// What killed processes had written so far to files that were to replace others (AtomicFile, core/file.h).
//
//   TARN_ASSIGN_OR_RETURN(std::vector<StaleTemp> left, read_stale_temps("train", 1 << 20));
//
// sweep_stale_temps() removes such files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"

namespace tarn {

struct StaleTemp {
  std::string target;  // the path that it was to become
  std::string bytes;
};

// The temporary files in `dir` of at most `max_bytes` whose process is gone.
Result<std::vector<StaleTemp>> read_stale_temps(const std::string& dir, uint64_t max_bytes);

// `file` is to be found by them even if a signal ends this process: remove_unfinished_files() leaves it.
void leave_when_killed(const AtomicFile& file);

}  // namespace tarn
