// What the readers of graph files share; no header for others.
#pragma once

#include <string>
#include <vector>

#include "graph/graph_def.h"
#include "graph/graph_io.h"
#include "graph/wire_scan.h"
#include "proto/meta_graph.pb.h"

namespace tarn {

ImportOptions import_options(const std::string& source, const ReadOptions& options, std::vector<std::string>* notes);
ScanLimits scan_limits(const ReadOptions& options);
// The file's bytes, unpacked if they are gzip.
Result<std::string> read_model_file(const std::string& path, const ReadOptions& options);
// Takes the message's pieces.
Result<MetaGraph> import_meta_graph(pb::MetaGraphDef& def, const std::string& source, const ReadOptions& options);

}  // namespace tarn
