// CRC-32C (Castagnoli), the checksum of checkpoints and table files, and the masking that both store it with.
//
//   uint32_t stored = crc32c_mask(crc32c(bytes));
//   uint32_t both = crc32c("second", crc32c("first "));    // the checksum of "first second"
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tarn {

// Extends `crc`, the checksum of what came before, by `bytes`.
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0);

// A checksum stored beside the bytes it covers is masked, because the CRC of bytes that hold their own CRC is useless.
constexpr uint32_t kCrcMaskDelta = 0xa282ead8;
constexpr uint32_t crc32c_mask(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + kCrcMaskDelta;
}
constexpr uint32_t crc32c_unmask(uint32_t masked) {
  uint32_t rotated = masked - kCrcMaskDelta;
  return (rotated >> 17) | (rotated << 15);
}

namespace internal {
// What crc32c() chooses from by CPU; apart for tests.
uint32_t crc32c_portable(std::string_view bytes, uint32_t crc);
uint32_t crc32c_hardware(std::string_view bytes, uint32_t crc);
bool crc32c_has_hardware();
}  // namespace internal

}  // namespace tarn
