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
std::vector<float> losses_of(std::string_view backend, int threads) {
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
  for (int step = 0; step < 5; ++step) {
    status = session.Run(feeds, {"loss"}, {train.name()}, &out);
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
    EXPECT_NE(dnnl, portable) << "not one bit differs: oneDNN's kernels did not run";
    // float32 sums of up to 1,152 terms in another order, 5 steps: 1e-4 of the loss
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(dnnl[i], portable[i], 1e-4f * portable[0]) << "step " << i;
  }
}

// One product of a form that auto gives to oneDNN on one thread (ops/dnnl/matmul.cc): its elements.
std::vector<float> product_of(std::string_view backend, int threads) {
  constexpr int64_t kRows = 64, kTerms = 8192, kColumns = 16;
  auto waves = [](int64_t rows, int64_t columns, float step) {
    std::vector<float> values(static_cast<size_t>(rows * columns));
    for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i) * step);
    return Tensor::from<float>({rows, columns}, std::span<const float>(values));
  };
  Scope root = Scope::NewRootScope();
  Output a = ops::Placeholder(root.WithOpName("a"), DT_FLOAT, ops::Placeholder::Shape({kRows, kTerms}));
  Output b = ops::Placeholder(root.WithOpName("b"), DT_FLOAT, ops::Placeholder::Shape({kTerms, kColumns}));
  ops::MatMul(root.WithOpName("y"), a, b);
  SessionOptions options{.threads = threads};
  EXPECT_TRUE(choose_backend(backend, options).ok());
  Session session(root, options);
  std::vector<Tensor> out;
  Status status = session.Run({{"a", waves(kRows, kTerms, 0.37f)}, {"b", waves(kTerms, kColumns, 0.91f)}}, {"y"}, &out);
  EXPECT_TRUE(status.ok()) << status.to_string();
  if (!status.ok()) return {};
  std::span<const float> values = out[0].flat<float>();
  return {values.begin(), values.end()};
}

TEST(Backend, AutoIsOneDnnWhereThatIsFasterAndPortableElsewhere) {
  SKIP_WITHOUT_DNNL();
  EXPECT_EQ(product_of("auto", 1), product_of("dnnl", 1));
  EXPECT_NE(product_of("auto", 1), product_of("portable", 1)) << "not one bit differs: which ran cannot be told";
  EXPECT_EQ(product_of("auto", 2), product_of("portable", 2));
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
