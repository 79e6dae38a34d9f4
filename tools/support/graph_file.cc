#include "tools/support/graph_file.h"

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "graph/checkpoint_state.h"
#include "graph/file_kind.h"
#include "graph/gzip.h"
#include "graph/variable_values.h"

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
  return read_any_graph(path, options);
}

Status check_output_path(std::string_view flag, const std::string& path, const std::vector<std::string>& inputs) {
  if (dir_exists(path)) return invalid_argument("--", flag, ": ", tarn::quoted(path), " is a folder");
  for (const std::string& input : inputs) {
    std::error_code ignored;
    if (!input.empty() && (path == input || std::filesystem::equivalent(path, input, ignored))) {
      return invalid_argument("--", flag, ": ", tarn::quoted(path), " is the input itself; name another file");
    }
  }
  // The file is put in place under its name, and would take the link's place.
  std::error_code ignored;
  if (std::filesystem::is_symlink(path, ignored)) {
    return invalid_argument("--", flag, ": ", tarn::quoted(path), " is a link to ",
                            tarn::quoted(std::filesystem::read_symlink(path, ignored).string()),
                            ": name the file itself");
  }
  return {};
}

std::vector<std::string> files_of_checkpoint(const std::string& prefix) {
  if (prefix.empty()) return {};
  std::string folder = path_dir(prefix), start = path_name(prefix);
  std::vector<std::string> files;
  for (const std::string& name : list_dir(folder).value_or({})) {
    std::string_view rest = std::string_view(name).substr(std::min(start.size(), name.size()));
    bool is_shard =
        rest.starts_with(".data-") || (rest.starts_with("-") && rest.find("-of-") != std::string_view::npos);
    bool is_its = name.starts_with(start) && (rest.empty() || rest == ".index" || rest == ".meta" || is_shard);
    if (is_its || name == kCheckpointStateName) files.push_back(path_join(folder, name));
  }
  return files;
}

std::vector<std::string> files_of(const AnyGraph& input) {
  std::vector<std::string> files = files_of_checkpoint(input.checkpoint);
  files.push_back(input.file);
  for (const MetaGraph::Asset& asset : input.assets) files.push_back(asset.filename);
  return files;
}

bool has_variables(const Graph& graph) {
  std::vector<NodeId> ids = graph.ids();
  return std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return is_variable(graph.node(id)); });
}

std::string checkpoint_beside(const AnyGraph& graph) {
  if (graph.form == AnyGraph::Form::kSavedModel) return {};
  std::string name = graph.file;
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  constexpr std::string_view kMeta = ".meta";
  if (name.ends_with(kMeta)) {
    name.resize(name.size() - kMeta.size());
    return checkpoint_exists(name) ? name : "";  // another one is of another graph or step
  }
  return find_checkpoint(path_dir(graph.file)).value_or("");
}

Status check_nodes(std::string_view flag, const std::vector<std::string>& names, const Graph& graph,
                   const std::string& path) {
  Problems problems;
  for (const std::string& name : names) problems.add(graph.find_node(name).status());
  return problems.to_status(str_cat(printable(path), ": --", flag));
}

Status graph_error(const Status& status, const std::string& path) {
  if (status.ok() || status.message().starts_with("--")) return status;
  bool is_named =
      status.message().starts_with(path + ":") || status.message().find(tarn::quoted(path)) != std::string::npos;
  return is_named ? status : status.with_context(path);
}

Status engine_error(const Status& status, const std::string& path, const std::vector<std::string>& outputs) {
  if (status.ok() || status.message().starts_with("--")) return status;
  Status named = graph_error(status, path);
  // Whatever else goes wrong goes wrong in a frozen graph too.
  bool lacks_value = status.message().find("Attempting to use uninitialized value") != std::string::npos ||
                     status.message().find("has its value in a checkpoint") != std::string::npos;
  if (!lacks_value) return named;
  Result<AnyGraph> any = load_graph_file(path, {.allow_unknown_ops = true});
  if (!any.ok()) return named;
  std::vector<NodeId> targets;
  for (const std::string& output : outputs) {
    if (Result<NodeId> id = any->graph.find_node(output); id.ok()) targets.push_back(*id);
  }
  std::vector<bool> needed = ancestors(any->graph, targets);
  for (NodeId id : any->graph.ids()) {
    if ((!targets.empty() && !needed[static_cast<size_t>(id)]) || !is_variable(any->graph.node(id))) continue;
    return Status(named.code(), str_cat(named.message(),
                                        "; the graph is not frozen: freeze it with freeze_graph, or give "
                                        "--executor=session --checkpoint=…"));
  }
  return named;
}

Status check_frozen(const Graph& graph, const std::vector<std::string>& outputs) {
  std::vector<NodeId> targets;
  Problems problems;
  for (const std::string& output : outputs) {
    Result<NodeId> id = graph.find_node(output);
    problems.add(id.status());
    if (id.ok()) targets.push_back(*id);
  }
  TARN_RETURN_IF_ERROR(problems.to_status("outputs"));
  std::vector<bool> needed = ancestors(graph, targets);
  std::vector<std::string> variables;
  for (NodeId id : graph.ids()) {
    if (needed[static_cast<size_t>(id)] && is_variable(graph.node(id)))
      variables.push_back(tarn::quoted(graph.node(id).name));
  }
  if (variables.empty()) return {};
  constexpr size_t kMostShown = 3;
  size_t count = variables.size();
  variables.resize(std::min(count, kMostShown));
  return failed_precondition("the outputs depend on ", count, " variables (", str_join(variables),
                             count > kMostShown ? ", …" : "", "): freeze the graph first (freeze_graph)");
}

}  // namespace tarn
