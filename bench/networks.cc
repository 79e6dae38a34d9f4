#include "bench/networks.h"

#include <algorithm>
#include <random>

#include "graph/freeze.h"
#include "graph/graph_def.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/session.h"

namespace tarn::bench {
namespace {

Output softmax_regression(const Scope& root, const Output& x) {
  return layers::Dense(root.WithOpName("fc"), x, 10);
}

// Dropout sees the flag `training`, false unless fed.
Output deep_mnist(const Scope& root, const Output& x) {
  const Initializer weights = Initializer::TruncatedNormal(0.1), biases = Initializer::Constant(0.1);
  const layers::Conv2DOptions same{
      .padding = "SAME", .activation = "Relu", .kernel_initializer = weights, .bias_initializer = biases};
  Output h = ops::Reshape(root.WithOpName("image"), x, {-1, 28, 28, 1});
  h = layers::MaxPool(root.WithOpName("pool1"), layers::Conv2D(root.WithOpName("conv1"), h, 32, 5, same), 2, 2, "SAME");
  h = layers::MaxPool(root.WithOpName("pool2"), layers::Conv2D(root.WithOpName("conv2"), h, 64, 5, same), 2, 2, "SAME");
  h = layers::Dense(root.WithOpName("fc1"), layers::Flatten(root, h), 1024,
                    {.activation = "Relu", .kernel_initializer = weights, .bias_initializer = biases});
  h = layers::Dropout(root.WithOpName("dropout"), h, 0.5f, layers::TrainingFlag(root.WithOpName("training")));
  return layers::Dense(root.WithOpName("fc2"), h, 10, {.kernel_initializer = weights, .bias_initializer = biases});
}

Output keras_cnn(const Scope& root, const Output& x) {
  Output training = layers::TrainingFlag(root.WithOpName("training"));
  Output h = ops::Reshape(root.WithOpName("image"), x, {-1, 28, 28, 1});
  h = layers::Conv2D(root.WithOpName("conv1"), h, 32, 3, {.activation = "Relu"});
  h = layers::Conv2D(root.WithOpName("conv2"), h, 64, 3, {.activation = "Relu"});
  h = layers::Dropout(root.WithOpName("dropout1"), layers::MaxPool(root.WithOpName("pool"), h, 2, 2), 0.25f, training);
  h = layers::Dense(root.WithOpName("fc1"), layers::Flatten(root, h), 128, {.activation = "Relu"});
  h = layers::Dropout(root.WithOpName("dropout2"), h, 0.5f, training);
  return layers::Dense(root.WithOpName("fc2"), h, 10);
}

constexpr TrainingNetwork kNetworks[] = {
    {"softmax", softmax_regression, 100, 1000, 50, 0},
    {"deepmnist", deep_mnist, 50, 60, 10, 1e-4},
    {"kerascnn", keras_cnn, 128, 40, 8, 1e-3},
};

}  // namespace

std::span<const TrainingNetwork> training_networks() {
  return kNetworks;
}

const TrainingNetwork* find_network(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kNetworks), std::end(kNetworks), [&](const auto& n) { return n.name == name; });
  return found == std::end(kNetworks) ? nullptr : found;
}

TrainingGraph build_training(const TrainingNetwork& network) {
  TrainingGraph graph;
  const Scope& root = graph.root;
  graph.root.SetRandomSeed(1);
  Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 784}));
  Output labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  Output logits = network.build(root, x);
  ops::Softmax(root.WithOpName("probabilities"), logits);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  graph.train = (network.adam_rate > 0 ? AdamOptimizer(static_cast<float>(network.adam_rate)).Minimize(root, loss)
                                       : GradientDescentOptimizer(0.5f).Minimize(root, loss))
                    .name();
  graph.init = GlobalVariablesInitializer(root).name();
  return graph;
}

std::string frozen_network(const TrainingNetwork& network) {
  const TrainingGraph graph = build_training(network);
  Session session(graph.root, {.threads = 1});
  if (!session.Run(graph.init).ok()) return {};
  Result<FrozenGraph> frozen = freeze(session.graph(), {.outputs = {"probabilities"}}, session_values(session));
  return frozen.ok() ? serialize(export_graph_def(frozen->graph)) : std::string();
}

Tensor random_images(int64_t count) {
  std::mt19937 random(7);
  Tensor images = *Tensor::zeros(DType::kFloat, Shape{count, 784});
  for (float& pixel : images.mutable_flat<float>()) pixel = static_cast<float>(random() >> 8) * 0x1p-24f;
  return images;
}

Tensor random_labels(int64_t count) {
  std::mt19937 random(8);
  Tensor labels = *Tensor::zeros(DType::kInt64, Shape{count});
  for (int64_t& label : labels.mutable_flat<int64_t>()) label = random() % 10;
  return labels;
}

}  // namespace tarn::bench
