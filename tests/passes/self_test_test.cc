#include "runtime/self_test.h"

#include <gtest/gtest.h>

#include "core/sample_tensor.h"
#include "graph/graph_io.h"
#include "graph/model_info.h"
#include "graph/text.h"
#include "passes/support/stored_test.h"
#include "proto/model_info.pb.h"
#include "runtime/c_api.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

using testing::model_bytes;

constexpr const char* kModel = R"(
x: f32[?,3] = Placeholder
w: f32[3,2] = {1, 2, 3, 4, 5, 6}
y: f32[?,2] = MatMul(x, w)
largest: i64[?] = ArgMax(y, axis)
axis: i32[] = 1
)";

Graph parsed(const char* text) {
  Result<Graph> graph = graph_from_text(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? *std::move(graph) : Graph();
}

SelfTest test_of(const Graph& graph, const std::vector<std::string>& outputs) {
  Result<SelfTest> test = stored_test(graph, {}, outputs);
  EXPECT_TRUE(test.ok()) << test.status().to_string();
  return test.ok() ? *std::move(test) : SelfTest();
}

std::shared_ptr<const Engine> engine_of(const Graph& graph, EngineOptions options = {}) {
  Result<std::string> bytes = graph_bytes(graph, GraphFormat::kBinary);
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  auto held = std::make_shared<std::string>(*std::move(bytes));
  Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(*held, held, "model.pb", std::move(options));
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  return engine.ok() ? *engine : nullptr;
}

TEST(SelfTest, GoesThroughTheFile) {
  Graph graph = parsed(kModel);
  graph.model_info = serialize_model_info({.self_test = test_of(graph, {"y", "largest"})});
  std::shared_ptr<const Engine> engine = engine_of(graph, {.outputs = {"y", "largest"}});
  Result<SelfTestReport> report = run_self_test(engine);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->outputs, 2);
  EXPECT_EQ(report->values, 3);  // f32[1,2] and i64[1]
  EXPECT_EQ(report->max_relative_difference, 0);
}

// Values written down by hand: the product of what sample_tensor() gives for the first input's seed, 1.
TEST(SelfTest, ExpectsWhatTheModelGives) {
  Graph graph = parsed(kModel);
  SelfTest test = test_of(graph, {"y"});
  ASSERT_EQ(test.inputs.size(), 1U);
  EXPECT_EQ(test.inputs[0].name, "x");
  EXPECT_EQ(test.inputs[0].shape, (Shape{1, 3}));
  Result<Tensor> x = sample_tensor(DType::kFloat, Shape{1, 3}, test.inputs[0].seed);
  ASSERT_TRUE(x.ok());
  std::span<const float> v = x->flat<float>();
  float expected[2] = {v[0] * 1 + v[1] * 3 + v[2] * 5, v[0] * 2 + v[1] * 4 + v[2] * 6};
  float stored[2];
  ASSERT_EQ(test.outputs[0].values.size(), sizeof(stored));
  std::memcpy(stored, test.outputs[0].values.data(), sizeof(stored));
  EXPECT_NEAR(stored[0], expected[0], 1e-6);
  EXPECT_NEAR(stored[1], expected[1], 1e-6);
}

TEST(SelfTest, FindsAWeightThatChanged) {
  SelfTest test = test_of(parsed(kModel), {"largest"});
  Graph other = parsed(kModel);
  // Too little for the output to tell.
  other.set_attr(*other.find("w"), "value", Tensor::from<float>(Shape{3, 2}, {1, 2, 3, 4.0001F, 5, 6}));
  ASSERT_TRUE(other.reinfer(*other.find("w")).ok());
  other.model_info = serialize_model_info({.self_test = test});
  Result<SelfTestReport> report = run_self_test(engine_of(other, {.outputs = {"largest"}}));
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kInternal);
  std::string text(report.status().message());
  EXPECT_NE(text.find("model.pb: self-test: the constants are not those"), std::string::npos) << text;
}

TEST(SelfTest, FindsAnOutputThatDiffers) {
  Graph graph = parsed(kModel);
  SelfTest test = test_of(graph, {"y"});
  float stored[2];
  ASSERT_EQ(test.outputs[0].values.size(), sizeof(stored));
  std::memcpy(stored, test.outputs[0].values.data(), sizeof(stored));
  stored[1] *= 1.01F;
  std::memcpy(test.outputs[0].values.data(), stored, sizeof(stored));
  graph.model_info = serialize_model_info({.self_test = test});
  Result<SelfTestReport> report = run_self_test(engine_of(graph, {.outputs = {"y"}}));
  ASSERT_FALSE(report.ok());
  std::string text(report.status().message());
  EXPECT_NE(text.find("model.pb: self-test: output 'y': element 1 is "), std::string::npos) << text;
  EXPECT_NE(text.find(", expected "), std::string::npos) << text;
}

TEST(SelfTest, OutputsWithoutElementsTestNothing) {
  Graph graph = parsed("x: f32[2,0] = Placeholder\ny: f32[2,0] = Relu(x)\n");
  Result<SelfTest> test = stored_test(graph, {}, {"y"});
  ASSERT_FALSE(test.ok());
  EXPECT_EQ(test.status().code(), Code::kFailedPrecondition) << test.status().to_string();
}

