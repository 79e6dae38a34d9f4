#include "tools/support/model_files.h"

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "graph/session.h"

namespace tarn {
namespace {

bool is_below(const std::string& folder, const std::string& path) {
  std::error_code error;
  std::filesystem::path file = std::filesystem::weakly_canonical(path, error);
  if (error) return false;
  std::filesystem::path top = std::filesystem::canonical(folder, error);
  if (error) return false;
  return std::mismatch(top.begin(), top.end(), file.begin(), file.end()).first == top.end();
}

// The last part of a path, of this system or of Windows; empty if it is no file's name.
std::string last_part(const std::string& path) {
  std::string name = path.substr(path.find_last_of("/\\") + 1);
  return name == "." || name == ".." ? "" : name;
}

}  // namespace

ModelFiles::ModelFiles(FileAccess access, const AnyGraph& graph) : access_(std::move(access)) {
  if (graph.form == AnyGraph::Form::kSavedModel) assets_ = path_join(path_dir(graph.file), "assets");
}

Result<std::string> ModelFiles::path_of(const std::string& path) const {
  if (!assets_.empty() && is_below(assets_, path)) return path;
  std::string name = last_part(path);
  std::string in_folder = access_.folder.empty() || name.empty() ? "" : path_join(access_.folder, name);
  if (!in_folder.empty() && (file_exists(in_folder) || !access_.any)) return in_folder;
  if (access_.any) return path;
  return unimplemented("the graph may not read ", tarn::quoted(path),
                       assets_.empty() ? "" : ", which is not in its assets/",
                       ": --files_dir=FOLDER says where it lies, --allow_files allows all files");
}

Result<std::string> ModelFiles::read(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string file, path_of(path));
  TARN_ASSIGN_OR_RETURN(std::string bytes, disk_files().read(file));
  if (std::find(read_paths_.begin(), read_paths_.end(), file) == read_paths_.end()) read_paths_.push_back(file);
  return bytes;
}

TableSources table_sources(const AnyGraph& graph, FileReader& files) {
  TableSources sources;
  sources.files = &files;
  for (const MetaGraph::Asset& asset : graph.assets)
    sources.feeds.emplace_back(asset.tensor, Tensor::scalar<std::string>(asset.filename));
  sources.initializers = graph.collections.node_names("table_initializer");
  if (!graph.init_op.empty()) sources.later_initializers.push_back(graph.init_op);
  sources.initializers.emplace_back("init_all_tables");  // as TensorFlow calls it, also where no collection is left
  return sources;
}

}  // namespace tarn
