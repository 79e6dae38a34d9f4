// Steps that run together by rows: the same bits as one after another, in less memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "core/file.h"
#include "graph/graph_io.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

std::shared_ptr<const Engine> load(const std::string& bytes, bool streaming, int threads,
                                   std::vector<std::string> outputs = {}) {
  EngineOptions options{.threads = threads, .outputs = std::move(outputs), .streaming = streaming};
  auto engine = Engine::load_bytes(bytes, nullptr, "stream.pb", options);
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  return engine.ok() ? *engine : nullptr;
}

void set_inputs(EngineContext& context, int64_t batch) {
  const std::vector<EngineTensorInfo>& inputs = context.engine().inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = inputs[i].shape;
    if (shape.dim(0) < 0) shape.set_dim(0, batch);
    Status status =
        context.set_input(static_cast<int>(i), testing::random_floats(shape, static_cast<uint32_t>(i + 1)));
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
}

std::vector<std::string> outputs_of(const EngineContext& context) {
  std::vector<std::string> values;
  for (size_t i = 0; i < context.engine().outputs().size(); ++i) {
    const TensorView& view = **context.output(static_cast<int>(i));
    values.emplace_back(view.as<char>(), static_cast<size_t>(view.count) * dtype_size(view.dtype));
  }
  return values;
}

struct Ran {
  std::vector<std::string> values;  // the bytes of each output
  ProgramStats stats;
};

Ran run(const std::string& bytes, bool streaming, int threads, int64_t batch,
        const std::vector<std::string>& outputs = {}) {
  std::shared_ptr<const Engine> engine = load(bytes, streaming, threads, outputs);
  if (engine == nullptr) return {};
  EngineContext context(engine);
  set_inputs(context, batch);
  for (int times = 0; times < 2; ++times) {  // what a run leaves in memory does not matter to the next
    Status status = context.run();
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!status.ok()) return {};
  }
  return {outputs_of(context), context.program()->stats};
}

std::string conv(std::string_view name, std::string_view x, std::string_view filter, std::string_view attrs) {
  return str_cat(name, "_w: f32[", filter, "] = random(seed=", name.size() + filter.size(), ")\n", name, " = Conv2D(", x,
                 ", ", name, "_w) {", attrs, "}\n");
}
std::string depthwise(std::string_view name, std::string_view x, std::string_view filter, std::string_view attrs) {
  return str_cat(name, "_w: f32[", filter, "] = random(seed=", name.size() + filter.size(), ")\n", name,
                 " = DepthwiseConv2dNative(", x, ", ", name, "_w) {", attrs, "}\n");
}
constexpr std::string_view kSame = "strides=[1, 1, 1, 1], padding=\"SAME\"";
constexpr std::string_view kValid = "strides=[1, 1, 1, 1], padding=\"VALID\"";
constexpr std::string_view kSameBy2 = "strides=[1, 2, 2, 1], padding=\"SAME\"";
constexpr std::string_view kValidBy2 = "strides=[1, 2, 2, 1], padding=\"VALID\"";

struct Case {
  const char* what;
  std::string text;  // y = …
  int streamed;      // steps that run together, of batch 1 on one thread
};

