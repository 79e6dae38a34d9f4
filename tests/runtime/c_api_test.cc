// The C API, as compiled C (c_api_in_c.c).
#include "runtime/c_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "graph/graph_io.h"
#include "graph/model_info.h"
#include "graph/text.h"
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

TEST(CApi, EnginesWithOtherOptionsShareOneModel) {
  EXPECT_EQ(c_api_engines_share_a_model(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, ReadsAPartOfAnOpenFile) {
  // As an asset lies in an APK: anywhere, between others. The descriptor is closed before the model is used.
  for (int64_t before : {0, 1, 4, 4095, 4096, 70000}) {
    std::FILE* file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    std::string all = std::string(static_cast<size_t>(before), '#') + model() + "what comes after it";
    ASSERT_EQ(std::fwrite(all.data(), 1, all.size(), file), all.size());
    ASSERT_EQ(std::fflush(file), 0);
    auto length = static_cast<int64_t>(model().size());
    tarn_engine* engine = tarn_engine_load_fd(fileno(file), before, length, nullptr);
    ASSERT_NE(engine, nullptr) << tarn_last_error();
    EXPECT_EQ(c_api_reads_descriptors(fileno(file), before, length, static_cast<int64_t>(all.size())), 0)
        << before << ": " << tarn_last_error();
    ASSERT_EQ(std::fclose(file), 0);
    const float x[] = {1, 2, 3};
    const int64_t shape[] = {1, 3};
    EXPECT_EQ(tarn_set_input_at(engine, 0, TARN_FLOAT, shape, 2, x, sizeof x), TARN_OK);
    EXPECT_EQ(tarn_run(engine), TARN_OK) << tarn_last_error();
    tarn_engine_free(engine);
  }
}

TEST(CApi, InputBuffersOfTheEngineAreWrittenInPlace) {
  EXPECT_EQ(c_api_input_buffers_are_written_in_place(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, OutputsGoToTheCallersBuffers) {
  EXPECT_EQ(c_api_output_buffers_are_written_to(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, StringsComeAndGo) {
  std::string bytes = testing::model_bytes(R"(
x: str[?] = Placeholder
tail: str[] = "!?"
y: str[?] = StringJoin(x, tail)
)");
  EXPECT_EQ(c_api_strings_come_and_go(bytes.data(), bytes.size()), 0) << tarn_last_error();
}

TEST(CApi, LimitsHold) {
  std::string endless = testing::model_bytes(testing::kEndlessLoop);
  EXPECT_EQ(c_api_limits_hold(model().data(), model().size(), endless.data(), endless.size()), 0) << tarn_last_error();
}

TEST(CApi, ThreadsMayBeChangedBetweenRuns) {
  EXPECT_EQ(c_api_threads_change(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, ProfilesSayWhereTheTimeGoes) {
  EXPECT_EQ(c_api_profiles(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, HandlesThatAreNoneAreErrorsForEveryFunction) {
  EXPECT_EQ(c_api_dead_handles_are_errors(model().data(), model().size()), 0) << tarn_last_error();
}

TEST(CApi, StructsOfOlderAndNewerProgramsAreRead) {
  EXPECT_EQ(c_api_structs_may_grow(model().data(), model().size()), 0) << tarn_last_error();
}

const std::string& model_with_an_op() {
  static const std::string bytes = testing::model_bytes(R"(
x: f32[?,3] = Placeholder
scaled: f32[?,3] = ScaleRows(x) {T=f32, factor=3.0}
y: f32[?,3] = Identity(scaled)
)",
                                                        true);
  return bytes;
}

TEST(CApiOps, OpsOfTheAppRunAndAreReleased) {
  EXPECT_EQ(c_api_runs_ops_of_the_app(model_with_an_op().data(), model_with_an_op().size()), 0) << tarn_last_error();
}

TEST(CApiOps, TheirErrorsAreTheRunsWithTheNodesName) {
  EXPECT_EQ(c_api_errors_of_ops_are_the_runs(model_with_an_op().data(), model_with_an_op().size()), 0)
      << tarn_last_error();
}

TEST(CApiOps, BadOnesAreRefusedAndReleased) {
  EXPECT_EQ(c_api_refuses_bad_ops(model_with_an_op().data(), model_with_an_op().size()), 0) << tarn_last_error();
}

TEST(CApiOps, SeeAttrsShapesConstantsAndStrings) {
  std::string bytes = testing::model_bytes(R"(
texts: str[?] = Placeholder
sizes: i32[2] = {5, 6}
look: (str[?], i64[]) = Look(texts, sizes) {n=7, flag=true, kind=i32, word="go", list=[4, 5, 6], size=shape[8,9], reals=[0.25, 0.5]}
reversed: str[?] = Identity(look)
doubled: i64[] = Add(look:1, look:1)
)",
                                           true);
  EXPECT_EQ(c_api_ops_see_all_there_is(bytes.data(), bytes.size()), 0) << tarn_last_error();
}

TEST(CApi, SaysWhatTheFileTellsOfTheModel) {
  Result<Graph> graph = graph_from_text("x: f32[?,2] = Placeholder\ny: f32[?,2] = Softmax(x)\n");
  ASSERT_TRUE(graph.ok());
  Metadata metadata;
  ASSERT_TRUE(set_metadata(metadata, "author", "J\xc3\xbcrgen").ok());
  ASSERT_TRUE(set_metadata(metadata, "inputs/x/mean", "127.5").ok());
  ASSERT_TRUE(set_metadata(metadata, "outputs/y/labels", "cat\ndog").ok());
  ASSERT_TRUE(store_metadata(*graph, metadata).ok());
  std::string bytes = *graph_bytes(*graph, GraphFormat::kBinary);
  tarn_model* model = tarn_model_load_memory(bytes.data(), bytes.size());
  ASSERT_NE(model, nullptr) << tarn_last_error();
  std::vector<std::string> told;
  for (int i = 0; i < tarn_model_metadata_count(model); ++i) {
    const char* key = tarn_model_metadata_key(model, i);
    ASSERT_NE(key, nullptr);
    told.push_back(str_cat(key, "=", tarn_model_metadata(model, key)));
  }
  EXPECT_THAT(told, ::testing::ElementsAre("author=J\xc3\xbcrgen", "inputs=x", "inputs/x/mean=127.5", "outputs=y",
                                           "outputs/y/labels=cat\ndog"));
  EXPECT_STREQ(tarn_model_metadata(model, "labels"), "cat\ndog");
  EXPECT_EQ(tarn_model_metadata(model, "labels"), tarn_model_metadata(model, "labels"));  // the text stays where it is
  EXPECT_EQ(std::string(tarn_model_metadata(model, "json")).find("{\"author\": "), 0u);
  EXPECT_EQ(tarn_model_metadata(model, "license"), nullptr);
  EXPECT_NE(std::string(tarn_last_error()).find("author"), std::string::npos) << tarn_last_error();
  tarn_model_free(model);
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
