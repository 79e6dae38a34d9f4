// Runs that are stopped: by tarn_cancel, by a deadline, by tarn_engine_free.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "graph/graph_io.h"
#include "runtime/c_api.h"
#include "tests/support/models.h"
#include "tests/support/sanitized.h"

namespace tarn {
namespace {

// Of a thread that is told to stop, until it has: however busy the machine is with others, so much work of its own is
// allowed. Sanitizers make all of it slower.
constexpr int64_t kMostCpuNs = testing::when_sanitized(200'000'000, 5'000'000);

int64_t cpu_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What runs for seconds unless it is stopped, within one step or a few.
struct LongModel {
  const char* name;
  std::string text;
};

const std::vector<LongModel>& long_models() {
  // 2 * 6000^3 operations; 3 x 3 over 512 x 512 x 256 channels, twice, direct (stride 2) and by Winograd; depthwise; a
  // loop of small steps; a batch of products; elements one by one.
  static const std::vector<LongModel> models = {{"MatMul", R"(
a: f32[6000,6000] = Placeholder
y: f32[6000,6000] = MatMul(a, a)
)"},
                                                {"Conv2D", R"(
x: f32[1,512,512,128] = Placeholder
w: f32[3,3,128,512] = random(seed=1)
y = Conv2D(x, w) {strides=[1, 2, 2, 1], padding="SAME"}
)"},
                                                {"Winograd", R"(
x: f32[1,512,512,128] = Placeholder
w: f32[3,3,128,256] = random(seed=1)
y = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="SAME"}
)"},
                                                {"BatchMatMul", R"(
a: f32[3,3500,3500] = Placeholder
y: f32[3,3500,3500] = BatchMatMulV2(a, a)
)"},
                                                {"Elements", R"(
x: f64[20000000] = Placeholder
y: f64[20000000] = Pow(x, x)
)"},
                                                {"Loop", std::string(testing::kEndlessLoop)}};
  return models;
}

// An engine on a model, which is written to a file and mapped: the bytes need not outlive the call.
tarn_engine* engine_of_bytes(const std::string& bytes, int threads) {
  std::FILE* file = std::tmpfile();
  EXPECT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fflush(file);
  tarn_options options = {};
  options.struct_size = sizeof options;
  options.threads = threads;
  tarn_engine* engine = tarn_engine_load_fd(fileno(file), 0, -1, &options);
  std::fclose(file);
  EXPECT_NE(engine, nullptr) << tarn_last_error();
  return engine;
}

// An engine on a long model with its input, if it has one, set to something.
tarn_engine* engine_of(const LongModel& model, int threads) {
  tarn_engine* engine = engine_of_bytes(testing::model_bytes(model.text), threads);
  if (engine == nullptr || tarn_input_count(engine) == 0) return engine;
  int64_t dims[8];
  int rank = tarn_input_shape(engine, 0, dims, 8);
  size_t bytes_of_input = 0;
  void* input = tarn_input_buffer(engine, 0, dims, rank, &bytes_of_input);
  EXPECT_NE(input, nullptr) << tarn_last_error();
  if (tarn_input_dtype(engine, 0) == TARN_DOUBLE) std::fill_n(static_cast<double*>(input), bytes_of_input / 8, 1.5);
  EXPECT_EQ(tarn_prepare(engine), TARN_OK) << tarn_last_error();
  return engine;
}

struct Stopped {
  tarn_code code = TARN_OK;
  std::string text;
  int64_t cpu_ns = 0, wall_ns = 0;  // of the running thread, after the stop
};

// Runs until `stop`, called once the run has taken so much of its thread's time.
Stopped run_and_stop(tarn_engine* engine, const std::function<void()>& stop, int64_t after_cpu_ns = 60'000'000) {
  Stopped stopped;
  std::atomic<clockid_t> clock = 0;
  std::atomic<bool> begun = false;
  int64_t cpu_at_end = 0;
  std::chrono::steady_clock::time_point end;
  std::thread runner([&] {
    clockid_t own = 0;
    pthread_getcpuclockid(pthread_self(), &own);
    clock = own;
    begun = true;
    stopped.code = tarn_run(engine);
    stopped.text = tarn_last_error();
    end = std::chrono::steady_clock::now();
    cpu_at_end = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  });
  while (!begun) std::this_thread::yield();
  while (cpu_ns(clock) < after_cpu_ns) std::this_thread::sleep_for(std::chrono::microseconds(200));
  int64_t cpu_at_stop = cpu_ns(clock);
  auto begin = std::chrono::steady_clock::now();
  stop();
  runner.join();
  stopped.cpu_ns = cpu_at_end - cpu_at_stop;
  stopped.wall_ns = std::chrono::nanoseconds(end - begin).count();
  return stopped;
}

class Stops : public ::testing::TestWithParam<int> {};

TEST_P(Stops, ACancelEndsARunWithinOneStep) {
  for (const LongModel& model : long_models()) {
    tarn_engine* engine = engine_of(model, GetParam());
    ASSERT_NE(engine, nullptr);
    for (int round = 0; round < 3; ++round) {
      Stopped stopped = run_and_stop(engine, [&] { EXPECT_EQ(tarn_cancel(engine), TARN_OK); });
      EXPECT_EQ(stopped.code, TARN_CANCELLED) << model.name << ": " << stopped.text;
      EXPECT_NE(stopped.text.find("the run was cancelled; it is at "), std::string::npos) << stopped.text;
      EXPECT_LT(stopped.cpu_ns, kMostCpuNs) << model.name;
      EXPECT_EQ(tarn_output_data(engine, 0, nullptr), nullptr);
    }
    tarn_engine_free(engine);
  }
}

TEST_P(Stops, ADeadlineEndsARunWithinOneStep) {
  constexpr int64_t kDeadlineMs = 30;
  for (const LongModel& model : long_models()) {
    tarn_engine* engine = engine_of(model, GetParam());
    ASSERT_NE(engine, nullptr);
    ASSERT_EQ(tarn_set_deadline(engine, kDeadlineMs), TARN_OK);
    int64_t before = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    EXPECT_EQ(tarn_run(engine), TARN_DEADLINE_EXCEEDED) << model.name;
    // Of this thread's own time; of the clock's, others may have had some.
    EXPECT_LT(cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before, kDeadlineMs * 1'000'000 + kMostCpuNs) << model.name;
    EXPECT_NE(std::string(tarn_last_error()).find("30 ms; it is at "), std::string::npos) << tarn_last_error();
    tarn_engine_free(engine);
  }
}

TEST_P(Stops, FreeingAnEngineEndsItsRunAndWaitsForIt) {
  for (const LongModel& model : long_models()) {
    tarn_engine* engine = engine_of(model, GetParam());
    ASSERT_NE(engine, nullptr);
    Stopped stopped = run_and_stop(engine, [&] { tarn_engine_free(engine); });
    EXPECT_EQ(stopped.code, TARN_CANCELLED) << model.name << ": " << stopped.text;
    EXPECT_LT(stopped.cpu_ns, kMostCpuNs) << model.name;  // the memory is given back by who frees
    EXPECT_EQ(tarn_run(engine), TARN_INVALID_ARGUMENT);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Stops, ::testing::Values(1, 2));

TEST(Stopping, ARealNetworkIsStoppedWhereverItIs) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no Inception v3 here";
  std::string path = std::string(data) + "/models/topo_inception_v3/graph.pb.gz";
  if (!file_exists(path)) GTEST_SKIP() << path << " is not there";
  Result<Graph> graph = read_graph(path);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  std::string bytes = *graph_bytes(*graph, GraphFormat::kBinary);
  for (int threads : {1, 2}) {
    tarn_engine* engine = engine_of_bytes(bytes, threads);
    ASSERT_NE(engine, nullptr);
    int64_t dims[4];
    ASSERT_EQ(tarn_input_shape(engine, 0, dims, 4), 4);
    dims[0] = 8;
    for (int d = 1; d < 4; ++d) ASSERT_GT(dims[d], 0);
    ASSERT_NE(tarn_input_buffer(engine, 0, dims, 4, nullptr), nullptr) << tarn_last_error();
    ASSERT_EQ(tarn_prepare(engine), TARN_OK) << tarn_last_error();
    for (int64_t after_ms = 2; after_ms < 160; after_ms += 12) {
      Stopped stopped = run_and_stop(
          engine, [&] { (void)tarn_cancel(engine); }, after_ms * 1'000'000);
      EXPECT_EQ(stopped.code, TARN_CANCELLED) << after_ms << " ms: " << stopped.text;
      EXPECT_LT(stopped.cpu_ns, kMostCpuNs) << after_ms << " ms: " << stopped.text;
    }
    tarn_engine_free(engine);
  }
}

// After a stop the engine gives what it gave before, to the bit.
TEST(Stopping, AStoppedEngineRunsAgainAsIfNothingHadBeen) {
  constexpr int64_t kSide = testing::when_sanitized(400, 1200);
  std::string bytes =
      testing::model_bytes(str_cat("x: f32[?,", kSide, "] = Placeholder\nw: f32[", kSide, ",", kSide,
                                   "] = random(seed=3)\nh = MatMul(x, w)\nh2 = MatMul(h, w)\n", "y = Softmax(h2)\n"));
  for (int threads : {1, 2}) {
    tarn_options options = {};
    options.struct_size = sizeof options;
    options.threads = threads;
    tarn_engine* engine = tarn_engine_load_memory(bytes.data(), bytes.size(), &options);
    ASSERT_NE(engine, nullptr) << tarn_last_error();
    Tensor x = testing::random_floats({kSide, kSide}, 5);
    const int64_t shape[] = {kSide, kSide};
    ASSERT_EQ(tarn_set_input(engine, "x", TARN_FLOAT, shape, 2, x.data(), x.byte_size()), TARN_OK);
    ASSERT_EQ(tarn_run(engine), TARN_OK) << tarn_last_error();
    std::vector<float> expected(kSide * kSide), got(kSide * kSide);
    ASSERT_EQ(tarn_get_output(engine, "y", expected.data(), expected.size() * sizeof(float)), TARN_OK);
    int stops = 0;
    for (int64_t microseconds = 100; microseconds < 40'000; microseconds = microseconds * 3 / 2) {
      std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
        (void)tarn_cancel(engine);
      });
      stops += tarn_run(engine) == TARN_CANCELLED ? 1 : 0;
      canceller.join();
      ASSERT_EQ(tarn_run(engine), TARN_OK) << tarn_last_error();
      ASSERT_EQ(tarn_get_output(engine, "y", got.data(), got.size() * sizeof(float)), TARN_OK);
      ASSERT_EQ(got, expected);
    }
    EXPECT_GT(stops, 0);
    tarn_engine_free(engine);
  }
}