std::vector<Case> cases() {
  const std::string image = "x: f32[?,64,48,16] = Placeholder\n";
  const std::string odd = "x: f32[?,61,47,16] = Placeholder\n";
  return {
      {"expand, depthwise, project",
       image + conv("a", "x", "1,1,16,96", kSame) + depthwise("b", "a", "3,3,96,1", kSame) +
           conv("y", "b", "1,1,96,16", kSame),
       3},
      {"a shortcut around them",
       image + conv("start", "x", "1,1,16,24", kSameBy2) + conv("a", "start", "1,1,24,96", kSame) +
           depthwise("b", "a", "3,3,96,1", kSame) + conv("c", "b", "1,1,96,24", kSame) + "y = AddV2(c, start)\n",
       3},
      {"odd heights and strides",
       odd + conv("a", "x", "3,3,16,40", kSameBy2) + depthwise("b", "a", "3,3,40,1", kSameBy2) +
           conv("y", "b", "1,1,40,24", kSame),
       3},
      {"VALID, a transform in tiles of rows",
       image + conv("a", "x", "3,3,16,32", kValid) + conv("b", "a", "3,3,32,64", kValid) +
           "y = MaxPool(b) {ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding=\"VALID\"}\n",
       3},
      {"averages at the edge",
       odd + conv("a", "x", "1,1,16,64", kSame) +
           "y = AvgPool(a) {ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding=\"SAME\"}\n",
       2},
      {"explicit padding, dilation",
       image +
           conv("a", "x", "3,3,16,48",
                "strides=[1, 1, 1, 1], padding=\"EXPLICIT\", explicit_paddings=[0, 0, 2, 1, 0, 2, 0, 0]") +
           depthwise("b", "a", "3,3,48,1", "strides=[1, 1, 1, 1], padding=\"SAME\", dilations=[1, 2, 2, 1]") +
           conv("y", "b", "1,1,48,8", kSame),
       3},
      {"two columns of a transform",
       image + conv("a", "x", "7,1,16,32", kSame) + conv("b", "a", "1,7,32,32", kSame) +
           "y = MaxPool(b) {ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding=\"VALID\"}\n",
       3},
      {"a multiplier, and rows that no window reads",
       image + depthwise("a", "x", "3,3,16,4", kSame) + conv("y", "a", "1,1,64,16", kValidBy2), 2},
  };
}

TEST(Stream, GivesTheBitsOfWholeSteps) {
  for (const Case& c : cases()) {
    const std::string bytes = testing::model_bytes(c.text);
    for (int64_t batch : {1, 3}) {
      const Ran whole = run(bytes, false, 1, batch);
      EXPECT_EQ(whole.stats.streamed_steps, 0);
      for (int threads : {1, 2, 3, 5, 8}) {
        SCOPED_TRACE(str_cat(c.what, ", batch ", batch, ", ", threads, " threads"));
        const Ran streamed = run(bytes, true, threads, batch);
        EXPECT_EQ(streamed.values, whole.values);
        if (threads == 1 && batch == 1) {
          EXPECT_EQ(streamed.stats.streamed_steps, c.streamed);
          EXPECT_LT(streamed.stats.arena_bytes, whole.stats.arena_bytes);
        }
      }
    }
  }
}

// Chains of whatever can run by rows, of sizes that leave remainders everywhere.
std::string random_chain(uint32_t seed) {
  std::mt19937 random(seed);
  const auto one_of = [&](auto... choices) {
    const std::common_type_t<decltype(choices)...> all[] = {choices...};
    return all[random() % sizeof...(choices)];
  };
  int64_t height = one_of(17, 31, 48, 63, 80), width = one_of(9, 23, 40, 57), channels = one_of(3, 8, 16, 20, 33);
  std::string text = str_cat("x: f32[?,", height, ",", width, ",", channels, "] = Placeholder\n");
  std::string last = "x";
  const int steps = 3 + static_cast<int>(random() % 6);
  for (int step = 0; step < steps && std::min(height, width) >= 8; ++step) {
    const std::string name = str_cat("n", step);
    const int64_t stride = one_of(1, 1, 1, 2);
    const bool same = random() % 2 == 0;
    const int64_t taps_h = one_of(1, 1, 3, 3, 5, 7), taps_w = taps_h == 7 ? 1 : one_of(taps_h, int64_t{3});
    const std::string attrs =
        str_cat("strides=[1, ", stride, ", ", stride, ", 1], padding=\"", same ? "SAME" : "VALID", "\"");
    int64_t window_h = taps_h, window_w = taps_w;
    switch (random() % 4) {
      case 0: {
        window_h = window_w = 3;
        text += depthwise(name, last, str_cat("3,3,", channels, ",1"), attrs);
        break;
      }
      case 1: {
        window_h = window_w = one_of(2, 3);
        str_append(text, name, " = ", one_of("MaxPool", "AvgPool"), "(", last, ") {ksize=[1, ", window_h, ", ",
                   window_w, ", 1], ", attrs, "}\n");
        break;
      }
      default: {
        const int64_t filters = one_of(8, 17, 32, 48);
        text += conv(name, last, str_cat(taps_h, ",", taps_w, ",", channels, ",", filters), attrs);
        channels = filters;
      }
    }
    last = name;
    if (random() % 2 == 0) {
      str_append(text, name, "_b: f32[", channels, "] = random(seed=", step, ")\n", name, "_biased = BiasAdd(", last,
                 ", ", name, "_b)\n", name, "_act = ", one_of("Relu", "Relu6"), "(", name, "_biased)\n");
      last = name + "_act";
    }
    height = same ? (height + stride - 1) / stride : (height - window_h) / stride + 1;
    width = same ? (width + stride - 1) / stride : (width - window_w) / stride + 1;
  }
  return str_cat(text, "y = Identity(", last, ")\n");
}

