#include "runtime/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/support/file_faults.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

using testing::model_bytes;

Result<std::shared_ptr<const Engine>> load(std::string bytes, EngineOptions options = {}) {
  auto held = std::make_shared<std::string>(std::move(bytes));
  return Engine::load_bytes(*held, held, "model.pb", std::move(options));
}

::testing::AssertionResult says(const Status& status, std::initializer_list<std::string_view> parts) {
  if (status.ok()) return ::testing::AssertionFailure() << "is OK";
  for (std::string_view part : parts) {
    if (status.message().find(part) == std::string_view::npos)
      return ::testing::AssertionFailure() << "no \"" << part << "\" in: " << status.to_string();
  }
  return ::testing::AssertionSuccess();
}

const char kTwoInputs[] = R"(
image: f32[?,4] = Placeholder
count: i32[] = Placeholder
scale: f32[] = Cast(count) {DstT=f32}
scaled: f32[?,4] = Mul(image, scale)
shape: i32[2] = Shape(image)
)";

TEST(Engine, ListsInputsAndOutputsWithDtypeAndShape) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  auto text = [](const std::vector<EngineTensorInfo>& tensors) {
    std::string out;
    for (const EngineTensorInfo& t : tensors) str_append(out, t.name, " ", dtype_short_name(t.dtype), t.shape, "; ");
    return out;
  };
  EXPECT_EQ(text((*engine)->inputs()), "image f32[?,4]; count i32[]; ");
  EXPECT_EQ(text((*engine)->outputs()), "scaled f32[?,4]; shape i32[2]; ");
  EXPECT_EQ((*engine)->name(), "model.pb");
}

TEST(Engine, RunsForEverySizeThatItsInputsMayHave) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  for (int64_t batch : {1, 3, 2, 0, 3}) {
    Tensor image = testing::random_floats({batch, 4}, static_cast<uint32_t>(batch));
    ASSERT_TRUE(context.set_input("image", image).ok());
    ASSERT_TRUE(context.set_input("count:0", Tensor::scalar<int32_t>(3)).ok());
    Status status = context.run();
    ASSERT_TRUE(status.ok()) << status.to_string();
    const TensorView& scaled = **context.output("scaled");
    ASSERT_EQ(scaled.shape->to_string(), str_cat("[", batch, ",4]"));
    for (size_t i = 0; i < image.flat<float>().size(); ++i)
      EXPECT_EQ(scaled.flat<float>()[i], 3 * image.flat<float>()[i]);
    const TensorView& shape = **context.output(1);
    EXPECT_EQ(shape.as<int32_t>()[0], batch);
  }
}

TEST(Engine, ObservedRunsTellEveryStepOnceAndOthersTellNothing) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("image", testing::random_floats({2, 4}, 1)).ok());
  ASSERT_TRUE(context.set_input("count", Tensor::scalar<int32_t>(3)).ok());
  std::vector<int> steps;
  auto on_step = [](void* user, int step, int64_t nanoseconds) {
    static_cast<std::vector<int>*>(user)->push_back(nanoseconds >= 0 ? step : -1);
  };

  ASSERT_TRUE(context.run().ok());
  EXPECT_TRUE(steps.empty());

  context.observe_steps(on_step, &steps);
  ASSERT_TRUE(context.run().ok());
  std::vector<int> expected;
  for (size_t i = 0; i < context.program()->steps.size(); ++i) expected.push_back(static_cast<int>(i));
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(steps, expected);

  context.observe_steps(nullptr, nullptr);
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ(steps.size(), expected.size());
}

TEST(Engine, KeepsWhatWasSetUntilItIsSetAgain) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok());
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("image", Tensor::from<float>({1, 4}, {1, 2, 3, 4})).ok());
  for (int count : {2, 5}) {
    ASSERT_TRUE(context.set_input("count", Tensor::scalar<int32_t>(count)).ok());
    ASSERT_TRUE(context.run().ok());
    EXPECT_EQ((*context.output("scaled"))->as<float>()[3], 4.0f * static_cast<float>(count));
  }
}