// Planning for new sizes packs weights, which takes longer than a small run.
TEST(Stopping, APlanThatIsStoppedIsMadeByTheNextRun) {
  std::string bytes = testing::model_bytes(R"(
x: f32[?,2000] = Placeholder
w: f32[2000,2000] = random(seed=3)
a = MatMul(x, w)
b = MatMul(a, w)
c = MatMul(b, w)
y = MatMul(c, w)
)");
  tarn_engine* engine = tarn_engine_load_memory(bytes.data(), bytes.size(), nullptr);
  ASSERT_NE(engine, nullptr) << tarn_last_error();
  bool stopped_while_planning = false;
  for (int64_t rows = 2; rows < 40 && !stopped_while_planning; ++rows) {
    const int64_t shape[] = {rows, 2000};
    ASSERT_NE(tarn_input_buffer(engine, 0, shape, 2, nullptr), nullptr);
    ASSERT_EQ(tarn_set_deadline(engine, 1), TARN_OK);
    if (tarn_run(engine) == TARN_DEADLINE_EXCEEDED)
      stopped_while_planning = std::string(tarn_last_error()).find("it is being planned") != std::string::npos;
    ASSERT_EQ(tarn_set_deadline(engine, 0), TARN_OK);
    ASSERT_EQ(tarn_run(engine), TARN_OK) << tarn_last_error();
  }
  EXPECT_TRUE(stopped_while_planning);
  tarn_engine_free(engine);
}