TEST(SelfTest, OfALargeOutputSomeElementsAreStored) {
  Graph graph = parsed("x: f32[1,1000] = Placeholder\ny: f32[1,1000] = Relu(x)\n");
  SelfTest test = test_of(graph, {"y"});
  EXPECT_EQ(test.outputs[0].step, 16);
  EXPECT_EQ(test.outputs[0].values.size(), 63 * sizeof(float));
  EXPECT_GT(test.outputs[0].range, 0.9);
  graph.model_info = serialize_model_info({.self_test = test});
  EXPECT_TRUE(run_self_test(engine_of(graph)).ok());
}

TEST(SelfTest, RandomNumbersCannotBeTested) {
  Graph graph =
      parsed("x: f32[4] = Placeholder\nshape: i32[1] = {4}\nr = RandomUniform(shape) {dtype=f32}\ny = Add(x, r)\n");
  Result<SelfTest> test = stored_test(graph, {}, {"y"});
  ASSERT_FALSE(test.ok());
  EXPECT_EQ(test.status().code(), Code::kFailedPrecondition) << test.status().to_string();
}

TEST(SelfTest, WithoutOneThatIsSaid) {
  Result<SelfTestReport> report = run_self_test(engine_of(parsed(kModel)));
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kNotFound);
}

TEST(SelfTest, AnEngineOpenedForOthersIsToldSo) {
  Graph graph = parsed(kModel);
  graph.model_info = serialize_model_info({.self_test = test_of(graph, {"y"})});
  Result<SelfTestReport> report = run_self_test(engine_of(graph, {.outputs = {"largest"}}));
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kFailedPrecondition);
}

TEST(SelfTest, InC) {
  Graph graph = parsed(kModel);
  graph.model_info = serialize_model_info({.self_test = test_of(graph, {"largest"})});
  Result<std::string> bytes = graph_bytes(graph, GraphFormat::kBinary);
  ASSERT_TRUE(bytes.ok());
  tarn_engine* engine = tarn_engine_load_memory(bytes->data(), bytes->size(), nullptr);
  ASSERT_NE(engine, nullptr) << tarn_last_error();
  EXPECT_EQ(tarn_self_test(engine), TARN_OK) << tarn_last_error();
  tarn_engine_free(engine);
  EXPECT_EQ(tarn_self_test(nullptr), TARN_INVALID_ARGUMENT);
}

// --- ModelInfo ------------------------------------------------------------------------------------------------------

TEST(ModelInfo, BothReadersAgree) {
  SelfTest test{.inputs = {{"x", DType::kUInt8, Shape{1, 0, 3}, ~uint64_t{0}}},
                .outputs = {{"y:1", DType::kHalf, Shape(), 7, std::string("\1\2", 2), 2.5}},
                .tolerance = 0.125,
                .constants_crc32c = 0xfedcba98};
  std::string bytes = serialize_model_info({.self_test = test});
  pb::ModelInfo message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  EXPECT_EQ(message.self_test().input(0).seed(), ~uint64_t{0});
  Result<ModelInfo> read = parse_model_info(bytes);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  ASSERT_TRUE(read->self_test);
  EXPECT_EQ(read->self_test->tolerance, 0.125);
  EXPECT_EQ(read->self_test->constants_crc32c, 0xfedcba98U);
  ASSERT_EQ(read->self_test->inputs.size(), 1U);
  EXPECT_EQ(read->self_test->inputs[0].dtype, DType::kUInt8);
  EXPECT_EQ(read->self_test->inputs[0].shape, (Shape{1, 0, 3}));
  EXPECT_EQ(read->self_test->inputs[0].seed, ~uint64_t{0});
  ASSERT_EQ(read->self_test->outputs.size(), 1U);
  const SelfTest::Output& output = read->self_test->outputs[0];
  EXPECT_EQ(output.name, "y:1");
  EXPECT_TRUE(output.shape.is_scalar());
  EXPECT_EQ(output.step, 7);
  EXPECT_EQ(output.values, std::string("\1\2", 2));
  EXPECT_EQ(output.range, 2.5);
}

TEST(ModelInfo, DamageIsAnErrorNotACrash) {
  SelfTest test{.inputs = {{"x", DType::kFloat, Shape{1, 2}, 1}},
                .outputs = {{"y", DType::kFloat, Shape{1}, 1, "abcd", 1}}};
  const std::string good = serialize_model_info({.self_test = test});
  for (size_t length = 1; length < good.size(); ++length) (void)parse_model_info(good.substr(0, length));
  for (size_t at = 0; at < good.size(); ++at) {
    for (char bit = 1; bit != 0; bit = static_cast<char>(bit << 1)) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      Graph graph = parsed(kModel);
      graph.model_info = bad;
      // Whatever it says: loads, and is judged or refused.
      (void)run_self_test(engine_of(graph, {.outputs = {"y"}}));
    }
  }
  EXPECT_FALSE(parse_model_info(good.substr(0, good.size() / 2)).ok());
}

TEST(ModelInfo, GoesThroughTarnsTextAndNotThroughTensorFlows) {
  Graph graph = parsed(kModel);
  graph.model_info = serialize_model_info({.self_test = test_of(graph, {"y"})});
  Result<Graph> again = graph_from_text(graph_to_text(graph));
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->model_info, graph.model_info);
  Result<std::string> text = graph_bytes(graph, GraphFormat::kPbtxt);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->find("model_info"), std::string::npos);
}

TEST(ModelInfo, OfAChangedGraphTheTestIsDropped) {
  Graph graph = parsed(kModel);
  graph.model_info = serialize_model_info({.self_test = test_of(graph, {"y"})});
  drop_self_test(graph);
  EXPECT_EQ(graph.model_info, "");
}

}  // namespace
}  // namespace tarn