TEST(Engine, InnerTensorsMayBeInputsAndOutputs) {
  EngineOptions options;
  options.inputs = {"scale", "image"};
  options.outputs = {"scaled:0", "image"};
  auto engine = load(model_bytes(kTwoInputs), options);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("scale", Tensor::scalar<float>(0.5f)).ok());
  ASSERT_TRUE(context.set_input("image", Tensor::from<float>({1, 4}, {2, 4, 6, 8})).ok());
  Status status = context.run();
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ((*context.output("scaled"))->as<float>()[3], 4);
  EXPECT_EQ((*context.output("image"))->as<float>()[3], 8);
}

TEST(Engine, SaysEveryInputThatIsNotSet) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok());
  EngineContext context(*engine);
  EXPECT_TRUE(says(context.run(), {"input 'image' is not set", "input 'count' is not set"}));
  EXPECT_TRUE(says(context.output("scaled").status(), {"'scaled'", "nothing was run"}));
  EXPECT_FALSE(context.has_run());
}

TEST(Engine, NamesWhatIsNotThereAndWhatIsNear) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok());
  EngineContext context(*engine);
  EXPECT_TRUE(says(context.set_input("imag", Tensor::scalar<float>(1)), {"'imag'", "did you mean 'image'", "'count'"}));
  EXPECT_EQ(context.set_input("imag", Tensor::scalar<float>(1)).code(), Code::kNotFound);
  EXPECT_TRUE(says(context.output("scale").status(), {"no output 'scale'", "did you mean 'scaled'"}));
  EXPECT_TRUE(says(context.set_input(2, Tensor::scalar<float>(1)), {"input 2", "2 inputs"}));
  EXPECT_TRUE(says(context.set_input(-1, Tensor::scalar<float>(1)), {"input -1"}));
  EngineOptions options;
  options.inputs = {"imag"};
  options.outputs = {"scald", "scaled:1"};
  EXPECT_TRUE(
      says(load(model_bytes(kTwoInputs), options).status(),
           {"'model.pb'", "input 'imag' is not in the graph; did you mean 'image'", "output 'scald'", "'scaled'"}));
  options.inputs = {};
  options.outputs = {"scaled:1"};
  EXPECT_TRUE(says(load(model_bytes(kTwoInputs), options).status(), {"'scaled:1'", "Mul 'scaled' has 1 output"}));
  options.outputs = {};
  options.inputs = {"image:1"};
  EXPECT_TRUE(says(load(model_bytes(kTwoInputs), options).status(), {"'image:1'", "Placeholder 'image' has 1 output"}));
  options.inputs = {"image", "image:0", "count"};
  EXPECT_TRUE(says(load(model_bytes(kTwoInputs), options).status(), {"'image:0'", "more than once"}));
  options.inputs = {"image"};
  EXPECT_TRUE(says(load(model_bytes(kTwoInputs), options).status(), {"must feed", "placeholder 'count'"}));
  options.inputs = {"^image"};
  EXPECT_TRUE(says(load(model_bytes(kTwoInputs), options).status(), {"'^image'"}));
}

TEST(Engine, RefusesInputsOfAnotherDtypeShapeOrSize) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok());
  EngineContext context(*engine);
  EXPECT_TRUE(says(context.set_input("image", *Tensor::zeros(DType::kDouble, {1, 4})), {"'image'", "float", "double"}));
  EXPECT_TRUE(says(context.set_input("image", *Tensor::zeros(DType::kFloat, {1, 5})), {"'image'", "[?,4]", "[1,5]"}));
  EXPECT_TRUE(says(context.set_input("image", *Tensor::zeros(DType::kFloat, {4})), {"'image'", "[?,4]", "[4]"}));
  EXPECT_TRUE(says(context.set_input("image", Tensor()), {"'image'"}));
  EXPECT_TRUE(says(context.set_input("count", *Tensor::zeros(DType::kInt32, {2})), {"'count'", "[]", "[2]"}));
  float four[4] = {};
  EXPECT_TRUE(says(context.set_input_memory(0, {1, 4}, four, 15), {"'image'", "15 bytes", "16"}));
  EXPECT_TRUE(says(context.set_input_memory(0, {1, 4}, nullptr, 16), {"'image'", "null"}));
  EXPECT_TRUE(says(context.set_input_memory(0, {1, -1}, four, 16), {"'image'"}));
  EXPECT_TRUE(says(context.run(), {"not set"}));
}

