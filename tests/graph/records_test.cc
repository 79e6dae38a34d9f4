#include "graph/records.h"

#include <gtest/gtest.h>

#include "graph/algorithms.h"
#include "tests/support/graph_text.h"

namespace tarn {
namespace {

constexpr std::string_view kLoop = R"(
next = NextIteration(body) {T=f32}
x: f32[2] = Placeholder
enter = Enter(x) {frame_name="w"}
merge = Merge(enter, next)
limit: f32[] = 10
sum = Sum(merge, all)
all: i32[1] = 0
less = Less(sum, limit)
cond = LoopCond(less)
switch = Switch(merge, cond)
body = Odd(switch:1, ^cond) on "/cpu:0"
y = Exit(switch)
)";

TEST(GraphRecords, ReadBackGiveTheGraphWithAllThatIsBesideItsNodes) {
  Graph graph = graph_with_unknown_ops(kLoop);
  graph.versions = {.producer = 27, .min_consumer = 12, .bad_consumers = {25}};
  graph.library = "functions";

  Result<Graph> again = graph_of_records(graph, node_records(graph));

  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(graph_difference(graph, *again), "");
  EXPECT_EQ(again->names(), graph.names());
}

TEST(GraphRecords, SayEveryNodeThatIsWrong) {
  Graph graph = graph_of("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\nz: f32[2] = Neg(x)\n");
  std::vector<NodeRecord> records = node_records(graph);
  records[1].inputs = {"none"};
  records[2].op = "MatMul";

  std::string error = graph_of_records(graph, records, {.heading = "after the change"}).status().to_string();

  for (std::string_view word : {"after the change", "node 'y'", "'none'", "node 'z'", "MatMul"})
    EXPECT_NE(error.find(word), std::string::npos) << word << ": " << error;
}

TEST(GraphRecords, AttrsFollowFromInputsIfThatIsAskedFor) {
  Graph graph = graph_of("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n");
  std::vector<NodeRecord> records = node_records(graph);
  records[1].attrs.erase("T");

  EXPECT_FALSE(graph_of_records(graph, records).ok());
  Result<Graph> inferred = graph_of_records(graph, records, {.infer_attrs = true});

  ASSERT_TRUE(inferred.ok()) << inferred.status().to_string();
  EXPECT_EQ(graph_difference(graph, *inferred), "");
}

}  // namespace
}  // namespace tarn
