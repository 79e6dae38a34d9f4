// The files that a graph may read while a tool runs or freezes it: tables are filled from vocabularies.
//
//   ModelFiles files({.assets = any.file, .folder = FLAGS_files_dir});
//   session_options.files = &files;
//
// A graph from elsewhere has no business with other files of this machine. Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "core/services.h"
#include "graph/freeze_tables.h"
#include "graph/graph_io.h"

namespace tarn {

struct FileAccess {
  bool any = false;    // whatever the graph names
  std::string folder;  // where files lie, each under the last part of the name that the graph has for it
};

class ModelFiles : public FileReader {
 public:
  // Besides, of a SavedModel what is in its folder assets/; links that lead out of it are refused.
  explicit ModelFiles(FileAccess access, const AnyGraph& graph);
  // Unimplemented, with the flags that would allow it, as where no file may be read at all: a model without the table
  // may do.
  Result<std::string> read(const std::string& path) override;
  // Files read so far.
  const std::vector<std::string>& read_paths() const { return read_paths_; }

 private:
  Result<std::string> path_of(const std::string& path) const;

  FileAccess access_;
  std::string assets_;  // a folder; empty if there is none
  std::vector<std::string> read_paths_;
};

// What freezing needs to know of `graph` for its tables, but for a checkpoint's prefix. `files` must outlive it.
TableSources table_sources(const AnyGraph& graph, FileReader& files);

}  // namespace tarn
