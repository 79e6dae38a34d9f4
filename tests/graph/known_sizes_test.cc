// Shapes put together in the graph from a batch size that only a run knows: what else is known is not lost.
#include <gtest/gtest.h>

#include "graph/session.h"
#include "graph/text.h"

namespace tarn {
namespace {

// Facts of the node `y` below these lines and
//   x: f32[?,2,3] = Placeholder;  shape = Shape(x);  i0 … i3: the vectors [0] … [3];  n: the batch size
std::string fact_of_y(const std::string& lines) {
  std::string text = R"(x: f32[?,2,3] = Placeholder
i0: i32[1] = {0}
i1: i32[1] = {1}
i2: i32[1] = {2}
i3: i32[1] = {3}
shape: i32[3] = Shape(x)
n: i32[] = StridedSlice(shape, i0, i1, i1) {shrink_axis_mask = 1}
)";
  Result<Graph> graph = graph_from_text(text + lines);
  if (!graph.ok()) return graph.status().to_string();
  return graph->fact({*graph->find("y"), 0}).to_string();
}

TEST(KnownSizes, OfReshape) {
  // As tf.keras.layers.Reshape writes it, and with what is left for the Reshape to find.
  EXPECT_EQ(fact_of_y("six: i32[] = 6\nsizes: i32[2] = Pack(n, six)\ny: f32[?,6] = Reshape(x, sizes)"), "f32[?,6]");
  EXPECT_EQ(fact_of_y("six: i32[1] = {6}\nbatch: i32[1] = StridedSlice(shape, i0, i1, i1)\nzero: i32[] = 0\n"
                      "sizes: i32[2] = ConcatV2(batch, six, zero)\nsame: i32[2] = Identity(sizes)\n"
                      "y: f32[?,6] = Reshape(x, same)"),
            "f32[?,6]");
  EXPECT_EQ(fact_of_y("rest: i32[] = -1\nsizes: i32[2] = Pack(n, rest)\ny: f32[?,?] = Reshape(x, sizes)"), "f32[?,?]");
  EXPECT_EQ(fact_of_y("six: i32[] = 6\nsizes: i32[2] = Pack(n, six)\nz: f32[2,9] = Placeholder\n"
                      "y: f32[3,6] = Reshape(z, sizes)"),
            "f32[3,6]");  // 18 elements in rows of 6
}

TEST(KnownSizes, AreNumbersWhereTheDimIsKnown) {
  EXPECT_EQ(
      fact_of_y("tail: i32[2] = StridedSlice(shape, i1, i3, i1)\ny: f32[2,3] = RandomUniform(tail) {dtype = f32}"),
      "f32[2,3]");
  EXPECT_EQ(fact_of_y("back: i32[3] = StridedSlice(shape, i2, end, step)\n"
                      "end: i32[1] = {-4}\nstep: i32[1] = {-1}\none: f32[] = 1\ny: f32[3,2,?] = Fill(back, one)"),
            "f32[3,2,?]");
}

TEST(KnownSizes, WrongOnesAreSaidBeforeAnythingRuns) {
  EXPECT_NE(fact_of_y("seven: i32[] = 7\nsizes: i32[2] = Pack(n, seven)\nz: f32[2,9] = Placeholder\n"
                      "y: f32[?,7] = Reshape(z, sizes)")
                .find("cannot reshape a tensor of shape [2,9] (18 elements) to [-1, 7]"),
            std::string::npos);
  EXPECT_NE(
      fact_of_y("minus: i32[] = -6\nsizes: i32[2] = Pack(n, minus)\none: f32[] = 1\ny: f32[?,?] = Fill(sizes, one)")
          .find("dims[1] must be >= 0, not -6"),
      std::string::npos);
}

// What a run makes of y: its type, or the error.
std::string run(const std::string& text, const std::vector<Session::Feed>& feeds) {
  Result<Graph> graph = graph_from_text(text);
  if (!graph.ok()) return graph.status().to_string();
  Session session(*graph);
  std::vector<Tensor> outputs;
  Status status = session.Run(feeds, {"y"}, &outputs);
  return status.ok() ? Fact::of(outputs[0]).to_string() : status.to_string();
}

TEST(KnownSizes, ARunSeesWhetherTheUnknownOneFits) {
  const std::string text = R"(x: f32[12] = Placeholder
n: i32[] = Placeholder
four: i32[] = 4
sizes: i32[2] = Pack(n, four)
y: f32[3,4] = Reshape(x, sizes)
)";
  Tensor x = *Tensor::zeros(DType::kFloat, Shape{12});

  EXPECT_EQ(run(text, {{"x", x}, {"n", Tensor::scalar<int32_t>(3)}}), "f32[3,4]");
  for (int32_t n : {0, 5, -2, 1'000'000'000}) {
    EXPECT_NE(run(text, {{"x", x}, {"n", Tensor::scalar<int32_t>(n)}}).find("Reshape 'y'"), std::string::npos) << n;
  }
}

TEST(KnownSizes, ATensorOfAShapeThatOnlyTheRunKnowsMustHaveTheElementsOfItsView) {
  const std::string head = R"(v: f32[?] = Placeholder
s: i32[?] = Placeholder
x: f32? = Reshape(v, s)
)";
  const std::vector<Session::Feed> ten = {{"v", *Tensor::zeros(DType::kFloat, Shape{10})},
                                          {"s", Tensor::vector<int32_t>(std::vector<int32_t>{10})}};
  for (const char* view : {"to: i32[2] = {3, 4}\ny: f32[3,4] = Reshape(x, to)",
                           "to: i32[1] = {400000000}\ny: f32[400000000] = Reshape(x, to)",
                           "y: f32[3,4] = PlaceholderWithDefault(x) {shape = [3,4]}"}) {
    std::string said = run(head + view, ten);
    EXPECT_NE(said.find("[10]"), std::string::npos) << view << ": " << said;
    EXPECT_NE(said.find("'y'"), std::string::npos) << view << ": " << said;
  }
}

}  // namespace
}  // namespace tarn
