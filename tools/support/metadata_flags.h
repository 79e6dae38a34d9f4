// What flags ask to be told of a model: reads the files that they name, and changes a graph's metadata.
//
//   MetadataChanges changes{.labels = FLAGS_labels, .set = {{"mean", "127.5"}}};
//   TARN_RETURN_IF_ERROR(change_metadata(metadata, changes, graph, path));
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/graph_io.h"
#include "runtime/metadata.h"

namespace tarn {

struct MetadataChanges {
  std::string json = {};    // a file as `model_info --json` prints it; what it tells goes in place of what was told
  std::string labels = {};  // a file with a label a line, for the only output
  // Keys of runtime/metadata.h, or a field alone of a graph with one input and one output.
  std::vector<std::pair<std::string, std::string>> set = {};
  std::vector<std::string> unset = {};

  // Reads the files for nothing but their errors, before long work.
  Status check_files() const;
  bool empty() const { return json.empty() && labels.empty() && set.empty() && unset.empty(); }
};

// The graph says which inputs and outputs there are: NotFound, naming `path` and the nearest names, of others;
// InvalidArgument of labels that are not as many as the output has scores, and of means that are not as many as the
// input has channels. `outputs` are the ends of the graph if they are known.
Status change_metadata(Metadata& metadata, const MetadataChanges& changes, const Graph& graph, const std::string& path,
                       const std::vector<std::string>& outputs = {});

// DataLoss or InvalidArgument with the place in the text.
Result<Metadata> metadata_from_json(std::string_view text);
// A label a line; Windows' line ends and an empty last line are none.
Result<std::vector<std::string>> read_labels(const std::string& path);

// What will not be in the file that the graph is written to, a sentence each; what is told of inputs and outputs that
// are gone is dropped from the graph.
std::vector<std::string> drop_untrue_metadata(Graph& graph, const std::string& path, GraphFormat format);

// For a person: "author: …", a line each, with `indent` before it; long lists are cut.
std::string metadata_lines(const std::vector<MetadataField>& fields, std::string_view indent);

}  // namespace tarn
