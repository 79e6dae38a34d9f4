// The networks that benchmarks train and run: those that other frameworks are timed with.
//
//   const TrainingNetwork* network = find_network("deepmnist");
//   TrainingGraph graph = build_training(*network);         // feeds "x" f32[N,784] and "labels" i64[N]
//   session.Run(graph.init); … session.Run(feeds, {}, {graph.train}, nullptr);
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graph/scope.h"

namespace tarn::bench {

struct TrainingNetwork {
  std::string_view name;
  Output (*build)(const Scope&, const Output& x);  // the logits
  int batch, steps, warmup;                        // of a measurement
  double adam_rate;                                // 0: gradient descent at 0.5
};

std::span<const TrainingNetwork> training_networks();
const TrainingNetwork* find_network(std::string_view name);  // null: there is none

struct TrainingGraph {
  Scope root = Scope::NewRootScope();  // its status says whether all went well
  std::string init, train;             // targets
};
TrainingGraph build_training(const TrainingNetwork& network);

// The frozen network, ready for an engine: "x" f32[?,784] -> "probabilities" f32[?,10], with random weights. The bytes
// of a GraphDef; empty if something failed.
std::string frozen_network(const TrainingNetwork& network);

// Uniform in [0, 1), the same for every run.
Tensor random_images(int64_t count);
Tensor random_labels(int64_t count);

}  // namespace tarn::bench