TEST(Stream, RandomChainsGiveTheBitsOfWholeSteps) {
  int streamed_chains = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const std::string bytes = testing::model_bytes(random_chain(seed));
    const int64_t batch = 1 + seed % 3;
    const Ran whole = run(bytes, false, 1, batch);
    for (int threads : {1, 2, 4}) {
      const Ran streamed = run(bytes, true, threads, batch);
      ASSERT_EQ(streamed.values, whole.values) << "seed " << seed << ", " << threads << " threads:\n"
                                               << random_chain(seed);
      EXPECT_LE(streamed.stats.arena_bytes, whole.stats.arena_bytes) << "seed " << seed;
      streamed_chains += streamed.stats.streamed_steps > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(streamed_chains, 60) << "of 180: too few to tell anything";
}

TEST(Stream, LeavesAloneWhatIsReadTwiceOrFetched) {
  const std::string chain = "x: f32[?,64,48,16] = Placeholder\n" + conv("a", "x", "1,1,16,96", kSame) +
                            depthwise("b", "a", "3,3,96,1", kSame);
  const std::string bytes = testing::model_bytes(chain);
  EXPECT_EQ(run(bytes, true, 1, 1, {"b"}).stats.streamed_steps, 2);
  EXPECT_EQ(run(bytes, true, 1, 1, {"a", "b"}).stats.streamed_steps, 0);
  const std::string twice = testing::model_bytes(chain + "y = AddV2(a, b)\n");
  EXPECT_EQ(run(twice, true, 1, 1).stats.streamed_steps, 0);
}

TEST(Stream, SizesMayChangeFromRunToRun) {
  const std::string bytes = testing::model_bytes("x: f32[?,?,?,16] = Placeholder\n" +
                                                 conv("a", "x", "3,3,16,48", kSame) +
                                                 depthwise("b", "a", "3,3,48,1", kSameBy2) +
                                                 conv("y", "b", "1,1,48,16", kSame));
  EngineContext streamed(load(bytes, true, 2)), whole(load(bytes, false, 1));
  for (const Shape& shape : {Shape{1, 64, 48, 16}, Shape{2, 33, 51, 16}, Shape{1, 3, 2, 16}, Shape{0, 8, 8, 16}}) {
    const Tensor image = testing::random_floats(shape, 1);
    for (EngineContext* context : {&streamed, &whole}) {
      ASSERT_TRUE(context->set_input(0, image).ok());
      Status status = context->run();
      ASSERT_TRUE(status.ok()) << shape.to_string() << ": " << status.to_string();
    }
    EXPECT_EQ(outputs_of(streamed), outputs_of(whole)) << shape.to_string();
  }
}

TEST(Stream, ObservedRunsTellEveryStepOnceInOrder) {
  const std::string bytes = testing::model_bytes(cases()[0].text);
  for (int threads : {1, 2}) {
    EngineContext context(load(bytes, true, threads));
    set_inputs(context, 1);
    std::vector<std::pair<int, int64_t>> told;
    context.observe_steps([](void* user, int step,
                             int64_t time) { static_cast<decltype(told)*>(user)->emplace_back(step, time); },
                          &told);
    ASSERT_TRUE(context.run().ok());

    const std::vector<Step>& steps = context.program()->steps;
    ASSERT_EQ(told.size(), steps.size());
    for (size_t s = 0; s < steps.size(); ++s) {
      EXPECT_EQ(told[s].first, static_cast<int>(s));
      if (steps[s].kind == StepKind::kPart || steps[s].parts > 0) {
        EXPECT_GT(told[s].second, 0) << steps[s].node;
      }
    }
    EXPECT_EQ(std::count_if(steps.begin(), steps.end(), [](const Step& s) { return s.kind == StepKind::kPart; }), 2);
  }
}

TEST(Stream, StopsWithinAChainAndRunsAgain) {
  const std::string bytes = testing::model_bytes("x: f32[?,512,512,32] = Placeholder\n" +
                                                 conv("a", "x", "3,3,32,64", kSameBy2) +
                                                 depthwise("b", "a", "3,3,64,1", kSame) +
                                                 conv("y", "b", "1,1,64,64", kSame));
  EngineContext context(load(bytes, true, 1));
  set_inputs(context, 1);
  ASSERT_TRUE(context.run().ok());
  ASSERT_GT(context.program()->stats.streamed_steps, 0);
  const std::vector<std::string> expected = outputs_of(context);

  context.set_timeout(1);
  const auto start = std::chrono::steady_clock::now();
  Status status = context.run();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded) << status.to_string();
  EXPECT_NE(status.message().find("'y'"), std::string::npos) << status.to_string();
  EXPECT_LT(took.count(), 100) << "some milliseconds, but for a machine that is busy";

  context.set_timeout(0);
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ(outputs_of(context), expected);
}

