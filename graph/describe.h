// What summarize_graph of TensorFlow does not say of a graph, and one wants to know before freezing or shipping it:
// modes that must be chosen, what feeds it, pictures decoded inside, likely outputs, what behaves otherwise in
// training, cost.
//
//   print(*summarize_graph(graph, path), describe_graph(graph));
//   // Mode placeholders: 2
//   //   is_training (bool): chooses at 4 nodes: bn/cond/Switch, …
//   //   keep_prob (float): sets how much dropout drops: dropout/add
//
// Everything is judged by use, not by name. Lines about what a graph does not have are left out.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// A Placeholder that nobody wants to feed in an app: it only says whether this is training.
struct ModePlaceholder {
  enum class Kind {
    kChoice,   // chooses a branch: is_training, Keras' learning phase
    kDropout,  // dropout's probability to keep, or to drop
  };
  NodeId node = -1;
  Kind kind = Kind::kChoice;
  // The nodes it decides at: Switch, If, Select; for kDropout those that compare it with random numbers.
  std::vector<NodeId> decides = {};
};
// Scalars (or of unknown shape) that through Identity, Cast, logic and the like come to nothing but such nodes.
std::vector<ModePlaceholder> mode_placeholders(const Graph& graph);

// A picture, a sound or a record is decoded inside the graph.
struct DecodedInput {
  NodeId decoder = -1;
  // What to feed instead: of a picture the tensor behind all of its preparation, of anything else the first tensor of
  // floating-point numbers. None: there is no such tensor.
  Wire feed = {};
  std::string preparation = {};  // what is done up to there, of a picture (graph/freeze_inputs.h)
};
std::vector<DecodedInput> decoded_inputs(const Graph& graph, const std::vector<bool>& needed);

// Nodes where values of a dropout layer are dropped: Mul or Select of x by random numbers compared with a probability.
std::vector<NodeId> dropout_nodes(const Graph& graph);
// Batch norms that use (and learn) the statistics of the batch: fused ones in training mode, and moments of unfused
// ones.
std::vector<NodeId> training_batch_norms(const Graph& graph);

// All of it as lines. Counted is what the likely outputs (graph/output_candidates.h) need; all, if there are none.
std::string describe_graph(const Graph& graph);

}  // namespace tarn
