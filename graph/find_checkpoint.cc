// find_checkpoint(): what people call a checkpoint, and the prefix they mean.
#include <algorithm>
#include <set>

#include "core/file.h"
#include "graph/checkpoint_source.h"
#include "graph/checkpoint_state.h"
#include "graph/file_kind.h"
#include "graph/variable_values.h"

namespace tarn {
namespace {

constexpr std::string_view kIndex = ".index";

bool is_there(const std::string& prefix) {
  if (file_exists(checkpoint_index_path(prefix))) return true;
  Result<std::vector<std::string>> shards = v1_shards(prefix);
  return !shards.ok() || !shards->empty();  // what is wrong with them is said when they are opened
}

// "m.data-00000-of-00001" -> "m"; "m-00000-of-00002" -> "m"; "m.index", "m.meta" -> "m".
std::vector<std::string> candidates_of(const std::string& path) {
  std::vector<std::string> candidates;
  constexpr std::string_view kData = ".data-";
  size_t at = path.rfind(kData);
  if (at != std::string::npos && path.find('/', at) == std::string::npos) candidates.push_back(path.substr(0, at));
  constexpr size_t kShardSuffix = 15;  // -00000-of-00002
  if (path.size() > kShardSuffix && path.substr(path.size() - 9, 4) == "-of-" &&
      path[path.size() - kShardSuffix] == '-')
    candidates.push_back(path.substr(0, path.size() - kShardSuffix));
  for (std::string_view suffix : {kIndex, std::string_view(".meta")}) {
    if (path.ends_with(suffix)) candidates.push_back(path.substr(0, path.size() - suffix.size()));
  }
  return candidates;
}

std::vector<std::string> prefixes_in(const std::string& folder) {
  std::vector<std::string> prefixes;
  for (const std::string& name : list_dir(folder).value_or({})) {
    if (name.ends_with(kIndex)) prefixes.push_back(name.substr(0, name.size() - kIndex.size()));
  }
  return prefixes;
}

Result<std::string> find_in_folder(const std::string& folder) {
  if (file_exists(path_join(folder, kCheckpointStateName))) return latest_checkpoint(folder);
  for (std::string_view inside : {"variables/variables", "variables"}) {  // a SavedModel, or its folder of variables
    if (std::string prefix = path_join(folder, inside); file_exists(checkpoint_index_path(prefix))) return prefix;
  }
  std::vector<std::string> prefixes = prefixes_in(folder);
  if (prefixes.size() == 1) return path_join(folder, prefixes[0]);
  std::string text = str_cat("Input checkpoint ", quoted(folder), " is a folder without a 'checkpoint' file");
  if (prefixes.empty()) return not_found(text, ": give a prefix");
  constexpr size_t kMostShown = 5;
  std::vector<std::string> shown;
  for (const std::string& prefix : prefixes) {
    if (shown.size() < kMostShown) shown.push_back(quoted(prefix));
  }
  return not_found(text, " and with ", prefixes.size(), " checkpoints: name one of ", str_join(shown),
                   prefixes.size() > kMostShown ? ", …" : "");
}

bool is_state_file(const std::string& path) {
  constexpr uint64_t kMostBytes = uint64_t{16} << 20;
  Result<uint64_t> size = file_size(path);
  if (!size.ok() || *size > kMostBytes) return false;
  Result<std::string> bytes = read_file(path, kMostBytes);
  return bytes.ok() && sniff(*bytes).kind == FileKind::kCheckpointState;
}

// "; 'm.data-00000-of-00001' is there, but not its index 'm.index'", or what is near.
std::string beside_text(const std::string& prefix) {
  std::string index = path_name(checkpoint_index_path(prefix));
  for (const std::string& name : list_dir(path_dir(prefix)).value_or({})) {
    if (!name.starts_with(path_name(prefix) + ".data-")) continue;
    bool is_packed = file_exists(checkpoint_index_path(prefix) + ".gz");
    return str_cat(": ", quoted(name), " is there, but not the index ", quoted(index),
                   ", without which it cannot be read",
                   is_packed ? str_cat(" (unpack ", quoted(index + ".gz"), " first)") : "");
  }
  return did_you_mean(path_name(prefix), prefixes_in(path_dir(prefix)));
}

}  // namespace

Result<std::string> find_checkpoint(const std::string& path) {
  if (file_exists(checkpoint_index_path(path))) return path;  // a prefix may itself end like one of its files
  if (dir_exists(path)) return find_in_folder(path);
  for (const std::string& candidate : candidates_of(path)) {
    if (is_there(candidate)) return candidate;
  }
  if (file_exists(path)) {
    if (is_state_file(path)) return latest_checkpoint(path_dir(path), path_name(path));
    // The .meta of a V1 checkpoint lies beside the one file that it is.
    constexpr std::string_view kMeta = ".meta";
    std::string without = path.ends_with(kMeta) ? path.substr(0, path.size() - kMeta.size()) : "";
    return !without.empty() && file_exists(without) ? without : path;
  }
  if (is_there(path)) return path;
  return not_found("Input checkpoint ", quoted(path), " doesn't exist!", beside_text(path));
}

}  // namespace tarn