TEST(Engine, ABadSetLeavesTheOldInput) {
  auto engine = load(model_bytes(kTwoInputs));
  ASSERT_TRUE(engine.ok());
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("image", Tensor::from<float>({1, 4}, {1, 2, 3, 4})).ok());
  ASSERT_TRUE(context.set_input("count", Tensor::scalar<int32_t>(2)).ok());
  ASSERT_FALSE(context.set_input("image", *Tensor::zeros(DType::kFloat, {1, 5})).ok());
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ((*context.output("scaled"))->as<float>()[0], 2);
}

TEST(Engine, RefusesFilesThatAreNoGraphs) {
  struct Bad {
    std::string bytes;
    std::vector<std::string_view> parts;
  };
  std::string good = model_bytes(kTwoInputs);
  const Bad files[] = {{"", {"empty model file"}},
                       {"\x89PNG\r\n\x1a\n" + std::string(100, 'x'), {"not a GraphDef"}},
                       {"node { name: 'x' op: 'Placeholder' }", {"not a GraphDef"}},
                       {std::string(1000, '\xff'), {"not a GraphDef", "byte 0"}},
                       {good.substr(0, good.size() - 3), {"byte"}},
                       {good + std::string(64, '\xff'), {"byte"}}};
  for (const Bad& bad : files) {
    Status status = load(bad.bytes).status();
    EXPECT_TRUE(says(status, {"'model.pb'"}));
    for (std::string_view part : bad.parts) EXPECT_TRUE(says(status, {part}));
  }
  EXPECT_TRUE(says(Engine::load_file("no/such/file.pb").status(), {"no/such/file.pb", "No such file"}));
  TempDir dir;
  EXPECT_TRUE(says(Engine::load_file(dir.path()).status(), {dir.path()}));
  std::ofstream(dir.file("empty.pb"));
  EXPECT_TRUE(says(Engine::load_file(dir.file("empty.pb")).status(), {"empty.pb", "empty model file"}));
}

TEST(Engine, EveryPrefixOfAFileIsRefusedOrRuns) {  // A2
  std::string good = model_bytes(kTwoInputs);
  int accepted = 0;
  for (size_t size = 0; size < good.size(); ++size) {
    // Its own memory, so that sanitizers see a byte read too far.
    auto engine = load(good.substr(0, size));
    if (!engine.ok()) continue;
    ++accepted;  // the cut is between two nodes
    EXPECT_FALSE((*engine)->outputs().empty());
  }
  EXPECT_LT(accepted, 6);
}

TEST(Engine, NamesAllUnsupportedOpsAtOnceWithTheirNodes) {
  std::string text = R"(
x: f32[?,4] = Placeholder
a: f32[?,4] = Relu(x)
b: f32[?,4] = Softmax(a)
c: f32[?,4] = Neg(b)
)";
  std::string bytes = model_bytes(text);
  // Other ops of the same length, as no text of ours can spell them.
  auto rename = [&](std::string_view from, std::string_view to) { bytes.replace(bytes.find(from), to.size(), to); };
  rename("Softmax", "Softmqx");
  rename("Neg", "Ngg");
  Status status = load(bytes).status();
  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_TRUE(says(status, {"'Softmqx'", "'b'", "did you mean 'Softmax'", "'Ngg'", "'c'"}));
}

TEST(Engine, RefusesKernelsThatAreMissingForADtypeAtLoad) {
  // Accepted by the signature, with no kernel here.
  auto engine = load(model_bytes("x: c64[?] = Placeholder\ny: c64[?] = Neg(x)\n"));
  ASSERT_FALSE(engine.ok());
  EXPECT_TRUE(says(engine.status(), {"Neg 'y'", "complex64"}));
}

