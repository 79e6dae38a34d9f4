// A warm training step takes nothing from the heap but the tensors handed to the caller, and a warm engine run nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <thread>

#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/session.h"
#include "runtime/engine.h"
#include "tests/allocations/counting.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

using testing::AllocationCount;
using testing::count_allocations;

#define SKIP_UNLESS_COUNTED() \
  if (!testing::can_count_allocations()) GTEST_SKIP() << "sanitizers bring their own malloc, so none can be counted"

struct Model {
  Scope root = Scope::NewRootScope();
  Operation train, init;
};

// Conv, batch norm, pools, dropout, dense; loss `loss`, accuracy `accuracy`, flag `training`.
Model convnet(const Optimizer& optimizer) {
  Model model;
  Scope& root = model.root;
  root.SetRandomSeed(5);
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 12, 12, 1}));
  auto labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  Output training = layers::TrainingFlag(root.WithOpName("training"));
  Output h = layers::Conv2D(root, x, 8, 3, {.padding = "SAME", .use_bias = false});
  h = layers::BatchNorm(root, h, training, {.activation = "Relu"});
  h = layers::MaxPool(root, h, 2, 2);
  h = layers::Conv2D(root, h, 12, 3, {.activation = "Relu"});
  h = layers::Flatten(root, layers::AvgPool(root, h, 2, 2));
  h = layers::Dropout(root, layers::Dense(root, h, 32, {.activation = "Relu"}), 0.5, training);
  Output logits = layers::Dense(root, h, 10);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);
  ModelVariable global_step = GetOrCreateGlobalStep(root);
  model.train = optimizer.Minimize(root, loss, {.global_step = global_step.ref});
  model.init = GlobalVariablesInitializer(root);
  return model;
}

// Softmax regression, as examples/mnist/beginners.
Model regression(const Optimizer& optimizer) {
  Model model;
  Scope& root = model.root;
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 12, 12, 1}));
  auto labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  layers::TrainingFlag(root.WithOpName("training"));
  Output logits = layers::Dense(root, layers::Flatten(root, x), 10);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);
  model.train = optimizer.Minimize(root, loss);
  model.init = GlobalVariablesInitializer(root);
  return model;
}

// What handing one tensor to a caller takes.
int64_t allocations_of(const Tensor& like) {
  std::vector<Tensor> made(1);
  return count_allocations([&] { made[0] = *Tensor::allocate(like.dtype(), like.shape()); }).calls;
}

