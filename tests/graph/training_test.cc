// Whole models through a session: their gradients against central differences, and that they learn.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "graph/gradients.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/session.h"

namespace tarn {
namespace {

SessionOptions one_thread() {
  SessionOptions options;
  options.threads = 1;
  return options;
}

template <class T>
Tensor random_tensor(const Shape& shape, uint32_t seed, double low = -1, double high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<T> values;
  for (int64_t i = 0; i < shape.elements(); ++i) values.push_back(static_cast<T>(uniform(generator)));
  return Tensor::from<T>(shape, std::span<const T>(values));
}

// Compares the gradient of `loss` with respect to each fed tensor of `wanted` with central differences.
template <class T>
void check_gradients(const Scope& root, const Output& loss, std::map<std::string, Tensor> feeds,
                     const std::vector<std::string>& wanted, double step, double tolerance) {
  std::vector<Output> xs, grads;
  for (const std::string& name : wanted) xs.push_back(Output(&root.graph(), *root.graph().find_wire(name)));
  Status status = AddSymbolicGradients(root, {loss}, xs, &grads);
  ASSERT_TRUE(status.ok()) << status.to_string();
  Session session(root.shared_graph(), one_thread());
  auto run = [&](const std::vector<std::string>& fetches) {
    std::vector<Tensor> out;
    Status ran = session.Run({feeds.begin(), feeds.end()}, fetches, &out);
    EXPECT_TRUE(ran.ok()) << ran.to_string();
    return out;
  };
  std::vector<std::string> fetches;
  for (const Output& grad : grads) fetches.push_back(grad.name());
  std::vector<Tensor> symbolic = run(fetches);
  ASSERT_EQ(symbolic.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Tensor original = feeds[wanted[i]];
    for (int64_t e = 0; e < original.element_count(); ++e) {
      auto loss_at = [&](double shift) {
        Tensor moved = original;
        moved.mutable_flat<T>()[static_cast<size_t>(e)] += static_cast<T>(shift);
        feeds[wanted[i]] = moved;
        return static_cast<double>(run({loss.name()})[0].template item<T>());
      };
      double numeric = (loss_at(step) - loss_at(-step)) / (2 * step);
      ASSERT_NEAR(symbolic[i].template flat<T>()[static_cast<size_t>(e)], numeric, tolerance)
          << wanted[i] << " element " << e;
    }
    feeds[wanted[i]] = original;
  }
}

TEST(Training, GradientsOfAConvolutionalNetworkMatchCentralDifferences) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_DOUBLE, ops::Placeholder::Shape({-1, 6, 6, 2}));
  auto labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  Output h = layers::Conv2D(root.WithOpName("conv"), x, 3, 3,
                            {.padding = "SAME", .activation = "Tanh", .kernel_initializer = Initializer::Zeros()});
  h = layers::Flatten(root, layers::MaxPool(root, h, 2, 2));
  h = layers::Dense(root.WithOpName("fc"), h, 4, {.kernel_initializer = Initializer::Zeros()});
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, h);
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  std::map<std::string, Tensor> feeds = {{"x", random_tensor<double>({3, 6, 6, 2}, 1)},
                                         {"labels", Tensor::from<int64_t>({3}, {0, 2, 3})},
                                         {"conv/kernel/read", random_tensor<double>({3, 3, 2, 3}, 2)},
                                         {"conv/bias/read", random_tensor<double>({3}, 3)},
                                         {"fc/kernel/read", random_tensor<double>({27, 4}, 4)},
                                         {"fc/bias/read", random_tensor<double>({4}, 5)}};

  // Third derivatives are of order 10: 10 * step^2 = 1e-9; rounding 1e-16 / step = 1e-11.
  check_gradients<double>(root, loss, feeds,
                          {"x", "conv/kernel/read", "conv/bias/read", "fc/kernel/read", "fc/bias/read"}, 1e-5, 1e-7);
}

