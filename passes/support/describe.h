// What summarize_graph of TensorFlow does not say of a graph, and one wants to know before freezing or shipping it:
// modes that must be chosen, what feeds it, pictures decoded inside, likely outputs, what behaves otherwise in
// training, cost.
//
//   print(*summarize_graph(graph, path), describe_graph(graph));
//   // Mode placeholders: 2
//   //   is_training (bool): false at inference: only decides branches: 4 nodes: bn/cond/Switch, …
//   //   keep_prob (float): 1 at inference: only the keep probability of dropout: 1 node: dropout/mul
//
// Modes are those of passes/support/modes.h, which fold_mode_placeholders folds. Lines about what a graph does not have
// are left out.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// A picture, a sound or a record is decoded inside the graph.
struct DecodedInput {
  NodeId decoder = -1;
  // What to feed instead: of a picture the tensor behind all of its preparation, of anything else the first tensor of
  // floating-point numbers. None: there is no such tensor.
  Wire feed = {};
  std::string preparation = {};  // what is done up to there, of a picture (graph/freeze_inputs.h)
};
std::vector<DecodedInput> decoded_inputs(const Graph& graph, const std::vector<bool>& needed);

// Batch norms that use (and learn) the statistics of the batch: fused ones in training mode, and moments of unfused
// ones.
std::vector<NodeId> training_batch_norms(const Graph& graph);

// All of it as lines. Counted is what the likely outputs (graph/output_candidates.h) need; all, if there are none.
std::string describe_graph(const Graph& graph);

}  // namespace tarn
