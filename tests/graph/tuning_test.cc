// Ways of computing a layer that were measured: used on the processor they were measured on, kept with the model.
#include "runtime/tuning.h"

#include <gtest/gtest.h>

#include "core/machine.h"
#include "graph/graph_source.h"
#include "graph/model_info.h"
#include "graph/ops.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

using testing::random_floats;

// A convolution that its kernel computes by a transform if nobody says otherwise.
Graph one_convolution() {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({1, 16, 16, 32}));
  const std::vector<int64_t> strides = {1, 1, 1, 1};
  Output y = AddNode(root.WithOpName("conv"), "Conv2D", {x, AddConst(root, random_floats({3, 3, 32, 48}, 1))},
                     {{"strides", strides}, {"padding", "SAME"}})
                 .output(0);
  ops::Relu(root.WithOpName("y"), y);
  EXPECT_TRUE(root.ok()) << root.status().to_string();
  return root.graph();
}

Tuning tuning_here(std::string way) {
  return {.cpu = cpu_name(), .isa = widest_isa(), .threads = 1, .choices = {{.node = "conv", .way = std::move(way)}}};
}

std::vector<float> run(Graph graph, std::vector<Tuning> tunings, EngineOptions options = {}) {
  ModelInfo info;
  info.tunings = std::move(tunings);
  graph.model_info = serialize_model_info(info);
  auto engine = Engine::load_source(std::make_unique<GraphSource>(graph), "model", std::move(options));
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  if (!engine.ok()) return {};
  EngineContext context(*engine);
  EXPECT_TRUE(context.set_input(0, random_floats({1, 16, 16, 32}, 2)).ok());
  EXPECT_TRUE(context.run().ok());
  const std::span<const float> y = (*context.output(0))->flat<float>();
  return {y.begin(), y.end()};
}

TEST(Tuning, ALayerIsComputedInTheWayThatTheFileNames) {
  const Graph graph = one_convolution();
  const std::vector<float> own = run(graph, {}), direct = run(graph, {}, {.max_layer_error = 0});
  ASSERT_NE(own, direct);
  EXPECT_EQ(run(graph, {tuning_here("direct")}), direct);
  // Of the two transforms one is the kernel's own choice and the other is not.
  const std::vector<float> two = run(graph, {tuning_here("F(2x2, 3x3)")});
  const std::vector<float> four = run(graph, {tuning_here("F(4x4, 3x3)")});
  EXPECT_NE(two, four);
  EXPECT_TRUE(own == two || own == four);
  // Kept, the filter is transformed once: the same bits.
  EXPECT_EQ(run(graph, {tuning_here("F(4x4, 3x3), kept")}), four);
}

TEST(Tuning, OtherProcessorsAndUnknownWaysChangeNothing) {
  const Graph graph = one_convolution();
  const std::vector<float> own = run(graph, {});
  Tuning other_cpu = tuning_here("direct"), other_isa = other_cpu, other_node = other_cpu;
  other_cpu.cpu += " II";
  other_isa.isa = "abacus";
  other_node.choices[0].node = "gone";
  EXPECT_EQ(run(graph, {other_cpu, other_isa}), own);
  EXPECT_EQ(run(graph, {other_node}), own);
  EXPECT_EQ(run(graph, {tuning_here("F(9x9, 3x3)")}), own);
  // A transform that moves more than is allowed is none of the ways.
  EXPECT_EQ(run(graph, {tuning_here("F(4x4, 3x3)")}, {.max_layer_error = 2e-6}),
            run(graph, {}, {.max_layer_error = 2e-6}));
}

TEST(Tuning, TheNearestNumberOfThreadsCounts) {
  const Graph graph = one_convolution();
  Tuning eight = tuning_here("F(2x2, 3x3)");
  eight.threads = 8;
  EXPECT_EQ(run(graph, {eight, tuning_here("direct")}), run(graph, {tuning_here("direct")}));
  EXPECT_EQ(run(graph, {eight, tuning_here("direct")}, {.threads = 6}), run(graph, {tuning_here("F(2x2, 3x3)")}));
}

TEST(Tuning, MetadataThatIsSetLaterKeepsIt) {
  Graph graph = one_convolution();
  ModelInfo info;
  info.tunings = {tuning_here("direct")};
  graph.model_info = serialize_model_info(info);
  ASSERT_TRUE(store_metadata(graph, {.author = "me"}).ok());
  drop_self_test(graph);
  const Result<ModelInfo> read = parse_model_info(graph.model_info);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->metadata->author, "me");
  ASSERT_EQ(read->tunings.size(), 1u);
  EXPECT_EQ(read->tunings[0].cpu, cpu_name());
  EXPECT_EQ(read->tunings[0].isa, widest_isa());
  EXPECT_EQ(read->tunings[0].threads, 1);
  ASSERT_EQ(read->tunings[0].choices.size(), 1u);
  EXPECT_EQ(read->tunings[0].choices[0].node, "conv");
  EXPECT_EQ(read->tunings[0].choices[0].way, "direct");
}

TEST(Tuning, DamageIsTold) {
  EXPECT_EQ(read_tuning("\x0a\x09x").status().code(), Code::kDataLoss);
  EXPECT_EQ(read_tuning("\x22\x03\x0a\x09x").status().code(), Code::kDataLoss);
  EXPECT_EQ(tuned_ways("\x1a\x03\x0a\x09x", 1), nullptr);
}

}  // namespace
}  // namespace tarn
