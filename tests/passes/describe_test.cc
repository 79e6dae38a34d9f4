#include "passes/support/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/graph_text.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> names(const Graph& graph, const std::vector<NodeId>& ids) {
  std::vector<std::string> found;
  for (NodeId id : ids) found.push_back(graph.node(id).name);
  return found;
}

std::vector<bool> all_nodes(const Graph& graph) {
  return std::vector<bool>(static_cast<size_t>(graph.id_limit()), true);
}

constexpr std::string_view kDropout = R"(
keep_prob: f32[] = Placeholder
x: f32[?,4] = Placeholder
shape: i32[2] = Shape(x)
random: f32[?,4] = RandomUniform(shape) {dtype=f32}
sum: f32[?,4] = Add(keep_prob, random)
floor: f32[?,4] = Floor(sum)
larger: f32[?,4] = RealDiv(x, keep_prob)
y: f32[?,4] = Mul(larger, floor)
)";

TEST(DecodedInputs, TellWhereToCut) {
  Graph graph = graph_with_unknown_ops(R"(
file: str[] = Placeholder
bytes: str[] = Identity(file)
picture: u8[?,?,3] = DecodeJpeg(bytes) {channels=3}
floats: f32[?,?,3] = Cast(picture) {DstT=f32}
zero: i32[] = 0
batch: f32[1,?,?,3] = ExpandDims(floats, zero)
size: i32[2] = {8, 8}
sized: f32[1,8,8,3] = ResizeBilinear(batch, size)
w: f32[1,1,3,2] = random(seed=1)
conv: f32[1,8,8,2] = Conv2D(sized, w) {strides=[1, 1, 1, 1], padding="SAME"}
)");

  std::vector<DecodedInput> found = decoded_inputs(graph, all_nodes(graph));

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(graph.node(found[0].decoder).name, "picture");
  EXPECT_EQ(graph.wire_name(found[0].feed), "sized");
  EXPECT_EQ(found[0].preparation, "DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 8x8");
}

TEST(DecodedInputs, OfARecordAreFedAsTheFirstFloats) {
  Graph graph = graph_with_unknown_ops(R"(
bytes: str[?] = Placeholder
raw: u8[?,?] = DecodeRaw(bytes) {out_type=u8}
floats: f32[?,?] = Cast(raw) {DstT=f32}
scale: f32[] = 0.5
y: f32[?,?] = Mul(floats, scale)
)");

  std::vector<DecodedInput> found = decoded_inputs(graph, all_nodes(graph));

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(graph.wire_name(found[0].feed), "floats");
  EXPECT_EQ(found[0].preparation, "");
}

TEST(TrainingBatchNorms, AreFusedOnesInTrainingAndMomentsOfTheBatch) {
  Graph graph = graph_with_unknown_ops(R"(
x: f32[?,4,4,2] = Placeholder
c: f32[2] = {1, 2}
none: f32[0] = zeros
learns: (f32[?,4,4,2], f32[2], f32[2], f32[2], f32[2]) = FusedBatchNorm(x, c, c, none, none) {is_training=true}
infers: (f32[?,4,4,2], f32[2], f32[2], f32[2], f32[2]) = FusedBatchNorm(x, c, c, c, c) {is_training=false}
axes: i32[3] = {0, 1, 2}
mean: f32[1,1,1,2] = Mean(x, axes) {keep_dims=true}
stop: f32[1,1,1,2] = StopGradient(mean)
moment: f32[?,4,4,2] = SquaredDifference(x, stop)
)");

  EXPECT_THAT(names(graph, training_batch_norms(graph)), ElementsAre("learns", "moment"));
}

TEST(DescribeGraph, SaysWhatThereIsAndNothingElse) {
  std::string text = describe_graph(graph_with_unknown_ops(kDropout));

  EXPECT_EQ("\n" + text, R"(
Mode placeholders: 1
  keep_prob (float): 1 at inference: only the keep probability of dropout: 1 node: y
Likely outputs, best first:
  y (Mul): f32[?,4]
Dropout layers: 1: y
Types of values: 7 float, 1 int32
One run: 0 multiply-accumulates, 20 operations, 0 bytes of weights, 80 bytes of activations
  the unknown batch of 'x' is taken as 1
)");
}

TEST(DescribeGraph, NamesQueuesThatFeedTheOutputs) {
  std::string text = describe_graph(graph_with_unknown_ops(R"(
files = FIFOQueueV2 {component_types=[f32], shapes=[[4]]}
n: i32[] = 8
batch = QueueDequeueManyV2(files, n) {component_types=[f32]}
y = Odd(batch)
)"));

  EXPECT_THAT(text,
              HasSubstr("Fed by queues, readers or iterators: 1 tensor\n  batch (QueueDequeueManyV2): f32[?,4]\n"));
  EXPECT_THAT(text, Not(HasSubstr("Mode")));
  EXPECT_THAT(text, Not(HasSubstr("Dropout")));
}

}  // namespace
}  // namespace tarn
