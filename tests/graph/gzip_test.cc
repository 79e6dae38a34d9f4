#include "graph/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

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

TEST(Gzip, WhatCannotBeAGraphIsRefusedBeforeItIsUnpacked) {
  EXPECT_EQ(*gunzip_graph(packed(), 1000), kText);
  constexpr size_t kZeros = size_t{4} << 20;
  std::string zeros(kZeros, '\0'), packed_zeros(zeros.size(), '\0');
  z_stream stream = {};
  ASSERT_EQ(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
  stream.avail_in = kZeros;
  stream.next_out = reinterpret_cast<Bytef*>(packed_zeros.data());
  stream.avail_out = kZeros;
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed_zeros.resize(stream.total_out);
  deflateEnd(&stream);

  EXPECT_EQ(gunzip(packed_zeros, kZeros)->size(), kZeros);
  Status status = gunzip_graph(packed_zeros, kZeros).status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_NE(status.message().find("not a GraphDef"), std::string_view::npos) << status.to_string();
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
