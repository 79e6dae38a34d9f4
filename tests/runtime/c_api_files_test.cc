// Damaged files and short resources at the C door: a code and a text, and the app goes on.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <clocale>
#include <cstring>
#include <fstream>
#include <functional>

#include "runtime/c_api.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

const std::string& convnet() {
  static const std::string bytes = testing::frozen_convnet_bytes({.side = 8, .filters = 2, .classes = 3}, 1);
  return bytes;
}

// The outputs of a run on ones, or the error of whatever failed first.
struct Outcome {
  tarn_code code = TARN_OK;
  std::string text;
  std::vector<float> output;
};

Outcome load_and_run(const std::string& bytes) {
  tarn_options options = {};
  options.struct_size = sizeof options;
  options.most_value_bytes = options.most_bytes = 1 << 24;
  options.most_iterations = 1000;
  options.deadline_ms = 2000;
  tarn_engine* engine = tarn_engine_load_memory(bytes.data(), bytes.size(), &options);
  if (engine == nullptr) return {TARN_UNKNOWN, tarn_last_error(), {}};
  Outcome outcome;
  for (int i = 0; i < tarn_input_count(engine) && outcome.code == TARN_OK; ++i) {
    int64_t dims[8];
    int rank = tarn_input_shape(engine, i, dims, 8);
    for (int d = 0; d < rank && d < 8; ++d) dims[d] = dims[d] < 0 ? 1 : dims[d];
    size_t count = 0;
    auto* data = static_cast<float*>(tarn_input_buffer(engine, i, dims, std::min(rank, 8), &count));
    if (data == nullptr) outcome.code = TARN_UNKNOWN;
    if (data != nullptr && tarn_input_dtype(engine, i) == TARN_FLOAT) std::fill_n(data, count / sizeof(float), 1.0f);
  }
  if (outcome.code == TARN_OK) outcome.code = tarn_run(engine);
  if (outcome.code != TARN_OK) outcome.text = tarn_last_error();
  size_t count = 0;
  const void* data = outcome.code == TARN_OK ? tarn_output_data(engine, 0, &count) : nullptr;
  if (data != nullptr && tarn_output_dtype(engine, 0) == TARN_FLOAT) {
    outcome.output.resize(count / sizeof(float));
    std::memcpy(outcome.output.data(), data, outcome.output.size() * sizeof(float));
  }
  tarn_engine_free(engine);
  return outcome;
}

TEST(CApiFiles, EveryFlippedByteIsAnErrorOrRuns) {  // G129, G134, G135: whatever a field claims is judged
  const Outcome good = load_and_run(convnet());
  ASSERT_EQ(good.code, TARN_OK) << good.text;
  int refused = 0;
  std::string bytes = convnet();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned char flip : {0xff, 0x01, 0x80}) {
      bytes[i] = static_cast<char>(convnet()[i] ^ flip);
      Outcome outcome = load_and_run(bytes);
      refused += outcome.code != TARN_OK ? 1 : 0;
      if (outcome.code != TARN_OK) {
        ASSERT_FALSE(outcome.text.empty()) << i;
      }
    }
    bytes[i] = convnet()[i];
  }
  EXPECT_GT(refused, 1000);
  EXPECT_EQ(load_and_run(convnet()).output, good.output);
}

TEST(CApiFiles, EveryTruncationIsAnErrorOrRuns) {  // G129
  int refused = 0;
  for (size_t size = 0; size < convnet().size(); ++size) {
    refused += load_and_run(convnet().substr(0, size)).code != TARN_OK ? 1 : 0;
  }
  // A cut between two nodes is a graph of the nodes before it.
  EXPECT_GT(refused, static_cast<int>(convnet().size()) * 9 / 10);
  EXPECT_EQ(load_and_run(convnet()).code, TARN_OK);
}

TEST(CApiFiles, FilesThatAreNoneAreNamed) {  // G130: a file that is something else, a newer one
  auto error = [](const std::string& bytes) {
    EXPECT_EQ(tarn_model_load_memory(bytes.data(), bytes.size()), nullptr) << bytes.substr(0, 20);
    return std::string(tarn_last_error());
  };
  EXPECT_NE(error(std::string(4096, '\0')), "");
  EXPECT_NE(error(std::string(100, '\xff')), "");
  EXPECT_EQ(tarn_model_load(TARN_SOURCE_DIR), nullptr);
  EXPECT_NE(std::string(tarn_last_error()).find("directory"), std::string::npos) << tarn_last_error();
  EXPECT_EQ(tarn_model_load(""), nullptr);
  EXPECT_EQ(tarn_model_load("/dev/null"), nullptr);
  EXPECT_EQ(tarn_model_load("missing/model.pb"), nullptr);
  EXPECT_NE(std::string(tarn_last_error()).find("'missing/model.pb'"), std::string::npos);
  std::string newer =
      testing::model_bytes("@versions {producer=1000000, min_consumer=1000000}\nx: f32[1] = Placeholder\n");
  EXPECT_NE(error(newer).find("1000000"), std::string::npos) << tarn_last_error();
}