// G140: one thread closes what others use.
TEST(Stopping, OthersThatUseAnEngineWhileItIsFreedGetErrors) {
  std::string bytes = testing::model_bytes("x: f32[?,64] = Placeholder\ny = Softmax(x)\n");
  for (int round = 0; round < 50; ++round) {
    tarn_engine* engine = tarn_engine_load_memory(bytes.data(), bytes.size(), nullptr);
    ASSERT_NE(engine, nullptr) << tarn_last_error();
    const std::vector<float> x(64 * 100, 0.5f);
    std::atomic<int> runs = 0, busy = 0, over = 0, others = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        const int64_t shape[] = {100, 64};
        while (true) {
          tarn_code code = tarn_set_input(engine, "x", TARN_FLOAT, shape, 2, x.data(), x.size() * sizeof(float));
          if (code == TARN_OK) code = tarn_run(engine);
          (void)tarn_output_shape(engine, 0, nullptr, 0);
          (void)tarn_input_count(engine);
          if (code == TARN_INVALID_ARGUMENT) break;  // it is no handle any more
          ++(code == TARN_OK || code == TARN_CANCELLED ? runs : code == TARN_FAILED_PRECONDITION ? busy : others);
          std::this_thread::yield();
        }
        ++over;
      });
    }
    while (runs < 5) std::this_thread::yield();
    tarn_engine_free(engine);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(over, 8);
    EXPECT_EQ(others, 0);
  }
}

}  // namespace
}  // namespace tarn
