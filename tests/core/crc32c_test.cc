#include "core/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace tarn {
namespace {

// One bit at a time, straight from the polynomial's definition.
uint32_t bitwise(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

TEST(Crc32c, MatchesPublishedValues) {
  // RFC 3720 (iSCSI), B.4; and the usual check value.
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, EveryVariantAgreesAtEveryLengthAndStart) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 37 + i / 7);
  for (size_t start = 0; start < 9; ++start) {
    for (size_t length = 0; start + length <= text.size(); ++length) {
      std::string_view bytes = std::string_view(text).substr(start, length);
      uint32_t expected = bitwise(bytes);
      ASSERT_EQ(internal::crc32c_portable(bytes, 0), expected);
      if (internal::crc32c_has_hardware()) {
        ASSERT_EQ(internal::crc32c_hardware(bytes, 0), expected);
      }
      ASSERT_EQ(crc32c(bytes.substr(length / 3), crc32c(bytes.substr(0, length / 3))), expected);
    }
  }
}

TEST(Crc32c, MaskingIsUndone) {
  for (uint32_t crc : {0U, 1U, 0xe3069283U, 0xffffffffU}) {
    EXPECT_EQ(crc32c_unmask(crc32c_mask(crc)), crc);
    EXPECT_NE(crc32c_mask(crc), crc);
  }
}

}  // namespace
}  // namespace tarn
