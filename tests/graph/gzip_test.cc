#include "graph/gzip.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

// printf 'tarn tarn tarn tarn tarn tarn' | gzip -n
std::string packed() {
  constexpr char kBytes[] =
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\x49\x2c\xca\x53\x28\xc1\x41\x00\x00\x7a\x20\x65\x2f\x1d\x00\x00"
      "\x00";
  return std::string(kBytes, sizeof(kBytes) - 1);
}
constexpr std::string_view kText = "tarn tarn tarn tarn tarn tarn";

TEST(Gzip, UnpacksOneMemberOrSeveral) {
  EXPECT_TRUE(is_gzip(packed()));
  EXPECT_FALSE(is_gzip(kText));
  EXPECT_EQ(*gunzip(packed(), 1000), kText);
  EXPECT_EQ(*gunzip(packed() + packed(), 1000), std::string(kText) + std::string(kText));
}

TEST(Gzip, StopsAtTheLimit) {
  EXPECT_EQ(*gunzip(packed(), kText.size()), kText);
  EXPECT_EQ(gunzip(packed(), kText.size() - 1).status().code(), Code::kResourceExhausted);
}

TEST(Gzip, AFileThatEndsEarlyIsDataLossWhereverItEnds) {
  for (size_t length = 2; length < packed().size(); ++length) {
    EXPECT_EQ(gunzip(packed().substr(0, length), 1000).status().code(), Code::kDataLoss) << length;
  }
}

TEST(Gzip, AFlippedBitIsFoundByItsChecksumOrChangesNothing) {
  for (size_t byte = 0; byte < packed().size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = packed();
      damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << bit));
      Result<std::string> text = gunzip(damaged, 1000);
      EXPECT_EQ(text.value_or(std::string(kText)), kText) << byte << "." << bit;
    }
  }
}

}  // namespace
}  // namespace tarn
