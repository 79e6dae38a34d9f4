// Whether a GraphDef's `versions` let this reader have it: the same verdict for both readers (graph/graph_def and
// runtime/wire).
#pragma once

#include <span>

#include "core/status.h"

namespace tarn {

// Of TensorFlow 2.15.1, whose op signatures ours are. A file that asks for more is newer than we are.
constexpr int kConsumerVersion = 1645;

// Up to this producer version nothing tells a Placeholder of a scalar from one of unknown shape: both say [].
constexpr int kLastProducerWithVagueShapes = 21;

Status check_graph_versions(int producer, int min_consumer, std::span<const int> bad_consumers);

}  // namespace tarn
