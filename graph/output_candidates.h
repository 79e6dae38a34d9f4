// What a graph is probably run for, where nobody says so: nodes that look like a model's outputs, best first.
//
//   std::vector<OutputCandidate> found = output_candidates(graph);
//   found[0].name == "softmax"; found[0].reason == "Softmax, named like an output"
//
// Left out are the nodes of training and its book-keeping: gradients, losses, metrics, summaries, savers, initializers,
// updates of variables. What counts for a node: it depends on an input and on weights, nothing of the model reads it,
// its name or op is an output's, it does not depend on labels.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn {

struct OutputCandidate {
  NodeId node = -1;
  std::string name;
  std::string reason;
  int score = 0;
  bool is_end = true;        // nothing of the model reads it
  bool is_weighted = false;  // it depends on a variable or a large constant
  bool is_scalar = false;
};

// At most `most`; none if no node depends on an input.
std::vector<OutputCandidate> output_candidates(const Graph& graph, size_t most = 10);

// The outputs of a frozen graph, best first: the ends of the model, which freezing left for being asked for.
// FailedPrecondition with the candidates where they are not of a kind (a leftover beside an output), or where there is
// none.
Result<std::vector<OutputCandidate>> choose_outputs(const Graph& graph);

// "'softmax' (Softmax, named like an output), 'fc/BiasAdd' (BiasAdd)".
std::string candidates_text(const std::vector<OutputCandidate>& candidates);

}  // namespace tarn
