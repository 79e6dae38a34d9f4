// GraphDef <-> Graph, in memory. For files see graph/graph_io.h.
//
//   Result<Graph> graph = import_graph_def(def, {.source = "frozen.pb"});
//   pb::GraphDef again = export_graph_def(*graph);
//   std::string bytes = serialize(again);          // same graph, same bytes
//
// Import finds everything that is wrong with a GraphDef in one go: names, inputs, unknown ops, cycles, attrs, types and
// shapes. The nodes keep the file's order (Graph::ids()), whatever it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "proto/graph.pb.h"

namespace tarn {

struct ImportOptions {
  // Keep nodes whose op this binary does not have (viewers). Otherwise all such ops are named in one error.
  bool allow_unknown_ops = false;
  std::string source = "graph";     // opens every message: the file's name
  const OpRegistry* ops = nullptr;  // null: all_ops()
  int64_t max_nodes = 1'000'000;
  int max_attr_depth = 16;                      // function attrs within function attrs
  int64_t max_tensor_bytes = int64_t{4} << 30;  // of all constants: a few bytes of proto can stand for any number
  std::vector<std::string>* notes = nullptr;    // gets what was ignored, a sentence each
};

Result<Graph> import_graph_def(const pb::GraphDef& def, const ImportOptions& options = {});

struct ExportOptions {
  enum class Defaults {
    // Attrs that came to an op after its first release are left out where they say what was always done, so that older
    // readers open the file. The others stay: readers without TensorFlow's op table (OpenCV) count on them.
    kDropNewer,
    kDropAll,  // as TensorFlow's strip_default_attrs, but attrs that hold dtypes stay
    kKeep,
  };
  Defaults defaults = Defaults::kDropNewer;
  // For graphs without a producer version. 27: TensorFlow 1.8 to 1.12, so every reader since 1.8 takes the file. Not
  // set on a graph with an op that was deprecated by then (readers let those pass only if the version is unknown).
  int producer = 27;
};

// A protobuf message has less than 2 GiB: ResourceExhausted, naming the largest constants, if those of the graph alone
// have more. To be asked before export_graph_def(), which cannot hold them either.
Status expect_fits_proto(const Graph& graph);

// Nodes in the order of Graph::ids(), control inputs after data inputs.
pb::GraphDef export_graph_def(const Graph& graph, const ExportOptions& options = {});
// Its parts, for who cannot hold all constants a second time: one node, and everything else.
// `but_attr` is left out.
pb::NodeDef export_node_def(const Graph& graph, NodeId id, const ExportOptions& options = {},
                            std::string_view but_attr = {});
pb::GraphDef export_without_nodes(const Graph& graph, const ExportOptions& options = {});

// The bytes of a message, with its maps in sorted order.
std::string serialize(const google::protobuf::Message& message);

// A single attr. `depth`: how many function attrs may nest. Constants take their memory from `tensor_bytes`.
Result<AttrValue> attr_from_proto(const pb::AttrValue& proto, int depth, int64_t& tensor_bytes);
pb::AttrValue attr_to_proto(const AttrValue& value);

}  // namespace tarn
