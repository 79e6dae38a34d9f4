// Made-up inputs for a graph: what verification runs it on when nobody gave it real ones.
//
//   Result<std::vector<Session::Feed>> feeds = sample_feeds(graph, {}, {"y"}, {.batch = 2, .size = 16}, 1);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/session.h"

namespace tarn {

// What unknown dims become: the first of a shape, and the others.
struct SampleSizes {
  int64_t batch, size;
};
// Unknown sizes to try, in this order, until a graph runs. Images may need to be large, sequences not.
constexpr SampleSizes kTriedSizes[] = {{2, 16}, {2, 64}, {1, 128}, {1, 224}, {1, 299}, {2, 2}, {1, 1}};

// For every input, and every Placeholder that the outputs need besides. Names as "x" or "x:0".
Result<std::vector<Session::Feed>> sample_feeds(const Graph& graph, const std::vector<std::string>& inputs,
                                                const std::vector<std::string>& outputs, SampleSizes sizes,
                                                uint64_t seed);

// A shape for a wire of unknown rank, from what its users must have: the weights of a convolution or matrix product, a
// bias, a constant shape. A scalar if nothing tells.
Shape guess_shape(const Graph& graph, Wire wire);

}  // namespace tarn
