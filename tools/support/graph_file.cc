#include "tools/support/graph_file.h"

#include <filesystem>

#include "core/file.h"
#include "graph/file_kind.h"
#include "tools/support/gzip.h"

namespace tarn {

Result<std::string> read_unpacked(const std::string& path, uint64_t max_bytes) {
  Result<std::string> bytes = read_file(path, max_bytes);
  if (!bytes.ok()) return Status(bytes.status().code(), str_cat(bytes.status().message(), path_hint(path)));
  if (!is_gzip(*bytes)) return bytes;
  Result<std::string> unpacked = gunzip(*bytes, max_bytes);
  if (!unpacked.ok()) return unpacked.status().with_context(path);
  return unpacked;
}

Result<AnyGraph> load_graph_file(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_unpacked(path, options.max_bytes));
  return parse_any_graph(std::move(bytes), path, options);
}

Status check_output_path(std::string_view flag, const std::string& path, const std::vector<std::string>& inputs) {
  if (dir_exists(path)) return invalid_argument("--", flag, ": ", tarn::quoted(path), " is a folder");
  for (const std::string& input : inputs) {
    std::error_code ignored;
    if (!input.empty() && (path == input || std::filesystem::equivalent(path, input, ignored))) {
      return invalid_argument("--", flag, ": ", tarn::quoted(path), " is the input itself; name another file");
    }
  }
  return {};
}

}  // namespace tarn