TEST(Training, GradientsFlowThroughTheBranchThatTheFlagChooses) {
  for (bool is_training : {true, false}) {
    Scope root = Scope::NewRootScope();
    auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 2, 2, 3}));
    auto target = ops::Placeholder(root.WithOpName("target"), DT_FLOAT, ops::Placeholder::Shape({-1, 2, 2, 3}));
    Output y = layers::BatchNorm(root.WithOpName("bn"), x, layers::TrainingFlag(root));
    Output loss = losses::MeanSquaredError(root.WithOpName("loss"), target, y);
    ASSERT_TRUE(root.ok()) << root.status().to_string();
    std::map<std::string, Tensor> feeds = {{"x", random_tensor<float>({4, 2, 2, 3}, 1)},
                                           {"target", random_tensor<float>({4, 2, 2, 3}, 2)},
                                           {"training", Tensor::scalar(is_training)},
                                           {"bn/gamma/read", random_tensor<float>({3}, 3, 0.5, 1.5)},
                                           {"bn/beta/read", random_tensor<float>({3}, 4)},
                                           {"bn/moving_mean/read", random_tensor<float>({3}, 5)},
                                           {"bn/moving_variance/read", random_tensor<float>({3}, 6, 0.5, 1.5)}};

    // float: a loss near 1 rounds to 1e-7, so differences over 2 * 1e-2 are good to 1e-5; plus step^2 = 1e-4 of
    // curvature.
    check_gradients<float>(root, loss, feeds, {"x", "bn/gamma/read", "bn/beta/read"}, 1e-2, 1e-3);
  }
}

TEST(Training, DropoutPassesEverythingUnlessTraining) {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(1);
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1}));
  Output y = layers::Dropout(root.WithOpName("drop"), x, 0.25f, layers::TrainingFlag(root));
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Session session(root.shared_graph(), one_thread());
  std::vector<Tensor> out;
  Tensor ones = Tensor::from<float>({10000}, std::vector<float>(10000, 1.0f));

  ASSERT_TRUE(session.Run({{"x", ones}}, {y.name()}, &out).ok());
  EXPECT_TRUE(out[0].identical_to(ones));

  Status status = session.Run({{"x", ones}, {"training", Tensor::scalar(true)}}, {y.name()}, &out);
  ASSERT_TRUE(status.ok()) << status.to_string();
  int dropped = 0;
  for (float value : out[0].flat<float>()) {
    if (value == 0) {
      ++dropped;
    } else {
      EXPECT_FLOAT_EQ(value, 1 / 0.75f);
    }
  }
  // Binomial(10000, 0.25): standard deviation 43; six of them.
  EXPECT_NEAR(dropped, 2500, 260);
}

TEST(Training, ANetworkWithEveryLayerLearns) {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(7);
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 8, 8, 1}));
  auto labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  Output training = layers::TrainingFlag(root);
  Output h = layers::Conv2D(root, x, 4, 3, {.padding = "SAME", .use_bias = false});
  h = layers::BatchNorm(root, h, training, {.momentum = 0.8, .activation = "Relu"});
  h = layers::Flatten(root, layers::MaxPool(root, h, 2, 2));
  h = layers::Dropout(root, h, 0.2, training);
  Output logits = layers::Dense(root, h, 2);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  Output accuracy = metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  Operation train = AdamOptimizer(0.02f).Minimize(root, loss, {.global_step = global_step.ref});
  Operation init = GlobalVariablesInitializer(root);
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Session session(root.shared_graph(), one_thread());
  ASSERT_TRUE(session.Run(init.name()).ok());
  // Class 1 has a bright left half, class 0 a bright right one.
  Tensor images = random_tensor<float>({32, 8, 8, 1}, 11);
  std::vector<int64_t> classes;
  for (size_t image = 0; image < 32; ++image) {
    classes.push_back(static_cast<int64_t>(image % 2));
    for (size_t pixel = 0; pixel < 64; ++pixel) {
      bool is_left = pixel % 8 < 4;
      if (is_left == (image % 2 == 1)) images.mutable_flat<float>()[image * 64 + pixel] += 1;
    }
  }
  std::vector<Session::Feed> feeds{{"x", images}, {"labels", Tensor::vector<int64_t>(classes)}};
  std::vector<Session::Feed> training_feeds = feeds;
  training_feeds.emplace_back("training", Tensor::scalar(true));
  std::vector<Tensor> before, after;

  ASSERT_TRUE(session.Run(feeds, {"loss"}, &before).ok());
  for (int step = 0; step < 60; ++step) {
    Status status = session.Run(training_feeds, {}, {train.name()}, &after);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  ASSERT_TRUE(session.Run(feeds, {"loss", accuracy.name()}, &after).ok());

  EXPECT_LT(after[0].item<float>(), 0.3f * before[0].item<float>());
  EXPECT_EQ(after[1].item<float>(), 1);
  EXPECT_EQ(session.variable("global_step")->item<int64_t>(), 60);
}

}  // namespace
}  // namespace tarn
