// What a graph is optimized for, and which of its nodes cannot run there: each with the path that needs it and the pass
// that would take it out.
//
//   for (const Obstacle& obstacle : find_obstacles(graph, {"softmax"}, TargetRuntime::kTarn)) print(obstacle.text);
//   // Conv3D 'c3': there is no such op here. It is needed on the way x -> c3 -> … -> softmax
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// kTarn: the engine; kTensorFlow: TensorFlow 2.15's CPU kernels; kOpenCv: what the importer of OpenCV 4's DNN reads.
enum class TargetRuntime { kTarn, kTensorFlow, kOpenCv };

std::optional<TargetRuntime> target_runtime_from_name(std::string_view name);  // "tarn", "tensorflow", "opencv"
std::string_view target_runtime_name(TargetRuntime runtime);

struct Obstacle {
  NodeId node = -1;
  std::string why;                // "there is no such op here"
  std::vector<std::string> path;  // names, from an input (or a source) over the node to an output; long ones abridged
  std::string pass;               // that would remove it; empty: none that we know of
  std::string text;               // all of that in one line
};

// Of the nodes that `outputs` ("y", "y:1") need, in the order of the graph.
std::vector<Obstacle> find_obstacles(const Graph& graph, const std::vector<std::string>& outputs,
                                     TargetRuntime runtime);

}  // namespace tarn
