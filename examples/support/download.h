// Fetches a file with the `curl` program: time limits, a checksum, and a temporary name until all is well.
//
//   Status s = download({"https://a/x.gz", "https://b/x.gz"}, "data/x.gz", "8d42…", [](std::string_view line) { … });
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn::examples {

// Tries the URLs in turn (https, or file for tests). The file appears under `path` only with the right checksum.
// Errors: Unavailable, listing what went wrong with each URL.
Status download(const std::vector<std::string>& urls, const std::string& path, std::string_view sha256,
                const std::function<void(std::string_view line)>& log);

}  // namespace tarn::examples
