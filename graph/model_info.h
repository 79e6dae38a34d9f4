// ModelInfo (runtime/model_info.h) as it lies in a Graph and in its file.
//
//   graph.model_info = serialize_model_info(info);
#pragma once

#include <string>

#include "graph/graph.h"
#include "runtime/model_info.h"

namespace tarn {

// "" of an empty one.
std::string serialize_model_info(const ModelInfo& info);
// Of a graph that changed, what was stored to be compared with it is no more true. Damaged bytes go too.
void drop_self_test(Graph& graph);

}  // namespace tarn
