// Graph files: read whatever form they have, write the one the extension names.
//
//   Result<Graph> graph = read_graph("frozen.pb");          // or graph.pbtxt, or graph.txt (graph/text.h)
//   Status status = write_graph(*graph, "frozen.pbtxt");
//
// The form is told by the content. A file that is something else (an archive, a picture, a checkpoint, a page that the
// server sent instead) is refused by what it is. Writing is atomic: the old file or the new one, never half of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/collections.h"
#include "graph/graph.h"

namespace tarn {

struct ReadOptions {
  bool allow_unknown_ops = false;                // keep nodes whose op this binary does not have (viewers)
  const OpRegistry* ops = nullptr;               // null: all_ops()
  uint64_t max_bytes = (uint64_t{2} << 30) - 1;  // of the file; protobuf's own limit
  int64_t max_nodes = 1'000'000;
};

Result<Graph> read_graph(const std::string& path, const ReadOptions& options = {});

// A MetaGraph (.meta, as TensorFlow's Saver writes it; binary or text).
struct MetaGraph {
  struct Saver {
    std::string filename_tensor;  // "save/Const:0"
    std::string save_tensor;      // "save/control_dependency:0"
    std::string restore_op;       // "save/restore_all"
    int version = 2;              // of the checkpoint format: 1 or 2
  };
  Graph graph;
  Collections collections;
  std::optional<Saver> saver;
  std::vector<std::string> tags;
  std::string tensorflow_version;
};

// Attrs that our ops do not have are dropped where they hold the default of the TensorFlow that wrote the file.
Result<MetaGraph> read_meta_graph(const std::string& path, const ReadOptions& options = {});

// The same for bytes at hand; `source` opens every message.
Result<Graph> parse_graph(std::string bytes, const std::string& source, const ReadOptions& options = {});
Result<MetaGraph> parse_meta_graph(std::string bytes, const std::string& source, const ReadOptions& options = {});

// Whatever holds a graph, told by its content: a GraphDef, a MetaGraph, Tarn's text.
struct AnyGraph {
  Graph graph;
  std::optional<MetaGraph::Saver> saver;  // of a MetaGraph
  bool is_meta_graph = false;
};
Result<AnyGraph> read_any_graph(const std::string& path, const ReadOptions& options = {});
Result<AnyGraph> parse_any_graph(std::string bytes, const std::string& source, const ReadOptions& options = {});

enum class GraphFormat {
  kByExtension,  // .pbtxt, .prototxt: text proto; .txt, .graph: Tarn's text; anything else: binary
  kBinary,
  kPbtxt,
  kText,
};

Status write_graph(const Graph& graph, const std::string& path, GraphFormat format = GraphFormat::kByExtension);
// What write_graph would put there.
Result<std::string> graph_bytes(const Graph& graph, GraphFormat format);

// TensorFlow's tf.train.write_graph: makes `dir` if need be, writes `dir`/`name`, returns that path. Without `as_text`
// the extension decides.
Result<std::string> WriteGraph(const Graph& graph, const std::string& dir, const std::string& name,
                               std::optional<bool> as_text = std::nullopt);

}  // namespace tarn
