// Unpacks gzip: models and data sets are often kept that way (graph.pb.gz).
//
//   if (is_gzip(bytes)) bytes = *gunzip(bytes, max_bytes);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn {

bool is_gzip(std::string_view bytes);
// ResourceExhausted as soon as the result passes `max_bytes`; DataLoss names the byte where the file is damaged.
Result<std::string> gunzip(std::string_view bytes, uint64_t max_bytes);
// The same of what should be a graph: DataLoss before much is unpacked if it begins as neither a message nor text does.
Result<std::string> gunzip_graph(std::string_view bytes, uint64_t max_bytes);

}  // namespace tarn
