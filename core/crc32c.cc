#include "core/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tarn {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes at a time are taken low byte first");

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, bits reversed

// kTables[k][b]: the CRC of byte b followed by k zero bytes ("slicing by 8", Kounavis and Berry 2005).
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      uint32_t previous = tables[k - 1][byte];
      tables[k][byte] = (previous >> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}();

uint64_t load64(const char* data) {
  uint64_t value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

}  // namespace

namespace internal {

uint32_t crc32c_portable(std::string_view bytes, uint32_t crc) {
  crc = ~crc;
  while (bytes.size() >= 8) {
    uint64_t x = load64(bytes.data()) ^ crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(x >> (8 * k)) & 0xff];
    bytes.remove_prefix(8);
  }
  for (char c : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

#if defined(__x86_64__)

bool crc32c_has_hardware() {
  constexpr uint32_t kSse42 = 1u << 20;  // of leaf 1's ecx; __builtin_cpu_supports is 6 KB (ops/kernels/isa.cc)
  uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & kSse42) != 0;
}

__attribute__((target("sse4.2"))) uint32_t crc32c_hardware(std::string_view bytes, uint32_t crc) {
  const char* data = bytes.data();
  size_t left = bytes.size();
  uint64_t state = ~crc;
  for (; left >= 8; left -= 8, data += 8) {
    uint64_t x;
    __builtin_memcpy(&x, data, sizeof(x));
    state = __builtin_ia32_crc32di(state, x);
  }
  auto narrow = static_cast<uint32_t>(state);
  for (; left > 0; --left, ++data) narrow = __builtin_ia32_crc32qi(narrow, static_cast<unsigned char>(*data));
  return ~narrow;
}

#else

bool crc32c_has_hardware() {
  return false;
}
uint32_t crc32c_hardware(std::string_view bytes, uint32_t crc) {
  return crc32c_portable(bytes, crc);
}

#endif

}  // namespace internal

uint32_t crc32c(std::string_view bytes, uint32_t crc) {
  static const bool hardware = internal::crc32c_has_hardware();
  return hardware ? internal::crc32c_hardware(bytes, crc) : internal::crc32c_portable(bytes, crc);
}

}  // namespace tarn
