#include "core/tensor.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

TEST(Tensor, FromNeedsAsManyValuesAsTheShapeHasElements) {
  EXPECT_TRUE(Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6}).is_valid());
  EXPECT_TRUE(Tensor::from<float>({2, 0}, {}).is_valid());
  EXPECT_FALSE(Tensor::from<float>({2, 3}, {1, 2}).is_valid());
  EXPECT_FALSE(Tensor::from<float>({2}, {1, 2, 3}).is_valid());
  EXPECT_FALSE(Tensor::from<float>({-1, 2}, {1, 2}).is_valid());
  EXPECT_FALSE(Tensor::from<float>(Shape::unknown(), {1}).is_valid());
}

TEST(Tensor, ElementsOfAnotherTypeAreNone) {
  Tensor ints = Tensor::from<int32_t>({2}, {1, 2});

  EXPECT_TRUE(ints.flat<float>().empty());
  EXPECT_TRUE(ints.mutable_flat<double>().empty());
  EXPECT_TRUE(ints.flat<int64_t>().empty());
  EXPECT_TRUE(ints.flat<std::string>().empty());
  EXPECT_EQ(ints.item<float>(), 0);
  EXPECT_EQ(ints.item<int32_t>(), 1);
  EXPECT_EQ(ints.flat<int32_t>()[1], 2);
  EXPECT_TRUE(Tensor().flat<float>().empty());
  EXPECT_EQ(Tensor().item<float>(), 0);
}

TEST(Tensor, CodesAndHalvesAreReadAsTheirBits) {
  Tensor codes = Tensor::from<uint8_t>({3}, {1, 2, 3}).reinterpreted(DType::kQUInt8);
  Tensor halves = *Tensor::zeros(DType::kHalf, {4});

  EXPECT_EQ(codes.flat<uint8_t>().size(), 3u);
  EXPECT_EQ(halves.flat<uint16_t>().size(), 4u);
  EXPECT_TRUE(halves.flat<float>().empty());
}

}  // namespace
}  // namespace tarn
