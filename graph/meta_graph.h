// Writing a MetaGraphDef (.meta): a graph with its collections and saver, from which TensorFlow's import_meta_graph and
// Tarn's read_meta_graph (graph/graph_io.h) go on training.
//
//   pb::MetaGraphDef meta = export_meta_graph(graph, scope.collections());
//   *meta.mutable_saver_def() = saver_def;
//   Status status = write_file_atomically("model.ckpt-7.meta", serialize(meta));
#pragma once

#include "graph/collections.h"
#include "graph/graph.h"
#include "proto/meta_graph.pb.h"

namespace tarn {

// Every node carries `_output_shapes`, and the signatures of all ops used are in the stripped_op_list, as TensorFlow's
// export_meta_graph has it: a reader of another version tells by them which attrs it may drop.
pb::MetaGraphDef export_meta_graph(const Graph& graph, const Collections& collections);

// An op's signature as TensorFlow's OpDef.
pb::OpDef op_to_proto(const OpRegistry::Op& op);

}  // namespace tarn
