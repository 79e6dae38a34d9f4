// A thousand times load, run, close: nothing is left of it. (Under AddressSanitizer its leak check says so too.)
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/c_api.h"
#include "tests/support/file_faults.h"
#include "tests/support/models.h"
#include "tests/support/sanitized.h"

namespace tarn {
namespace {

struct InUse {
  size_t heap_bytes = 0;
  int64_t descriptors = 0, threads = 0, mappings = 0;
};

int64_t entries_of(const char* folder) {
  int64_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

InUse in_use(const std::string& mapped_file) {
  InUse use;
#ifndef TARN_SANITIZED  // they have a heap of their own
  struct mallinfo2 info = mallinfo2();
  use.heap_bytes = info.uordblks + info.hblkhd;
#endif
  use.descriptors = entries_of("/proc/self/fd");
  use.threads = entries_of("/proc/self/task");
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) use.mappings += line.find(mapped_file) != std::string::npos ? 1 : 0;
  return use;
}

// One cycle with all that there is: two engines on a model and a clone, other threads, a profile, errors.
bool cycle(const std::string& path, const std::string& broken, int round) {
  tarn_model* model = tarn_model_load(path.c_str());
  tarn_options options = {};
  options.struct_size = sizeof options;
  options.threads = 1 + round % 2;
  tarn_engine* engine = tarn_engine_new(model, &options);
  tarn_engine* clone = tarn_engine_clone(engine);
  tarn_engine* alone = tarn_engine_load(path.c_str(), nullptr);
  bool good = tarn_model_node_op(model, 0) != nullptr;
  tarn_model_free(model);
  const int64_t shape[] = {1 + round % 3, 12, 12, 1};
  for (tarn_engine* each : {engine, clone, alone}) {
    good = good && tarn_input_buffer(each, 0, shape, 4, nullptr) != nullptr && tarn_profile_start(each) == TARN_OK;
    good = good && tarn_run(each) == TARN_OK && tarn_output_data(each, 0, nullptr) != nullptr;
    good = good && tarn_profile_text(each) != nullptr && tarn_profile_json(each) != nullptr;
    good = good && tarn_run(each) == TARN_OK && tarn_set_input(each, "none", 1, shape, 4, nullptr, 0) != TARN_OK;
    tarn_engine_free(each);
  }
  good = good && tarn_engine_load(broken.c_str(), nullptr) == nullptr && tarn_model_load("none.pb") == nullptr;
  options.output_names = "none";
  return good && tarn_engine_load(path.c_str(), &options) == nullptr;
}

TEST(CApiCycles, AThousandTimesLoadRunCloseLeavesNothing) {
  TempDir dir;
  const std::string path = dir.file("model.pb"), broken = dir.file("broken.pb");
  std::string bytes = testing::frozen_convnet_bytes({}, 1);
  std::ofstream(path) << bytes;
  std::ofstream(broken) << bytes.substr(0, bytes.size() / 2);
  // malloc counts what it keeps for the next call of a size as in use: that fills up first, within some hundred cycles.
  constexpr int kWarmUp = testing::when_sanitized(30, 500), kCycles = testing::when_sanitized(100, 1000);
  for (int round = 0; round < kWarmUp; ++round) ASSERT_TRUE(cycle(path, broken, round)) << tarn_last_error();
  InUse before = in_use(path);
  for (int round = 0; round < kCycles; ++round) ASSERT_TRUE(cycle(path, broken, round)) << tarn_last_error();
  InUse after = in_use(path);
  // A thread that was joined may be listed for a moment.
  for (int wait = 0; wait < 1000 && after.threads > before.threads; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    after.threads = entries_of("/proc/self/task");
  }
  // One block that a cycle left would be 24 bytes at least.
  EXPECT_LT(after.heap_bytes, before.heap_bytes + kCycles * 8);
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(after.mappings, 0);
}

}  // namespace
}  // namespace tarn
