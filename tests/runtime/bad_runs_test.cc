// Rows 33-41 of the catalogue of bad inputs, as far as they are of runs and branches: by session and engine, with the
// next good run after each. Functions (33, 34) are in functions_test.cc, loops (37, 38) in loops_test.cc.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/session.h"
#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/file_ops.h"
#include "tests/support/models.h"
#include "tests/support/text_runs.h"

namespace tarn {
namespace {

using testing::engine_run;
using testing::model_bytes;
using testing::run;
using testing::session_run;

bool says(const std::string& message, std::initializer_list<std::string_view> parts) {
  for (std::string_view part : parts) {
    if (message.find(part) != std::string::npos) continue;
    ADD_FAILURE() << "no '" << part << "' in: " << message;
    return false;
  }
  return true;
}

constexpr std::string_view kGood = "x: f32[2] = Placeholder\ny = Neg(x)\n";
Tensor two(float a, float b) {
  return Tensor::from<float>({2}, {a, b});
}

TEST(BadRuns, ShapesThatAFileClaimsAreNotBelieved) {  // B35
  for (const char* claimed : {"size: 7", "size: 4611686018427387904", "size: -5"}) {
    pb::GraphDef def = testing::graph_def(
        testing::placeholder("x") +
        testing::typed("y", "Relu", "input: 'x'",
                       str_cat(testing::kFloatT, " attr { key: '_output_shapes' value { list { shape { dim { ", claimed,
                               " } } } } }")));
    std::string bytes = def.SerializeAsString();
    EngineOptions options;
    options.outputs = {"y"};
    auto engine = Engine::load_bytes(bytes, nullptr, "claims", options);
    if (std::string_view(claimed) == "size: -5" && !engine.ok()) {
      EXPECT_TRUE(says(std::string(engine.status().message()), {"'y'", "_output_shapes", "-5"}));
      continue;
    }
    ASSERT_TRUE(engine.ok()) << engine.status().to_string();
    EngineContext context(*engine);
    ASSERT_TRUE(context.set_input("x", two(-1, 2)).ok());
    Status status = context.run();
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ((*context.output(0))->shape->to_string(), "[2]") << claimed;
  }
}

// What nothing needs is judged for its structure alone, in branches that a constant rules out even types and shapes do
// no harm; where the predicate is only known at run time, they do.
TEST(BadRuns, WhatIsWrongInBranchesThatAreNeverTakenHarmsNobody) {  // B36
  auto text = [](const char* on) {
    return str_cat("on: bool[] = ", on,
                   "\nx: f32[?] = Placeholder\nlong: f32[3] = {1, 2, 3}\ns = Switch(x, on)\n"
                   "bad = Add(s:1, long)\ngood = Neg(s)\ny = Merge(good, bad)\n");
  };
  EXPECT_EQ(run(text("false"), {{"x", two(1, 2)}}, {"y"}), "f32[2]{-1, -2}");
  for (const std::string& message :
       {session_run(text("true"), {{"x", two(1, 2)}}, {"y"}),
        session_run(text("Placeholder"), {{"x", two(1, 2)}, {"on", Tensor::scalar(false)}}, {"y"})}) {
    EXPECT_TRUE(says(message, {"Add 'bad'", "[2]", "[3]"}));
  }
  EXPECT_EQ(run("x: f32[?] = Placeholder\nlong: f32[3] = {1, 2, 3}\nbad = Add(x, long)\ny = Neg(x)\n",
                {{"x", two(1, 2)}}, {"y"}),
            "f32[2]{-1, -2}");
}

TEST(BadRuns, SwitchesAndMergesWithoutEachOther) {  // B37
  const char* one = "on: bool[] = Placeholder\nx: f32[2] = Placeholder\ns = Switch(x, on)\ny = Neg(s:1)\n";
  EXPECT_EQ(run(one, {{"on", Tensor::scalar(true)}, {"x", two(1, 2)}}, {"y"}), "f32[2]{-1, -2}");
  EXPECT_EQ(run(one, {{"on", Tensor::scalar(false)}, {"x", two(1, 2)}}, {"y"}),
            "fetch 'y': its branch was not taken in this run");
  EXPECT_EQ(run("x: f32[2] = Placeholder\nz = Neg(x)\ny = Merge(z, x)\n", {{"x", two(1, 2)}}, {"y:1"}).substr(0, 5),
            "i32[]");
  pb::GraphDef def = testing::graph_def(
      testing::typed("y", "Merge", "", str_cat(testing::kFloatT, " attr { key: 'N' value { i: 0 } }")));
  auto engine = Engine::load_bytes(def.SerializeAsString(), nullptr, "merge", {.outputs = {"y"}});
  ASSERT_FALSE(engine.ok());
  EXPECT_TRUE(says(std::string(engine.status().message()), {"Merge 'y'", "'N'", "0"}));
}

TEST(BadRuns, NamesThatAreNotThereAreSaidWithTheNearest) {  // B39
  const std::string text = str_cat(kGood, "nothing = NoOp()\n");
  const testing::Feeds good = {{"x", two(1, 2)}};
  EXPECT_TRUE(says(session_run(text, good, {"yy"}), {"'yy'", "did you mean 'y'"}));
  EXPECT_TRUE(says(engine_run(text, good, {"yy"}), {"'yy'", "did you mean 'y'"}));
  EXPECT_TRUE(says(session_run(text, good, {"y:3"}), {"'y:3'", "has 1 output"}));
  EXPECT_TRUE(says(engine_run(text, good, {"y:3"}), {"'y:3'", "has 1 output"}));
  EXPECT_TRUE(says(session_run(text, good, {"nothing"}), {"'nothing'", "has no output to fetch"}));
  EXPECT_TRUE(says(engine_run(text, good, {"nothing"}), {"'nothing", "has 0 outputs"}));
  EXPECT_TRUE(says(session_run(text, {{"xx", two(1, 2)}}, {"y"}), {"'xx'", "did you mean 'x'"}));
  EXPECT_TRUE(says(engine_run(text, {{"xx", two(1, 2)}}, {"y"}), {"'xx'", "did you mean 'x'"}));
  EXPECT_TRUE(says(session_run(text, {{"x", two(1, 2)}, {"x:0", two(3, 4)}}, {"y"}), {"'x:0'", "more than once"}));
  std::string bytes = model_bytes(text);
  auto engine = Engine::load_bytes(bytes, nullptr, "twice", {.inputs = {"x", "x:0"}, .outputs = {"y"}});
  ASSERT_FALSE(engine.ok());
  EXPECT_TRUE(says(std::string(engine.status().message()), {"'x", "more than once"}));
  EXPECT_EQ(run(text, good, {"y"}), "f32[2]{-1, -2}");
}

TEST(BadRuns, FeedsThatDoNotFitAreSaidWithBoth) {  // B40
  struct Bad {
    Tensor given;
    std::initializer_list<std::string_view> parts;
  };
  const Bad cases[] = {
      {Tensor::from<double>({2}, {1, 2}), {"'x'", "float", "double"}},
      {Tensor::from<float>({2, 1}, {1, 2}), {"'x'", "[2]", "[2,1]"}},
      {Tensor::from<float>({3}, {1, 2, 3}), {"'x'", "[2]", "[3]"}},
      {*Tensor::zeros(DType::kFloat, {0}), {"'x'", "[2]", "[0]"}},
      {Tensor(), {"'x'"}},
  };
  Graph graph = *graph_from_text(kGood);
  Session session(graph, {.threads = 1});
  std::string bytes = model_bytes(kGood);
  auto engine = Engine::load_bytes(bytes, nullptr, "good", {.outputs = {"y"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  for (const Bad& bad : cases) {
    std::vector<Tensor> out;
    Status status = session.Run({{"x", bad.given}}, {"y"}, &out);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(says(std::string(status.message()), bad.parts));
    status = context.set_input("x", bad.given);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(says(std::string(status.message()), bad.parts));
    ASSERT_TRUE(session.Run({{"x", two(1, -2)}}, {"y"}, &out).ok());
    EXPECT_EQ(out[0].to_string(), "f32[2]{-1, 2}");
    ASSERT_TRUE(context.set_input("x", two(1, -2)).ok());
    ASSERT_TRUE(context.run().ok());
    EXPECT_EQ((*context.output(0))->as<float>()[1], 2);
  }
}

TEST(BadRuns, NaNsGoThroughAndEmptyFeedsAreTakenWhereTheyFit) {  // B40
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(run("x: f32[?] = Placeholder\ny = Add(x, x)\n", {{"x", two(nan, infinity)}}, {"y"}), "f32[2]{nan, inf}");
  EXPECT_EQ(run("x: f32[?] = Placeholder\ny = Neg(x)\n", {{"x", *Tensor::zeros(DType::kFloat, {0})}}, {"y"}),
            "f32[0]{}");
}

TEST(BadRuns, MemoryThatIsMisalignedIsCopied) {  // B40
  std::string bytes = model_bytes(kGood);
  auto engine = Engine::load_bytes(bytes, nullptr, "good", {.outputs = {"y"}});
  ASSERT_TRUE(engine.ok());
  EngineContext context(*engine);
  alignas(8) char memory[16] = {};
  const float values[2] = {3, 4};
  std::memcpy(memory + 1, values, sizeof(values));
  ASSERT_TRUE(context.set_input_memory(0, {2}, memory + 1, sizeof(values)).ok());
  std::memset(memory, 0, sizeof(memory));  // it was copied when it was set
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ((*context.output(0))->as<float>()[0], -3);
  EXPECT_EQ((*context.output(0))->as<float>()[1], -4);
}

TEST(BadRuns, WhatIsConstantMayBeFedForOneRun) {  // B41
  constexpr std::string_view text = "x: f32[2] = {1, 2}\ny = Neg(x)\n";
  EXPECT_EQ(run(text, {}, {"y"}), "f32[2]{-1, -2}");
  Graph graph = *graph_from_text(text);
  Session session(graph, {.threads = 1});
  std::vector<Tensor> out;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(session.Run({{"x", two(5, 6)}}, {"y", "x"}, &out).ok());
    EXPECT_EQ(out[0].to_string() + out[1].to_string(), "f32[2]{-5, -6}f32[2]{5, 6}");
    ASSERT_TRUE(session.Run({}, {"y", "x"}, &out).ok());
    EXPECT_EQ(out[0].to_string() + out[1].to_string(), "f32[2]{-1, -2}f32[2]{1, 2}");
  }
  std::string bytes = model_bytes(text);
  auto engine = Engine::load_bytes(bytes, nullptr, "fed", {.inputs = {"x"}, .outputs = {"y"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("x", two(5, 6)).ok());
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ((*context.output(0))->as<float>()[1], -6);
}

// x -> x[1], x[0] + x[1]: wrong if it is written where it is read.
TEST(BadRuns, WhatARunPutOutMayBeFedToTheNext) {  // B41
  constexpr std::string_view text =
      "x: f32[2] = Placeholder\nw: f32[2,2] = {0, 1, 1, 1}\nrow: i32[2] = {1, 2}\nflat: i32[1] = {2}\n"
      "x2 = Reshape(x, row)\nm = MatMul(x2, w)\ny = Reshape(m, flat)\n";
  Graph graph = *graph_from_text(text);
  Session session(graph, {.threads = 1});
  std::vector<Tensor> out = {two(1, 1)};
  std::string bytes = model_bytes(text);
  auto engine = Engine::load_bytes(bytes, nullptr, "fibonacci", {.outputs = {"y"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("x", two(1, 1)).ok());
  float a = 1, b = 1;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(session.Run({{"x", out[0]}}, {"y"}, &out).ok());
    ASSERT_TRUE(context.run().ok());
    const TensorView& y = **context.output(0);
    std::swap(a, b);
    b += a;
    EXPECT_EQ(out[0].flat<float>()[0], a);
    EXPECT_EQ(out[0].flat<float>()[1], b);
    EXPECT_EQ(y.as<float>()[0], a);
    EXPECT_EQ(y.as<float>()[1], b);
    ASSERT_TRUE(context.set_input_memory(0, {2}, y.data, 8).ok());
  }
}

}  // namespace
}  // namespace tarn
