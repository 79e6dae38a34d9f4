// Sessions that choose their kernels: portable, oneDNN's, or the faster.
#include <gtest/gtest.h>

#include <cmath>

#include "core/backend_kernel.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/session.h"

namespace tarn {
namespace {

#define SKIP_WITHOUT_DNNL() \
  if (dnnl_files.empty()) GTEST_SKIP() << "built without oneDNN (TARN_DNNL=OFF)"

// A network with every op that oneDNN has kernels for; 5 steps of gradient descent.
std::vector<float> losses_of(std::string_view backend, int threads, std::vector<Session::StepTime>* times = nullptr) {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(7);
  constexpr int kBatch = 4;
  std::vector<float> pixels(kBatch * 12 * 12 * 16);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::sin(static_cast<float>(i) * 0.37f);
  Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 12, 12, 16}));
  Output labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  Output h = layers::Conv2D(root.WithOpName("conv1"), x, 16, 3, {.padding = "SAME", .activation = "Relu"});
  h = layers::Conv2D(root.WithOpName("conv2"), h, 32, 5, {.padding = "VALID", .activation = "Relu6"});
  h = layers::BatchNorm(root.WithOpName("bn"), h, true, {.activation = "Relu"});
  h = layers::MaxPool(root.WithOpName("pool"), h, 2, 2);
  h = ops::AvgPool(root.WithOpName("mean"), h, {1, 2, 2, 1}, {1, 2, 2, 1}, "SAME");
  h = layers::Dense(root.WithOpName("fc"), layers::Flatten(root, h), 10);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, h);
  Operation train = GradientDescentOptimizer(0.05f).Minimize(root, loss);
  Operation init = GlobalVariablesInitializer(root);
  SessionOptions options{.threads = threads};
  EXPECT_TRUE(choose_backend(backend, options).ok());
  Session session(root, options);
  Status status = session.Run(init.name());
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<Session::Feed> feeds = {{"x", Tensor::from<float>({kBatch, 12, 12, 16}, pixels)},
                                      {"labels", Tensor::from<int64_t>({kBatch}, {1, 4, 2, 9})}};
  std::vector<float> losses;
  std::vector<Tensor> out;
  std::vector<Session::StepTime> ignored;
  for (int step = 0; step < 5; ++step) {
    status = session.RunProfiled(feeds, {"loss"}, {train.name()}, &out, times != nullptr ? times : &ignored);
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!status.ok()) return {};
    losses.push_back(out[0].item<float>());
  }
  return losses;
}

TEST(Backend, DnnlTrainsAsThePortableKernelsDo) {
  SKIP_WITHOUT_DNNL();
  for (int threads : {1, 2}) {
    std::vector<float> portable = losses_of("portable", threads), dnnl = losses_of("dnnl", threads);

    ASSERT_EQ(portable.size(), 5u);
    ASSERT_EQ(dnnl.size(), 5u);
    EXPECT_LT(portable.back(), portable.front());
    // float32 sums of up to 1,152 terms in another order, 5 steps: 1e-4 of the loss
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(dnnl[i], portable[i], 1e-4f * portable[0]) << "step " << i;
  }
}

TEST(Backend, AutoTrainsAsThePortableKernelsDo) {
  std::vector<float> portable = losses_of("portable", 2), chosen = losses_of("auto", 2);

  ASSERT_EQ(chosen.size(), portable.size());
  for (size_t i = 0; i < portable.size(); ++i) EXPECT_NEAR(chosen[i], portable[i], 1e-4f * portable[0]);
}

TEST(Backend, OtherNamesAreRefused) {
  SessionOptions options;

  Status status = choose_backend("onednn", options);

  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("portable, dnnl and auto"), std::string::npos) << status.to_string();
  EXPECT_EQ(choose_backend("dnn", options).message(),
            "backend 'dnn' is none of portable, dnnl and auto; did you mean 'dnnl'?");
}

}  // namespace
}  // namespace tarn
