// sparsify_gather with the values of a variable from a checkpoint.
#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/session.h"
#include "graph/text.h"
#include "passes/support/pass_manager.h"
#include "passes/support/pipeline.h"

namespace tarn {
namespace {

constexpr std::string_view kGraph = R"(
ids: i64[3] = Placeholder
w: ref(f32[5,1]) = VariableV2 {dtype=f32, shape=[5,1]}
zero: f32[5,1] = zeros
assign = Assign(w, zero)
w/read: f32[5,1] = Identity(w)
y: f32[3,1] = Gather(w/read, ids)
)";

Status transform(Graph& graph, const std::string& pipeline) {
  Result<std::vector<PipelineStep>> steps = parse_pipeline(pipeline);
  if (!steps.ok()) return steps.status();
  PassManagerOptions options;
  options.inputs = {"ids"};
  options.outputs = {"y"};
  return PassManager(options).run(graph, *steps).status();
}

TEST(SparsifyGather, TakesAVariableFromACheckpointAndFillsItsTableInTheGroup) {
  std::string prefix = path_join(::testing::TempDir(), "sparsify.ckpt-1");
  ASSERT_TRUE(write_checkpoint(prefix, {{"w", Tensor::from<float>({5, 1}, {0, 2, 0, 0, -4})}}).ok());
  Graph graph = *graph_from_text(kGraph);

  Status status = transform(graph, str_cat("sparsify_gather(input_checkpoint=\"", prefix, "\") strip"));

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_FALSE(graph.find("w").has_value()) << graph_to_text(graph);
  Session session(graph, SessionOptions());
  Status filled = session.InitializeTables();
  ASSERT_TRUE(filled.ok()) << filled.to_string();
  std::vector<Tensor> values;
  Status ran = session.Run({{"ids", Tensor::from<int64_t>({3}, {4, 0, 1})}}, {"y"}, &values);
  ASSERT_TRUE(ran.ok()) << ran.to_string();
  EXPECT_TRUE(values[0].identical_to(Tensor::from<float>({3, 1}, {-4, 0, 2}))) << values[0].to_string();
}

TEST(SparsifyGather, TheGroupFillsTheTable) {
  std::string prefix = path_join(::testing::TempDir(), "sparsify.ckpt-2");
  ASSERT_TRUE(write_checkpoint(prefix, {{"w", Tensor::from<float>({5, 1}, {0, 2, 0, 0, -4})}}).ok());
  Graph graph = *graph_from_text(kGraph);

  Status status = transform(graph, str_cat("sparsify_gather(input_checkpoint=\"", prefix, "\", group_init_node=go)"));

  ASSERT_TRUE(status.ok()) << status.to_string();
  Session session(graph, SessionOptions());
  ASSERT_TRUE(session.Run("go").ok());
  std::vector<Tensor> values;
  Status ran = session.Run({{"ids", Tensor::from<int64_t>({3}, {1, 1, 2})}}, {"y"}, &values);
  ASSERT_TRUE(ran.ok()) << ran.to_string();
  EXPECT_TRUE(values[0].identical_to(Tensor::from<float>({3, 1}, {2, 2, 0}))) << values[0].to_string();
}

TEST(SparsifyGather, WithoutACheckpointAVariableStays) {
  Graph graph = *graph_from_text(kGraph);

  ASSERT_TRUE(transform(graph, "sparsify_gather").ok());

  EXPECT_TRUE(graph.node(*graph.find("y")).is("Gather"));
}

TEST(SparsifyGather, SaysWhatIsWrongWithItsArguments) {
  Graph graph = *graph_from_text(kGraph);
  EXPECT_FALSE(transform(graph, "sparsify_gather(input_checkpoint=\"no/such/checkpoint\")").ok());

  Graph constants = *graph_from_text("ids: i64[1] = Placeholder\nw: f32[2,1] = {0, 1}\ny: f32[1,1] = Gather(w, ids)\n");
  Status status = transform(constants, "sparsify_gather(group_init_node=w)");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("group_init_node 'w' is a Const"), std::string::npos) << status.to_string();
  EXPECT_TRUE(constants.node(*constants.find("y")).is("Gather"));
}

}  // namespace
}  // namespace tarn