TEST(CApiFiles, PicturesAndFilesAreNotTheEngines) {  // H141 to H143, H149: no picture is decoded, no file opened
  std::string picture = testing::model_bytes("x: str[] = Placeholder\ny: u8[?,?,?] = DecodeJpeg(x)\n");
  EXPECT_EQ(tarn_engine_load_memory(picture.data(), picture.size(), nullptr), nullptr);
  EXPECT_NE(std::string(tarn_last_error()).find("DecodeJpeg 'y'"), std::string::npos) << tarn_last_error();
  std::string file = testing::model_bytes("x: str[] = \"/etc/passwd\"\ny: str[] = ReadFile(x)\n");
  EXPECT_EQ(tarn_engine_load_memory(file.data(), file.size(), nullptr), nullptr);
  EXPECT_NE(std::string(tarn_last_error()).find("ReadFile 'y'"), std::string::npos) << tarn_last_error();
}

// Whether `work` is true in a process of its own.
[[maybe_unused]] bool holds_in_child(const std::function<bool()>& work) {
  pid_t child = fork();
  if (child == 0) _exit(work() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(CApiFiles, ShortMemoryAndDescriptorsAreErrorsAndTheAppGoesOn) {  // F127
#ifdef TARN_SANITIZED
  GTEST_SKIP() << "sanitizers reserve more address space than a limit would leave";
#else
  std::string large = testing::model_bytes(R"(
x: f32[?,1000] = Placeholder
rows: i32[2] = {600000, 1}
y: f32[?,?] = Tile(x, rows)
)");
  EXPECT_TRUE(holds_in_child([&] {
    tarn_engine* small = tarn_engine_load_memory(convnet().data(), convnet().size(), nullptr);
    tarn_engine* engine = tarn_engine_load_memory(large.data(), large.size(), nullptr);
    rlimit memory = {size_t{1} << 30, size_t{1} << 30};
    if (small == nullptr || engine == nullptr || setrlimit(RLIMIT_AS, &memory) != 0) return false;
    const int64_t shape[] = {1, 1000}, image[] = {1, 8, 8, 1};
    bool good = tarn_input_buffer(engine, 0, shape, 2, nullptr) != nullptr;
    good = good && tarn_run(engine) == TARN_RESOURCE_EXHAUSTED && std::strlen(tarn_last_error()) > 0;
    good = good && tarn_input_buffer(small, 0, image, 4, nullptr) != nullptr && tarn_run(small) == TARN_OK;
    return good;
  }));
  EXPECT_TRUE(holds_in_child([&] {
    rlimit files = {3, 3};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) return false;
    bool good = tarn_model_load("/proc/self/exe") == nullptr;
    good = good && std::strstr(tarn_last_error(), "/proc/self/exe") != nullptr;
    return good && load_and_run(convnet()).code == TARN_OK;
  }));
#endif
}

TEST(CApiFiles, TextsDoNotDependOnTheLocale) {  // F127: a decimal comma
  const char* found = nullptr;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"}) {
    if (found == nullptr) found = std::setlocale(LC_ALL, name);
  }
  if (found == nullptr) GTEST_SKIP() << "no locale with a decimal comma is installed here";
  tarn_engine* engine = tarn_engine_load_memory(convnet().data(), convnet().size(), nullptr);
  const int64_t image[] = {1, 8, 8, 1};
  EXPECT_NE(tarn_input_buffer(engine, 0, image, 4, nullptr), nullptr);
  EXPECT_EQ(tarn_profile_start(engine), TARN_OK);
  EXPECT_EQ(tarn_run(engine), TARN_OK);
  EXPECT_EQ(std::string(tarn_profile_text(engine)).find(','), std::string::npos);
  std::setlocale(LC_ALL, "C");
  tarn_engine_free(engine);
}

}  // namespace
}  // namespace tarn
