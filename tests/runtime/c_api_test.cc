// The C API, as compiled C (c_api_in_c.c).
#include "runtime/c_api.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/runtime/c_api_in_c.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

const std::string& model() {
  static const std::string bytes = testing::model_bytes(R"(
x: f32[?,3] = Placeholder
one: f32[] = {1}
sum: f32[?,3] = Add(x, one)
y: f32[?,3] = Relu(sum)
two: f32[] = {2}
z: f32[?,3] = Mul(x, two)
)");
  return bytes;
}

// The line of c_api_in_c.c that did not hold, or 0.
TEST(CApi, LoadsListsSetsRunsAndGets) {
  EXPECT_EQ(c_api_load_run_get(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, RefusesWhatIsWrongAndSaysWhat) {
  EXPECT_EQ(c_api_refuses_wrong_inputs(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, RefusesNull) {
  EXPECT_EQ(c_api_refuses_null(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, ClonesShareTheModelAndNothingElse) {
  EXPECT_EQ(c_api_clones_are_apart(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, TheLastErrorIsTheThreadsOwn) {
  EXPECT_EQ(tarn_run(nullptr), TARN_INVALID_ARGUMENT);
  std::string here = tarn_last_error();
  std::string elsewhere = "not asked";
  std::thread([&] {
    elsewhere = tarn_last_error();
    (void)tarn_engine_load("missing.pb", nullptr);
  }).join();
  EXPECT_EQ(elsewhere, "");
  EXPECT_EQ(tarn_last_error(), here);
}

TEST(CApi, EachThreadRunsACloneOfItsOwn) {
  tarn_engine* first = tarn_engine_load_memory(model().data(), model().size(), nullptr);
  ASSERT_NE(first, nullptr) << tarn_last_error();
  constexpr int kThreads = 4, kRuns = 200;
  std::vector<int> failures(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      tarn_engine* mine = tarn_engine_clone(first);
      for (int run = 0; run < kRuns; ++run) {
        // Batches of several sizes, so that programs are compiled while others run.
        std::vector<float> x(3 * static_cast<size_t>(1 + run % 3), static_cast<float>(t + run));
        const int64_t shape[] = {1 + run % 3, 3};
        bool good = tarn_set_input(mine, "x", TARN_FLOAT, shape, 2, x.data(), x.size() * sizeof(float)) == TARN_OK &&
                    tarn_run(mine) == TARN_OK;
        std::vector<float> y(x.size());
        good = good && tarn_get_output(mine, "y", y.data(), y.size() * sizeof(float)) == TARN_OK;
        for (size_t i = 0; good && i < y.size(); ++i) good = y[i] == x[i] + 1;
        failures[static_cast<size_t>(t)] += !good;
      }
      tarn_engine_free(mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  tarn_engine_free(first);
  EXPECT_EQ(failures, std::vector<int>(kThreads, 0));
}

}  // namespace
}  // namespace tarn
