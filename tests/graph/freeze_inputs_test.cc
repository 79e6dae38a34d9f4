// What freeze() makes a graph's inputs of: queues, iterators, decoded pictures.
#include <gtest/gtest.h>

#include "graph/freeze.h"
#include "tests/graph/frozen_text.h"

namespace tarn {
namespace {

TEST(Freeze, BatchesOfQueuesAndIteratorsBecomePlaceholders) {
  EXPECT_EQ(frozen_text(R"(
files = FIFOQueueV2 {component_types=[f32, i32], shapes=[[28,28], []]}
n: i32[] = 32
batch = QueueDequeueManyV2(files, n) {component_types=[f32, i32]}
iterator = IteratorV2 {output_types=[f32], output_shapes=[[?,3]]}
next = IteratorGetNext(iterator) {output_types=[f32], output_shapes=[[?,3]]}
y = Odd(batch, batch:1, next)
)",
                        {"y"}),
            R"(
batch: f32[?,28,28] = Placeholder
batch_1: i32[?] = Placeholder
next: f32[?,3] = Placeholder
y = Odd(batch, batch_1, next)
)");
}

TEST(Freeze, AQueueMayItselfBeAnOutput) {
  constexpr std::string_view kGraph = R"(
files = FIFOQueueV2 {component_types=[i32, f32], shapes=[[], [2,3]]}
batch = QueueDequeueV2(files) {component_types=[i32, f32]}
y = Odd(batch:1)
)";
  EXPECT_EQ(frozen_text(kGraph, {"batch", "y"}), R"(
batch: i32[] = Placeholder
batch_1: f32[2,3] = Placeholder
y = Odd(batch_1)
)");
  EXPECT_EQ(frozen_text(kGraph, {"batch"}), "\nbatch: i32[] = Placeholder\n");
}

TEST(Freeze, WhereAPictureIsCutDoesNotDependOnTheOrderOfTheFile) {
  // The size is asked of the decoded picture: it is decoded still, and that is said.
  constexpr std::string_view kFile = "file: str[] = Placeholder\nimage = DecodeJpeg(file) {channels=3}\n";
  constexpr std::string_view kFloat = "float: f32? = Cast(image) {SrcT=u8, DstT=f32}\n";
  constexpr std::string_view kSize = "size: i32[3] = Shape(image) {T=u8}\n";
  constexpr std::string_view kEnd = "y = Odd(float, size)\n";
  std::string before = str_cat(kFile, kSize, kFloat, kEnd), after = str_cat(kFile, kFloat, kSize, kEnd);

  for (const std::string& text : {before, after}) {
    Result<FrozenGraph> cut =
        freeze(graph_with_unknown_ops(text), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

    ASSERT_TRUE(cut.ok()) << cut.status().to_string();
    EXPECT_TRUE(cut->graph.node(*cut->graph.find("float")).is("Placeholder")) << text;
    ASSERT_EQ(cut->warnings.size(), 1u) << text;
    EXPECT_EQ(
        cut->warnings[0],
        "the outputs need more of 'image' than the picture that 'float' takes (its size?): the file is still decoded");
  }
}

TEST(Freeze, ADecodedPictureIsTheInputOnRequest) {
  constexpr std::string_view kGraph = R"(
file: str[] = Placeholder
image = DecodeJpeg(file) {channels=3}
float: f32? = Cast(image) {SrcT=u8, DstT=f32}
zero: i32[] = 0
batch: f32? = ExpandDims(float, zero)
size: i32[2] = {299, 299}
resized = ResizeBilinear(batch, size) {T=f32}
mean: f32[] = 128
less = Sub(resized, mean)
y = Odd(less)
)";
  Result<FrozenGraph> cut =
      freeze(graph_with_unknown_ops(kGraph), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

  ASSERT_TRUE(cut.ok()) << cut.status().to_string();
  ASSERT_EQ(cut->graph.node_count(), 2);
  const Node& input = cut->graph.node(*cut->graph.find("less"));
  EXPECT_TRUE(input.is("Placeholder"));
  EXPECT_EQ(input.attrs.get_or<std::string>("_preprocessing", ""),
            "DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 299x299; Sub 128");
  EXPECT_EQ(freeze(graph_with_unknown_ops(kGraph), {.outputs = {"y"}}, no_values())->graph.node_count(), 10);
  Result<FrozenGraph> none = freeze(graph_with_unknown_ops("x: f32[] = Placeholder\ny: f32[] = Neg(x)\n"),
                                    {.outputs = {"y"}, .cut_image_decoding = true}, no_values());
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->warnings.size(), 1u);
}

TEST(Freeze, APictureIsCutBehindANewAxisToo) {
  // x[tf.newaxis]: a StridedSlice. The channels of DecodeImage, which has no shape, are those of the picture.
  constexpr std::string_view kGraph = R"(
file: str[] = Placeholder
image: u8[?,?,?] = DecodeImage(file) {channels=3}
zero: i32[1] = {0}
one: i32[1] = {1}
batch: u8? = StridedSlice(image, zero, zero, one) {new_axis_mask=1}
size: i32[2] = {8, 8}
resized = ResizeBilinear(batch, size)
y = Odd(resized)
)";
  Result<FrozenGraph> cut =
      freeze(graph_with_unknown_ops(kGraph), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

  ASSERT_TRUE(cut.ok()) << cut.status().to_string();
  const Node& input = cut->graph.node(*cut->graph.find("resized"));
  EXPECT_TRUE(input.is("Placeholder"));
  EXPECT_EQ(input.attrs.get_or<std::string>("_preprocessing", ""),
            "DecodeImage channels=3; ExpandDims 0; ResizeBilinear 8x8");
  Shape shape = input.attrs.get_or<Shape>("shape", Shape::unknown());
  ASSERT_TRUE(shape.has_rank());
  EXPECT_EQ(shape.dim(-1), 3);
}

TEST(Freeze, PicturesDecodedInALoopStayAndThatIsSaid) {
  constexpr std::string_view kGraph = R"(
file: str[] = Placeholder
again: str[] = Enter(file) {frame_name="loop"}
image = DecodeJpeg(again) {channels=3}
y = Exit(image)
)";
  Result<FrozenGraph> cut =
      freeze(graph_with_unknown_ops(kGraph), {.outputs = {"y"}, .cut_image_decoding = true}, no_values());

  ASSERT_TRUE(cut.ok()) << cut.status().to_string();
  EXPECT_EQ(cut->graph.node_count(), 4);
  ASSERT_EQ(cut->warnings.size(), 1u);
  EXPECT_EQ(cut->warnings[0], "'image' decodes a picture an iteration, in a loop (tf.map_fn): that is not cut");
}

}  // namespace
}  // namespace tarn