// MobileNet v2 up to 28 x 28.
std::string mobilenet_v2_text() {
  std::string text = "x: f32[?,224,224,3] = Placeholder\n" + conv("first", "x", "3,3,3,32", kSameBy2) +
                     depthwise("d0", "first", "3,3,32,1", kSame) + conv("p0", "d0", "1,1,32,16", kSame);
  std::string last = "p0";
  int channels = 16;
  struct Block {
    int out, stride;
  };
  int number = 0;
  for (auto [out, stride] : {Block{24, 2}, Block{24, 1}, Block{32, 2}, Block{32, 1}, Block{32, 1}}) {
    const std::string n = str_cat(++number), expanded = str_cat(6 * channels);
    text += conv("e" + n, last, str_cat("1,1,", channels, ",", expanded), kSame);
    str_append(text, "er", n, " = Relu6(e", n, ")\n");
    text += depthwise("d" + n, "er" + n, str_cat("3,3,", expanded, ",1"), stride == 2 ? kSameBy2 : kSame);
    str_append(text, "dr", n, " = Relu6(d", n, ")\n");
    text += conv("p" + n, "dr" + n, str_cat("1,1,", expanded, ",", out), kSame);
    const bool adds = stride == 1 && out == channels;
    if (adds) str_append(text, "s", n, " = AddV2(p", n, ", ", last, ")\n");
    last = (adds ? "s" : "p") + n;
    channels = out;
  }
  return str_cat(text, "y = Relu6(", last, ")\n");
}

// At most 1 % above what any plan of these steps needs.
void expect_near_bound(const ProgramStats& stats) {
  EXPECT_LE(static_cast<double>(stats.arena_bytes), 1.01 * static_cast<double>(stats.arena_lower_bound_bytes));
}

TEST(Stream, MobileNetV2TakesLessThanAQuarter) {
  const std::string bytes = testing::model_bytes(mobilenet_v2_text());
  const Ran whole = run(bytes, false, 1, 1), streamed = run(bytes, true, 1, 1);
  EXPECT_EQ(streamed.values, whole.values);
  EXPECT_GT(whole.stats.arena_bytes, 6'000'000u);
  EXPECT_LT(streamed.stats.arena_bytes, 1'500'000u);
  expect_near_bound(streamed.stats);
}

TEST(Stream, RealModelsStayWithinTheirBounds) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  struct Model {
    const char* name;
    size_t most_bytes;
  };
  for (auto [name, most_bytes] : {Model{"topo_mobilenet_v1_100_224", 1'200'000}, Model{"topo_inception_v3", 5'000'000}}) {
    SCOPED_TRACE(name);
    const std::string path = str_cat(data, "/models/", name, "/graph.pb.gz");
    if (!file_exists(path)) GTEST_SKIP() << path << " is not there";
    Result<Graph> graph = read_graph(path);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const std::string bytes = *graph_bytes(*graph, GraphFormat::kBinary);
    EngineContext context(load(bytes, true, 1));
    set_inputs(context, 1);
    Status status = context.prepare();
    ASSERT_TRUE(status.ok()) << status.to_string();
    ASSERT_NE(context.program(), nullptr);
    EXPECT_LE(context.program()->stats.arena_bytes, most_bytes);
    expect_near_bound(context.program()->stats);
  }
}

}  // namespace
}  // namespace tarn
