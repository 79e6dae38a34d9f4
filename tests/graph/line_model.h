// The smallest model with two variables: y = x * w + b with mean squared error, two rows a step, and its gradients in
// double.
//
//   class Optimizers : public testing::LineModel {};
//   TEST_F(Optimizers, …) { Operation train = …Minimize(root, loss); start(); step(train); value("w") … gradient(w, b)
//   }
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/session.h"
#include "graph/variables.h"

namespace tarn::testing {

inline SessionOptions one_thread() {
  SessionOptions options;
  options.threads = 1;
  return options;
}

class LineModel : public ::testing::Test {
 protected:
  void SetUp() override {
    x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 1}));
    labels = ops::Placeholder(root.WithOpName("labels"), DT_FLOAT, ops::Placeholder::Shape({-1, 1}));
    w = CreateVariable(root.WithOpName("w"), Input({{0.5f}}));
    b = CreateVariable(root.WithOpName("b"), Input({0.25f}));
    Output y = ops::BiasAdd(root, ops::MatMul(root, x, w.read), b.read);
    loss = losses::MeanSquaredError(root.WithOpName("loss"), labels, y);
  }

  const Node& node(const std::string& name) {
    std::optional<NodeId> id = root.graph().find(name);
    EXPECT_TRUE(id.has_value()) << name;
    static const Node none;
    return id ? root.graph().node(*id) : none;
  }

  // Starts a session with every variable initialised.
  void start() {
    Operation init = GlobalVariablesInitializer(root);
    ASSERT_TRUE(root.ok()) << root.status().to_string();
    session = std::make_unique<Session>(root.shared_graph(), one_thread());
    Status status = session->Run(init.name());
    ASSERT_TRUE(status.ok()) << status.to_string();
  }

  void step(const Operation& train) {
    std::vector<Tensor> none;
    Status status =
        session->Run({{"x", Tensor::from<float>({2, 1}, {1, 3})}, {"labels", Tensor::from<float>({2, 1}, {2, -1})}}, {},
                     {train.name()}, &none);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }

  double value(const std::string& variable) {
    Result<Tensor> tensor = session->variable(variable);
    EXPECT_TRUE(tensor.ok()) << tensor.status().to_string();
    return tensor.ok() ? tensor->item<float>() : NAN;
  }

  // The same model in double: d/dw and d/db of mean((x w + b - label)^2) over the two rows above.
  struct Gradient {
    double w, b;
  };
  static Gradient gradient(double w, double b) {
    double e1 = 1 * w + b - 2;
    double e2 = 3 * w + b - -1;
    return {(2 * e1 * 1 + 2 * e2 * 3) / 2, (2 * e1 + 2 * e2) / 2};
  }

  Scope root = Scope::NewRootScope();
  Output x, labels, loss;
  ModelVariable w, b;
  std::unique_ptr<Session> session;
};

}  // namespace tarn::testing
