// What a frozen graph is fed where the graph fed itself: batches of queues and iterators, and pictures behind the
// decoding of a file. Used by graph/freeze.h.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// A wire that becomes a Placeholder; the first output of a node keeps the node's name.
struct ModelInput {
  Wire wire;
  std::string name;
  DType dtype = DType::kInvalid;
  Shape shape = Shape::unknown();
  std::string preprocessing = {};  // see image_inputs()
  NodeId decoder = -1;             // of a picture: what decodes it
};

// What `needed` nodes read from queues, iterators and readers, and what of them is among `outputs` (its first output
// then): an element's dtype and shape, with the batch dimension that DequeueMany and DequeueUpTo put in front.
std::vector<ModelInput> queue_inputs(const Graph& graph, const std::vector<bool>& needed,
                                     std::span<const NodeId> outputs);

// DecodeJpeg and its like.
bool decodes_picture(std::string_view op);

// Where pictures come out of DecodeJpeg and its like and the usual preparation (casts, resizing, a mean taken off, a
// scale): the last wire of it. What was cut off is kept as text, in order, with the numbers that an app needs:
//   "DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 299x299; Sub 128; Mul 0.0078125"
// It becomes the Placeholder's attr `_preprocessing`, which TensorFlow ignores.
struct ImageInputs {
  std::vector<ModelInput> inputs;
  // Decoders that stay: in a while loop there is a picture an iteration, which one input cannot give.
  std::vector<std::string> in_loops;
};
ImageInputs image_inputs(const Graph& graph, const std::vector<bool>& needed);

}  // namespace tarn
