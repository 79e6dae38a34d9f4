// Threads that run two models at once, a thousand times each, while the models are loaded and unloaded: the same bits
// every time.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

constexpr int kThreads = 8;
constexpr int kRuns = 1000;
constexpr int kRunsOfAnEngine = 50;  // then it is let go, and loaded again

struct Model {
  std::string path;
  Tensor x = {};
  std::vector<float> y = {};

  Result<std::vector<float>> run(EngineContext& context) const {
    TARN_RETURN_IF_ERROR(context.set_input(0, x));
    TARN_RETURN_IF_ERROR(context.run());
    TARN_ASSIGN_OR_RETURN(const TensorView* output, context.output(0));
    const std::span<const float> values = output->flat<float>();
    return std::vector<float>(values.begin(), values.end());
  }
};

Model model_of(const std::string& name, const testing::ConvnetShape& shape, int64_t batch) {
  Model model{.path = ::testing::TempDir() + "many_threads_" + name + ".pb"};
  EXPECT_TRUE(write_file_atomically(model.path, testing::frozen_convnet_bytes(shape, 3)).ok());
  model.x = testing::random_floats({batch, shape.side, shape.side, shape.channels}, 4);
  auto engine = Engine::load_file(model.path);
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  model.y = *model.run(context);
  return model;
}

TEST(ManyThreads, AThousandRunsOfEachOfTwoModelsGiveTheSameBits) {
  const Model models[] = {model_of("small", {}, 1),
                          model_of("large", {.side = 16, .channels = 3, .filters = 24, .classes = 11}, 2)};
  std::atomic<int> differences = 0, errors = 0, runs = 0;
  // One engine of each model that all threads share, beside those of their own.
  const std::shared_ptr<const Engine> shared[] = {*Engine::load_file(models[0].path),
                                                  *Engine::load_file(models[1].path)};
  const auto work = [&](int thread) {
    std::unique_ptr<EngineContext> contexts[2];
    for (int run = 0; run < kRuns; ++run) {
      for (int m = 0; m < 2; ++m) {
        if (run % kRunsOfAnEngine == 0) {
          contexts[m].reset();
          auto own = (thread + run / kRunsOfAnEngine) % 2 == 0
                         ? Engine::load_file(models[m].path, {.threads = 1 + thread % 2})
                         : Result<std::shared_ptr<const Engine>>(shared[m]);
          if (!own.ok()) {
            ++errors;
            return;
          }
          contexts[m] = std::make_unique<EngineContext>(*std::move(own));
        }
        const Result<std::vector<float>> y = models[m].run(*contexts[m]);
        if (!y.ok()) {
          ++errors;
          return;
        }
        ++runs;
        if (std::memcmp(y->data(), models[m].y.data(), models[m].y.size() * sizeof(float)) != 0) ++differences;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(differences, 0);
  EXPECT_EQ(runs, kThreads * kRuns * 2);
}

}  // namespace
}  // namespace tarn
