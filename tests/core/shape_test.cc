#include "core/shape.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

TEST(Shape, PrintsUnknownDimsAndRank) {
  EXPECT_EQ((Shape{-1, 28, 28, 1}).to_string(), "[?,28,28,1]");
  EXPECT_EQ(Shape::unknown().to_string(), "?");
  EXPECT_EQ(Shape().to_string(), "[]");
}

TEST(Shape, KeepsManyDimsThroughCopies) {
  Shape shape;
  for (int i = 0; i < 20; ++i) shape.add_dim(i + 1);
  Shape copy = shape;
  copy.set_dim(0, 7);
  EXPECT_EQ(shape.dim(0), 1);
  EXPECT_EQ(copy.dim(0), 7);
  EXPECT_EQ(copy.dim(-1), 20);
  copy = Shape{2};
  EXPECT_EQ(copy.to_string(), "[2]");
}

TEST(Shape, ElementCountRefusesOverflowEvenBesideAZero) {
  constexpr int64_t kBig = int64_t{1} << 62;
  EXPECT_FALSE((Shape{kBig, 4}).element_count().ok());
  EXPECT_FALSE((Shape{0, kBig, 4}).element_count().ok());
  EXPECT_EQ(*(Shape{0, 5}).element_count(), 0);
  EXPECT_FALSE((Shape{-1, 5}).element_count().ok());
}

TEST(Shape, BroadcastFollowsNumpy) {
  struct Case {
    Shape a, b, expected;
  };
  for (const Case& c : {Case{{2, 3}, {3}, {2, 3}}, Case{{2, 1}, {1, 4}, {2, 4}}, Case{{}, {5}, {5}},
                        Case{{-1, 3}, {1, 3}, {-1, 3}}, Case{{-1}, {7}, {7}}, Case{{0}, {1}, {0}}}) {
    Result<Shape> got = broadcast_shapes(c.a, c.b);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->to_string(), c.expected.to_string());
  }
  Status error = broadcast_shapes({2, 3}, {4}).status();
  EXPECT_NE(error.message().find("[2,3]"), std::string_view::npos);
  EXPECT_NE(error.message().find("[4]"), std::string_view::npos);
}

TEST(Shape, MergeFillsWhatTheOtherKnows) {
  EXPECT_EQ((Shape{-1, 3}).merge(Shape{2, -1})->to_string(), "[2,3]");
  EXPECT_EQ(Shape::unknown().merge(Shape{2})->to_string(), "[2]");
  EXPECT_FALSE((Shape{2}).merge(Shape{3}).ok());
}

TEST(Shape, MakeRefusesDimsBelowMinusOneAndRankAbove254) {
  EXPECT_FALSE(Shape::make(std::vector<int64_t>{2, -2}).ok());
  EXPECT_FALSE(Shape::make(std::vector<int64_t>(300, 1)).ok());
  EXPECT_TRUE(Shape::make(std::vector<int64_t>(254, 1)).ok());
}

}  // namespace
}  // namespace tarn
