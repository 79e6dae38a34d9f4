#include "graph/tensor_slice.h"

#include <gtest/gtest.h>

#include "graph/checkpoint_source.h"
#include "tests/support/checkpoints.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

using Extent = TensorSlice::Extent;

TEST(TensorSlice, ParsesWhatSaversWrite) {
  Result<TensorSlice::Spec> spec = TensorSlice::parse("10 4 5,5:0,4");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->full_shape.to_string(), "[10,4]");
  EXPECT_EQ(spec->slice.to_string(), "5,5:0,4");
  EXPECT_EQ(spec->slice.shape_of(spec->full_shape)->to_string(), "[5,4]");
  EXPECT_FALSE(spec->slice.is_full());
  EXPECT_TRUE(TensorSlice::parse("10 4 -:-")->slice.is_full());
}

TEST(TensorSlice, RefusesMalformedAndOutsideSlices) {
  for (const char* text :
       {"", "10", "10 4", "10 4 5,5", "10 4 5:5", "10 4 5,5:x", "10 4 5,6:-", "10 4 -1,2:-", "a 0,1", "-3 0,1",
        "10 9223372036854775807,9223372036854775807", "10 4 0,1:0,1:0,1", "99999999999999999999 -"}) {
    EXPECT_FALSE(TensorSlice::parse(text).ok()) << text;
  }
}

TEST(TensorSlice, KeysAreTensorFlowsOrderedCode) {
  auto key = [](int64_t start, int64_t length) { return TensorSlice{{Extent{start, length}}}.key("n"); };
  std::string head("\0n\0\1\1\1", 6);
  // Worked out by hand from the format: n bytes carry 7n - 1 bits; the first n bits after the sign are flipped.
  EXPECT_EQ(key(0, -1), head + "\x80\x7f");
  EXPECT_EQ(key(63, 5), head + "\xbf\x85");
  EXPECT_EQ(key(64, 5), head + std::string("\xc0\x40\x85", 3));
  EXPECT_EQ(key(8191, 5), head + "\xdf\xff\x85");
  EXPECT_EQ(key(8192, 5), head + std::string("\xe0\x20\x00\x85", 4));
  EXPECT_EQ(key(int64_t{1} << 55, 1), head + std::string("\xff\x80\x80\0\0\0\0\0\0\x81", 10));
  EXPECT_EQ((TensorSlice{}.key(std::string("a\0\xff", 3))), std::string("\0a\0\xff\xff\0\0\1\0", 9));
}

TEST(TensorSlice, KeysSortAsTheirNumbersDo) {
  std::string previous;
  for (int64_t start : {int64_t{0}, int64_t{63}, int64_t{64}, int64_t{100}, int64_t{8191}, int64_t{8192},
                        int64_t{1} << 20, int64_t{1} << 27, int64_t{1} << 34, int64_t{1} << 41, int64_t{1} << 48,
                        int64_t{1} << 55, (int64_t{1} << 62) - 1, int64_t{1} << 62}) {
    std::string key = TensorSlice{{Extent{start, 1}}}.key("n");
    EXPECT_LT(previous, key) << start;
    previous = key;
  }
}

TEST(TensorSlice, CopiesWhatALoopOverElementsWould) {
  struct Case {
    Shape full;
    std::vector<Extent> extents;
  };
  for (DType dtype : {DType::kFloat, DType::kInt8, DType::kString}) {
    for (const Case& c : {Case{{}, {}}, Case{{7}, {{2, 3}}}, Case{{5, 4}, {{1, 2}, {0, -1}}},
                          Case{{5, 4}, {{0, -1}, {1, 2}}}, Case{{3, 4, 5}, {{1, 1}, {2, 2}, {3, 1}}},
                          Case{{3, 4, 5}, {{0, 2}, {1, 2}, {0, -1}}}, Case{{3, 4, 5}, {{0, 2}, {0, -1}, {0, 5}}},
                          Case{{3, 0, 5}, {{0, 2}, {0, -1}, {0, 5}}}, Case{{3, 2}, {{1, 0}, {0, -1}}}}) {
      TensorSlice slice{c.extents};
      Tensor full = random_tensor(dtype, c.full, 3);
      Result<Tensor> part = copy_slice(full, slice);
      ASSERT_TRUE(part.ok()) << part.status().to_string();

      // Element by element, by index.
      std::vector<int64_t> index(c.extents.size(), 0);
      for (int64_t i = 0; i < part->element_count(); ++i) {
        int64_t rest = i, at = 0, stride = 1;
        for (int d = c.full.rank() - 1; d >= 0; --d) {
          auto u = static_cast<size_t>(d);
          at += (c.extents[u].start + rest % part->shape().dim(d)) * stride;
          rest /= part->shape().dim(d);
          stride *= c.full.dim(d);
        }
        if (dtype == DType::kString) {
          EXPECT_EQ(part->flat<std::string>()[static_cast<size_t>(i)],
                    full.flat<std::string>()[static_cast<size_t>(at)]);
        } else if (dtype == DType::kInt8) {
          EXPECT_EQ(part->flat<int8_t>()[static_cast<size_t>(i)], full.flat<int8_t>()[static_cast<size_t>(at)]);
        }
      }
      Tensor back = *Tensor::zeros(dtype, c.full);
      copy_into_slice(*part, slice, back);
      EXPECT_TRUE(copy_slice(back, slice)->identical_to(*part));
    }
  }
}

TEST(TensorSlice, KnowsWhatOverlaps) {
  Shape full{10, 4};
  TensorSlice top{{{0, 5}, {0, -1}}}, bottom{{{5, 5}, {0, -1}}}, middle{{{4, 2}, {1, 1}}}, empty{{{4, 0}, {0, -1}}};
  EXPECT_FALSE(top.overlaps(bottom, full));
  EXPECT_TRUE(top.overlaps(middle, full));
  EXPECT_TRUE(middle.overlaps(bottom, full));
  EXPECT_FALSE(top.overlaps(empty, full));
}

TEST(CheckSlices, ComparesThousandsWithoutComparingAllPairs) {
  // 8,000 columns, out of order; 100 x 100 tiles.
  std::vector<TensorSlice> columns, tiles;
  for (int64_t i = 0; i < 8000; ++i) columns.push_back({{{0, TensorSlice::kAll}, {i * 4001 % 8000, 1}}});
  for (int64_t i = 0; i < 10'000; ++i) tiles.push_back({{{i / 100 * 3, 3}, {i % 100 * 2, 2}}});
  EXPECT_TRUE(check_slices("w", Shape{3, 8000}, columns).ok());
  EXPECT_TRUE(check_slices("w", Shape{300, 200}, tiles).ok());

  columns[7].extents[1].start = columns[4000].extents[1].start;
  EXPECT_SAYS(check_slices("w", Shape{3, 8000}, columns), {"w: slices", "overlap"});
  tiles.pop_back();
  EXPECT_SAYS(check_slices("w", Shape{300, 200}, tiles), {"9999 slices hold 59994 of 60000 elements"});
  EXPECT_SAYS(check_slices("w", Shape(), {TensorSlice{}, TensorSlice{}}), {"overlap"});
  EXPECT_TRUE(check_slices("w", Shape(), {TensorSlice{}}).ok());
}

}  // namespace
}  // namespace tarn
