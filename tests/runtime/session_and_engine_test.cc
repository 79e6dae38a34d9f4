// A frozen graph gives the same bits in a session and in the engine: compiler, executor and kernels are the same.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "graph/graph_io.h"
#include "graph/session.h"
#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

Result<Tensor> run_session(const Graph& graph, const Tensor& x, SessionOptions options) {
  Session session(graph, std::move(options));
  std::vector<Tensor> out;
  TARN_RETURN_IF_ERROR(session.Run({{"input_node", x}}, {"output_node"}, &out));
  return out[0];
}

Result<Tensor> run_engine(const std::string& bytes, const Tensor& x, EngineOptions options) {
  TARN_ASSIGN_OR_RETURN(auto engine, Engine::load_bytes(bytes, nullptr, "model", std::move(options)));
  EngineContext context(engine);
  TARN_RETURN_IF_ERROR(context.set_input("input_node", x));
  TARN_RETURN_IF_ERROR(context.run());
  TARN_ASSIGN_OR_RETURN(const TensorView* view, context.output("output_node"));
  return Tensor::from<float>(*view->shape, std::span<const float>(view->flat<float>()));
}

TEST(SessionAndEngine, GiveIdenticalBitsOnAnyNumberOfThreads) {
  const testing::ConvnetShape kShapes[] = {
      {.side = 12, .channels = 1, .filters = 5, .classes = 7},
      {.side = 9, .channels = 3, .filters = 8, .classes = 2},     // odd sizes: SAME pads one side more
      {.side = 28, .channels = 1, .filters = 16, .classes = 10},  // large enough that work is split
      {.side = 17, .channels = 4, .filters = 33, .classes = 13},
  };
  uint32_t seed = 100;
  for (const testing::ConvnetShape& shape : kShapes) {
    std::string bytes = testing::frozen_convnet_bytes(shape, ++seed);
    Result<Graph> graph = parse_graph(bytes, "model");
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    for (int64_t batch : {1, 3, 16}) {
      SCOPED_TRACE(str_cat("side ", shape.side, " channels ", shape.channels, " batch ", batch, " seed ", seed));
      Tensor x = testing::random_floats({batch, shape.side, shape.side, shape.channels}, ++seed);
      Result<Tensor> reference = run_session(*graph, x, {.threads = 1, .backends = {Backend::kPortable}});
      ASSERT_TRUE(reference.ok()) << reference.status().to_string();
      // Scores that depend on the input: a constant answer would be equal everywhere.
      float sum = 0;
      for (float p : reference->flat<float>()) {
        ASSERT_TRUE(std::isfinite(p));
        sum += p;
      }
      EXPECT_NEAR(sum, static_cast<float>(batch), 1e-4f * static_cast<float>(batch));

      for (int threads : {1, 2}) {
        Result<Tensor> session = run_session(*graph, x, {.threads = threads, .backends = {Backend::kPortable}});
        Result<Tensor> engine = run_engine(bytes, x, {.threads = threads, .backends = {Backend::kPortable}});
        ASSERT_TRUE(session.ok()) << session.status().to_string();
        ASSERT_TRUE(engine.ok()) << engine.status().to_string();
        EXPECT_TRUE(session->identical_to(*reference)) << "session, threads: " << threads;
        EXPECT_TRUE(engine->identical_to(*reference)) << "engine, threads: " << threads;

        // Whatever other backend the session has: sums in another order, 1e-5 of a probability.
        Result<Tensor> other =
            run_session(*graph, x, {.threads = threads, .backends = {Backend::kDnnl, Backend::kPortable}});
        ASSERT_TRUE(other.ok()) << other.status().to_string();
        for (size_t i = 0; i < other->flat<float>().size(); ++i) {
          EXPECT_NEAR(other->flat<float>()[i], reference->flat<float>()[i], 1e-5f);
        }
      }
    }
  }
}

TEST(SessionAndEngine, DifferentInputsGiveDifferentBits) {
  std::string bytes = testing::frozen_convnet_bytes({}, 1);
  Result<Tensor> a = run_engine(bytes, testing::random_floats({1, 12, 12, 1}, 1), {});
  Result<Tensor> b = run_engine(bytes, testing::random_floats({1, 12, 12, 1}, 2), {});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_FALSE(a->identical_to(*b));
}

// What joins a product in one kernel is not to be seen in the values: of 16 bits, each op's result is rounded.
TEST(SessionAndEngine, ABiasOfSixteenBitsIsAddedToWhatWasRounded) {
  for (std::string_view dtype : {"f16", "bf16"}) {
    Result<Graph> graph = graph_from_text(
        str_cat("x: ", dtype, "[4,64] = random(seed=1)\nw: ", dtype, "[64,8] = random(seed=2)\nb: ", dtype,
                "[8] = random(seed=3)\nf: ", dtype, "[4,64] = Placeholder\np: ", dtype,
                "[4,8] = MatMul(f, w)\nsum: ", dtype, "[4,8] = BiasAdd(p, b)\ny: ", dtype, "[4,8] = Relu(sum)\n"));
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    Tensor x = graph->node(*graph->find("x")).outputs[0].value;
    Session session(*graph, {.threads = 1, .backends = {Backend::kPortable}});
    std::vector<Tensor> alone, with_all;
    ASSERT_TRUE(session.Run({{"f", x}}, {"y"}, &alone).ok());
    ASSERT_TRUE(session.Run({{"f", x}}, {"y", "p", "sum"}, &with_all).ok());
    EXPECT_TRUE(alone[0].identical_to(with_all[0])) << dtype;
  }
}

TEST(SessionAndEngine, RefuseToFetchWhatAConstantRulesOut) {
  Result<Graph> graph =
      graph_from_text("no: bool[] = false\nx: f32[] = Placeholder\ns = Switch(x, no)\ny = Neg(s:1)\nz = Neg(s)\n");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  const std::string y = "fetch 'y': its branch is never taken", s1 = "fetch 's:1': its branch is never taken";
  std::vector<Tensor> out;
  Tensor x = Tensor::scalar<float>(3);
  Session session(*graph, SessionOptions{});
  Status status = session.Run({{"x", x}}, {"y", "z", "s:1"}, &out);
  EXPECT_NE(status.message().find(y), std::string_view::npos) << status.to_string();
  EXPECT_NE(status.message().find(s1), std::string_view::npos) << status.to_string();
  ASSERT_TRUE(session.Run({{"x", x}}, {"z"}, &out).ok());
  EXPECT_EQ(out[0].item<float>(), -3);

  Result<std::string> bytes = graph_bytes(*graph, GraphFormat::kBinary);
  ASSERT_TRUE(bytes.ok());
  EngineOptions options;
  options.outputs = {"y"};
  auto engine = Engine::load_bytes(*bytes, nullptr, "model", options);
  ASSERT_FALSE(engine.ok());
  EXPECT_NE(engine.status().message().find(y), std::string_view::npos) << engine.status().to_string();
}

}  // namespace
}  // namespace tarn