TEST(Engine, OpsThatNeedFilesAreRefusedAtLoadByNode) {
  auto engine = load(model_bytes(R"(
prefix: string[] = {"a"}
names: string[1] = {"v"}
slices: string[1] = {""}
restore: f32? = RestoreV2(prefix, names, slices) {dtypes=[f32]}
)"));
  ASSERT_FALSE(engine.ok());
  EXPECT_TRUE(says(engine.status(), {"RestoreV2 'restore'", "checkpoint"}));
}

TEST(Engine, SizesThatWouldOverflowAreRefusedNotPlanned) {  // 2^62 floats are 2^64 bytes, which is 0 in 64 bits
  auto engine = load(model_bytes(R"(
x: f32[1] = Placeholder
sizes: i64[1] = {4611686018427387904}
y: f32[4611686018427387904] = BroadcastTo(x, sizes)
z: f32[4611686018427387904] = Relu(y)
)"));
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(says(engine.status(), {"BroadcastTo 'y'", "4611686018427387904", "more than 2^63 bytes"}));
}

TEST(Engine, AnErrorOfARunLeavesTheContextUsable) {
  auto engine = load(model_bytes(R"(
x: f32[?] = Placeholder
shape: i32[2] = {2, 3}
y: f32[2,3] = Reshape(x, shape)
)"));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("x", testing::random_floats({5}, 1)).ok());
  EXPECT_TRUE(says(context.run(), {"Reshape 'y'", "[5]"}));
  EXPECT_FALSE(context.output("y").ok());
  ASSERT_TRUE(context.set_input("x", testing::random_floats({6}, 1)).ok());
  Status status = context.run();
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(context.output("y").ok());
}

TEST(Engine, PrepareTakesTheMemoryOfTheFirstRun) {
  auto engine = load(testing::frozen_convnet_bytes({}, 1));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.prepare().ok());
  size_t bytes = context.memory_bytes();
  EXPECT_GE(bytes, context.program()->stats.arena_bytes);
  EXPECT_GT(bytes, 0u);
  ASSERT_TRUE(context.set_input("input_node", testing::random_floats({1, 12, 12, 1}, 2)).ok());
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ(context.memory_bytes(), bytes);
}

TEST(Engine, OneEngineServesThreadsWithAContextEach) {
  auto engine = load(testing::frozen_convnet_bytes({}, 1));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  std::vector<Tensor> inputs, expected;
  for (int64_t batch : {1, 2, 3}) {
    inputs.push_back(testing::random_floats({batch, 12, 12, 1}, static_cast<uint32_t>(batch)));
    EngineContext context(*engine);
    ASSERT_TRUE(context.set_input(0, inputs.back()).ok());
    ASSERT_TRUE(context.run().ok());
    const TensorView& view = **context.output(0);
    expected.push_back(Tensor::from<float>(*view.shape, std::span<const float>(view.flat<float>())));
  }
  std::atomic<int> different = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      EngineContext context(*engine);
      for (size_t run = 0; run < 60; ++run) {
        size_t which = run % inputs.size();
        bool good = context.set_input(0, inputs[which]).ok() && context.run().ok();
        different += !(
            good && std::memcmp((*context.output(0))->data, expected[which].data(), expected[which].byte_size()) == 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different, 0);
}

TEST(Engine, AContextKeepsItsEngineAlive) {
  std::unique_ptr<EngineContext> context;
  {
    auto engine = load(model_bytes(kTwoInputs));
    ASSERT_TRUE(engine.ok());
    context = std::make_unique<EngineContext>(*engine);
  }
  ASSERT_TRUE(context->set_input("image", Tensor::from<float>({1, 4}, {1, 2, 3, 4})).ok());
  ASSERT_TRUE(context->set_input("count", Tensor::scalar<int32_t>(2)).ok());
  EXPECT_TRUE(context->run().ok());
}

}  // namespace
}  // namespace tarn
