// Graph files as tools take them: whatever read_any_graph() takes; and where results may be written.
//
//   TARN_ASSIGN_OR_RETURN(AnyGraph input, load_graph_file(FLAGS_input));
//   TARN_RETURN_IF_ERROR(check_output_path("output", FLAGS_output, {FLAGS_input}));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph_io.h"

namespace tarn {

Result<AnyGraph> load_graph_file(const std::string& path, const ReadOptions& options = {});

// The file's bytes, unpacked if they are gzip.
Result<std::string> read_unpacked(const std::string& path, uint64_t max_bytes);

// InvalidArgument, naming the flag, if `path` is one of the inputs (under any name), a folder, or a symbolic link.
Status check_output_path(std::string_view flag, const std::string& path, const std::vector<std::string>& inputs);

// Every file that a graph came from or belongs to: its own, its checkpoint's, its assets. A folder or a prefix names
// none of them, so that only who has read it knows where not to write.
std::vector<std::string> files_of(const AnyGraph& input);
// Those of the checkpoint with this prefix, of either version, its .meta and the `checkpoint` file beside it.
std::vector<std::string> files_of_checkpoint(const std::string& prefix);

// The checkpoint that lies with a graph which does not say its name: the one of its name, else the folder's latest or
// only one. "" if there is none.
std::string checkpoint_beside(const AnyGraph& graph);

bool has_variables(const Graph& graph);

// NotFound, naming the flag, the file and the nearest names, if a name ("x" or "x:0") is no node of the graph.
Status check_nodes(std::string_view flag, const std::vector<std::string>& names, const Graph& graph,
                   const std::string& path);

// FailedPrecondition, naming them, if `outputs` depend on variables.
Status check_frozen(const Graph& graph, const std::vector<std::string>& outputs);

// An error of running a graph, with its file's name unless it has that already or blames a flag.
Status graph_error(const Status& status, const std::string& path);
// The same of the engine, which runs frozen graphs: says so where variables that `outputs` (none: any node) depend on
// have no value.
Status engine_error(const Status& status, const std::string& path, const std::vector<std::string>& outputs);

}  // namespace tarn
