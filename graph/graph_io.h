// Graph files: read whatever form they have, write the one the extension names.
//
//   Result<Graph> graph = read_graph("frozen.pb");          // or graph.pbtxt, or graph.txt (graph/text.h)
//   Result<AnyGraph> model = read_any_graph("export/1");    // whatever holds a graph: here a SavedModel
//   Status status = write_graph(*graph, "frozen.pbtxt");
//
// The form is told by the content, gzip is unpacked. A file that is something else (an archive, a picture, a page that
// the server sent instead) is refused by what it is. Writing is atomic: the old file or the new one, never half of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "graph/collections.h"
#include "graph/graph.h"
#include "graph/signature.h"

namespace tarn {

struct ReadOptions {
  bool allow_unknown_ops = false;                // keep nodes whose op this binary does not have (viewers)
  const OpRegistry* ops = nullptr;               // null: all_ops()
  uint64_t max_bytes = (uint64_t{2} << 30) - 1;  // of the file; protobuf's own limit
  int64_t max_nodes = 1'000'000;
  // The SavedModel's graph with exactly these tags ({""}: with no tag); none: the only graph, or the one for serving.
  std::vector<std::string> tags = {};
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
  struct Asset {
    std::string tensor;    // to be fed the file's path when the model is initialised
    std::string filename;  // in the SavedModel's folder assets/
  };
  std::optional<Saver> saver;
  Signatures signatures;
  std::vector<Asset> assets;
  std::string init_op;  // of a SavedModel: to be run once the variables are restored; may be empty
  std::vector<std::string> tags;
  std::string tensorflow_version;
  std::vector<std::string> notes;  // what was ignored, a sentence each
};

// Attrs that our ops do not have are dropped where they hold the default of the TensorFlow that wrote the file.
Result<MetaGraph> read_meta_graph(const std::string& path, const ReadOptions& options = {});

// The same for bytes at hand; `source` opens every message, `notes` gets what was ignored, a sentence each.
Result<Graph> parse_graph(std::string bytes, const std::string& source, const ReadOptions& options = {},
                          std::vector<std::string>* notes = nullptr);
Result<MetaGraph> parse_meta_graph(std::string bytes, const std::string& source, const ReadOptions& options = {});

// Whatever holds a graph, told by its content: a GraphDef, a MetaGraph, a SavedModel (its folder or its file), Tarn's
// text; of a checkpoint, under any of its names, the .meta beside it. Bytes at hand bring no checkpoint.
struct AnyGraph {
  enum class Form { kGraph, kMetaGraph, kSavedModel };
  Form form = Form::kGraph;
  Graph graph;
  // Of a MetaGraph or SavedModel:
  std::optional<MetaGraph::Saver> saver;
  Collections collections;
  Signatures signatures;
  std::vector<MetaGraph::Asset> assets;
  std::string init_op;
  std::vector<std::string> tags;
  std::string file;                // that was read
  uint64_t bytes = 0;              // of it, unpacked
  std::string checkpoint;          // the prefix that belongs to the graph, if there is one
  std::vector<std::string> notes;  // what was ignored, a sentence each

  bool is_meta_graph() const { return form != Form::kGraph; }
};
Result<AnyGraph> read_any_graph(const std::string& path, const ReadOptions& options = {});
Result<AnyGraph> parse_any_graph(std::string bytes, const std::string& source, const ReadOptions& options = {});
// Of a SavedModel: the tags of each of its graphs.
Result<std::vector<std::vector<std::string>>> saved_model_tags(const std::string& path);

enum class GraphFormat {
  kByExtension,  // .pbtxt, .prototxt: text proto; .txt, .graph: Tarn's text; anything else: binary
  kBinary,
  kPbtxt,
  kText,
};

// What kByExtension comes to.
GraphFormat graph_format_of(std::string_view path);

Status write_graph(const Graph& graph, const std::string& path, GraphFormat format = GraphFormat::kByExtension);
// The same up to the file's commit(), which puts it in place: for who may yet think better of it.
Result<AtomicFile> write_graph_aside(const Graph& graph, const std::string& path,
                                     GraphFormat format = GraphFormat::kByExtension);
// What write_graph would put there.
Result<std::string> graph_bytes(const Graph& graph, GraphFormat format);

// TensorFlow's tf.train.write_graph: makes `dir` if need be, writes `dir`/`name`, returns that path. Without `as_text`
// the extension decides.
Result<std::string> WriteGraph(const Graph& graph, const std::string& dir, const std::string& name,
                               std::optional<bool> as_text = std::nullopt);

}  // namespace tarn