void check_steps(const Model& model, int threads) {
  ASSERT_TRUE(model.root.ok()) << model.root.status().to_string();
  Session session(model.root.shared_graph(), {.threads = threads, .seed = 1});
  ASSERT_TRUE(session.Run(model.init.name()).ok());
  constexpr int64_t kBatch = 16;
  std::vector<int64_t> classes(kBatch);
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<int64_t>(i % 10);
  const std::vector<Session::Feed> feeds{{"x", testing::random_floats({kBatch, 12, 12, 1}, 3)},
                                         {"labels", Tensor::vector<int64_t>(classes)},
                                         {"training", Tensor::scalar(true)}};
  const std::vector<std::string> fetches = {"loss", "accuracy"}, targets = {model.train.name()};
  Status status;
  std::vector<Tensor> outputs;
  auto step = [&] { status = session.Run(feeds, fetches, targets, &outputs); };
  for (int warm = 1; warm <= 2; ++warm) {
    step();
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  float first_loss = outputs[0].item<float>();

  for (int number = 3; number <= 5; ++number) {
    AllocationCount count = count_allocations(step);
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(count.calls, 0) << "step " << number << ", outputs reused:\n" << count.where;
  }
  // A caller that keeps what it got: every step hands over new tensors.
  int64_t allowed = 0;
  for (const Tensor& output : outputs) allowed += allocations_of(output);
  ASSERT_GE(allowed, 2);
  std::vector<std::vector<Tensor>> kept;
  kept.reserve(3);
  for (int number = 6; number <= 8; ++number) {
    kept.push_back(outputs);
    AllocationCount count = count_allocations(step);
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(count.calls, allowed) << "step " << number << ", outputs kept:\n" << count.where;
  }
  EXPECT_LT(outputs[0].item<float>(), first_loss) << "the steps counted did train";
}

TEST(WarmTrainingStep, OfAConvnetWithAdamAllocatesOnlyWhatItHandsOver) {
  SKIP_UNLESS_COUNTED();
  for (int threads : {1, 2}) {
    SCOPED_TRACE(threads);
    check_steps(convnet(AdamOptimizer(0.005f)), threads);
  }
}

TEST(WarmTrainingStep, OfAConvnetWithMomentumAllocatesOnlyWhatItHandsOver) {
  SKIP_UNLESS_COUNTED();
  check_steps(convnet(MomentumOptimizer(0.005f, 0.9f)), 1);
}

TEST(WarmTrainingStep, OfARegressionWithGradientDescentAllocatesOnlyWhatItHandsOver) {
  SKIP_UNLESS_COUNTED();
  for (int threads : {1, 2}) {
    SCOPED_TRACE(threads);
    check_steps(regression(GradientDescentOptimizer(0.1f)), threads);
  }
}

TEST(WarmEngineRun, AllocatesNothing) {
  SKIP_UNLESS_COUNTED();
  std::string bytes = testing::frozen_convnet_bytes({}, 1);
  for (int threads : {1, 2}) {
    auto engine = Engine::load_bytes(bytes, nullptr, "model", {.threads = threads});
    ASSERT_TRUE(engine.ok()) << engine.status().to_string();
    EngineContext context(*engine);
    ASSERT_TRUE(context.set_input(0, testing::random_floats({4, 12, 12, 1}, 2)).ok());
    ASSERT_TRUE(context.run().ok());
    Status status;
    AllocationCount count = count_allocations([&] { status = context.run(); });
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(count.calls, 0) << "threads: " << threads << "\n" << count.where;
  }
}

TEST(WarmEngineRun, AfterPrepareTheFirstRunAllocatesNothing) {
  SKIP_UNLESS_COUNTED();
  std::string bytes = testing::frozen_convnet_bytes({}, 1);
  auto engine = Engine::load_bytes(bytes, nullptr, "model");
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.prepare().ok());
  ASSERT_TRUE(context.set_input(0, testing::random_floats({1, 12, 12, 1}, 2)).ok());
  Status status;
  AllocationCount count = count_allocations([&] { status = context.run(); });
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(count.calls, 0) << count.where;
}

TEST(Counting, SeesEveryWayToTheHeap) {
  SKIP_UNLESS_COUNTED();
  static void* volatile kept;  // what is stored here is not optimized away
  auto calls = [](void* (*take)()) { return count_allocations([&] { kept = take(); }).calls; };
  EXPECT_EQ(calls([]() -> void* { return std::malloc(100); }), 1);
  std::free(kept);
  EXPECT_EQ(calls([]() -> void* { return std::calloc(100, 2); }), 1);
  EXPECT_EQ(calls([]() -> void* { return std::realloc(kept, 4000); }), 1);
  std::free(kept);
  EXPECT_EQ(calls([]() -> void* { return std::aligned_alloc(64, 128); }), 1);
  std::free(kept);
  EXPECT_EQ(calls([]() -> void* { return ::operator new(100); }), 1);
  ::operator delete(kept);
  EXPECT_EQ(calls([]() -> void* { return ::operator new(100, std::align_val_t(64)); }), 1);
  ::operator delete(kept, std::align_val_t(64));
  EXPECT_EQ(count_allocations([] { std::thread([] { kept = std::malloc(100); }).join(); }).calls > 1, true);
  std::free(kept);
  EXPECT_EQ(calls([]() -> void* { return nullptr; }), 0);
}

}  // namespace
}  // namespace tarn
