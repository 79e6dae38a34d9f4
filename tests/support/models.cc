#include "tests/support/models.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/freeze.h"
#include "graph/graph_io.h"
#include "graph/layers.h"
#include "graph/ops.h"
#include "graph/text.h"

namespace tarn::testing {

std::string model_bytes(std::string_view text, bool allow_unknown_ops) {
  Result<Graph> graph = graph_from_text(text, {.allow_unknown_ops = allow_unknown_ops});
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return {};
  return *graph_bytes(*graph, GraphFormat::kBinary);
}

std::string frozen_convnet_bytes(const ConvnetShape& shape, uint32_t seed) {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(seed);
  auto x = ops::Placeholder(root.WithOpName("input_node"), DT_FLOAT,
                            ops::Placeholder::Shape({-1, shape.side, shape.side, shape.channels}));
  Output h = layers::Conv2D(root, x, shape.filters, 3, {.padding = "SAME", .use_bias = false});
  h = layers::BatchNorm(root.WithOpName("bn"), h, false, {.activation = "Relu"});
  h = layers::MaxPool(root, h, 2, 2);
  h = layers::Conv2D(root, h, 2 * shape.filters, 3,
                     {.strides = 2, .activation = "Relu", .bias_initializer = Initializer::RandomUniform(-0.2, 0.2)});
  h = layers::Flatten(root, layers::AvgPool(root, h, 2, 1, "SAME"));
  h = layers::Dense(root, h, shape.classes);
  ops::Softmax(root.WithOpName("output_node"), h);
  Operation init = GlobalVariablesInitializer(root);
  EXPECT_TRUE(root.ok()) << root.status().to_string();
  Session session(root.shared_graph());
  EXPECT_TRUE(session.Run(init.name()).ok());
  // Statistics other than 0 and 1, so that the batch norm has work to do.
  for (const char* name : {"bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"}) {
    Variable* variable = session.resources().find<Variable>(name);
    EXPECT_NE(variable, nullptr) << name;
    if (variable == nullptr) return {};
    Tensor values = random_floats(variable->value().shape(), ++seed);
    for (float& value : values.mutable_flat<float>()) value = 1 + value / 2;
    variable->set_value(values);
  }
  Result<FrozenGraph> frozen = freeze(root.graph(), {.outputs = {"output_node"}}, session_values(session));
  EXPECT_TRUE(frozen.ok()) << frozen.status().to_string();
  if (!frozen.ok()) return {};
  return *graph_bytes(frozen->graph, GraphFormat::kBinary);
}

Tensor random_floats(const Shape& shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Tensor tensor = *Tensor::allocate(DType::kFloat, shape);
  for (float& value : tensor.mutable_flat<float>()) value = uniform(generator);
  return tensor;
}

}  // namespace tarn::testing
