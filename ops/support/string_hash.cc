#include "ops/support/string_hash.h"

#include <bit>
#include <cstddef>
#include <utility>

namespace tarn::string_hash {
namespace {

// Little-endian numbers at any place.
template <class T>
T load(const char* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<uint8_t>(at[i])) << (8 * i);
  return value;
}
uint64_t load64(const char* at) {
  return load<uint64_t>(at);
}

// ---- FarmHash

constexpr uint64_t k0 = 0xc3a5c85c97cb3127, k1 = 0xb492b66fbe98f273, k2 = 0x9ae16a3b2f90404f;

uint64_t rotate(uint64_t value, int right) {
  return std::rotr(value, right);
}
uint64_t shift_mix(uint64_t value) {
  return value ^ value >> 47;
}
uint64_t mix_two(uint64_t u, uint64_t v, uint64_t multiplier) {
  uint64_t a = shift_mix((u ^ v) * multiplier);
  return shift_mix((v ^ a) * multiplier) * multiplier;
}

uint64_t farm_up_to_16(const char* s, size_t n) {
  if (n >= 8) {
    uint64_t multiplier = k2 + n * 2;
    uint64_t a = load64(s) + k2, b = load64(s + n - 8);
    uint64_t c = rotate(b, 37) * multiplier + a, d = (rotate(a, 25) + b) * multiplier;
    return mix_two(c, d, multiplier);
  }
  if (n >= 4) {
    uint64_t multiplier = k2 + n * 2;
    return mix_two(n + (uint64_t{load<uint32_t>(s)} << 3), load<uint32_t>(s + n - 4), multiplier);
  }
  if (n == 0) return k2;
  auto byte = [s](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(s[i])); };
  uint32_t y = byte(0) + (byte(n / 2) << 8), z = static_cast<uint32_t>(n) + (byte(n - 1) << 2);
  return shift_mix(y * k2 ^ z * k0) * k2;
}

uint64_t farm_17_to_32(const char* s, size_t n) {
  uint64_t multiplier = k2 + n * 2;
  uint64_t a = load64(s) * k1, b = load64(s + 8);
  uint64_t c = load64(s + n - 8) * multiplier, d = load64(s + n - 16) * k2;
  return mix_two(rotate(a + b, 43) + rotate(c, 30) + d, a + rotate(b + k2, 18) + c, multiplier);
}

uint64_t farm_33_to_64(const char* s, size_t n) {
  uint64_t multiplier = k2 + n * 2;
  uint64_t a = load64(s) * k2, b = load64(s + 8);
  uint64_t c = load64(s + n - 8) * multiplier, d = load64(s + n - 16) * k2;
  uint64_t y = rotate(a + b, 43) + rotate(c, 30) + d;
  uint64_t z = mix_two(y, a + rotate(b + k2, 18) + c, multiplier);
  uint64_t e = load64(s + 16) * multiplier, f = load64(s + 24);
  uint64_t g = (y + load64(s + n - 32)) * multiplier, h = (z + load64(s + n - 24)) * multiplier;
  return mix_two(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, multiplier);
}

struct Pair {
  uint64_t first = 0, second = 0;
};

// 32 bytes into a pair.
Pair mix_block(const char* s, uint64_t a, uint64_t b) {
  uint64_t w = load64(s), x = load64(s + 8), y = load64(s + 16), z = load64(s + 24);
  a += w;
  b = rotate(b + a + z, 21);
  uint64_t c = a;
  a += x + y;
  b += rotate(a, 44);
  return {a + z, b + c};
}

uint64_t farm_long(const char* s, size_t n) {
  constexpr uint64_t kSeed = 81;
  uint64_t x = kSeed, y = kSeed * k1 + 113, z = shift_mix(y * k2 + 113) * k2;
  Pair v, w;
  x = x * k2 + load64(s);
  auto step = [&](uint64_t multiplier, uint64_t from_w, uint64_t from_v) {
    x = rotate(x + y + v.first + load64(s + 8), 37) * multiplier;
    y = rotate(y + v.second + load64(s + 48), 42) * multiplier;
    x ^= w.second * from_w;
    y += v.first * from_v + load64(s + 40);
    z = rotate(z + w.first, 33) * multiplier;
    v = mix_block(s, v.second * multiplier, x + w.first);
    w = mix_block(s + 32, z + w.second, y + load64(s + 16));
    std::swap(z, x);
  };
  size_t rest = (n - 1) % 64;  // the last block holds 1 to 64 bytes
  const char* last = s + n - 64;
  for (size_t block = 0; block < (n - 1) / 64; ++block, s += 64) step(k1, 1, 1);
  uint64_t multiplier = k1 + ((z & 0xff) << 1);
  s = last;
  w.first += rest;
  v.first += w.first;
  w.first += v.first;
  step(multiplier, 9, 9);
  return mix_two(mix_two(v.first, w.first, multiplier) + shift_mix(y) * k0 + z,
                 mix_two(v.second, w.second, multiplier) + x, multiplier);
}

}  // namespace

uint64_t fingerprint64(std::string_view text) {
  const char* s = text.data();
  size_t n = text.size();
  if (n <= 16) return farm_up_to_16(s, n);
  if (n <= 32) return farm_17_to_32(s, n);
  if (n <= 64) return farm_33_to_64(s, n);
  return farm_long(s, n);
}

uint64_t hash64(std::string_view text) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995, kSeed = 0xDECAFCAFFE;
  constexpr int kShift = 47;
  uint64_t h = kSeed ^ text.size() * kMultiplier;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t k = load64(text.data()) * kMultiplier;
    k = (k ^ k >> kShift) * kMultiplier;
    h = (h ^ k) * kMultiplier;
  }
  if (!text.empty()) {
    for (size_t i = 0; i < text.size(); ++i) h ^= uint64_t{static_cast<uint8_t>(text[i])} << (8 * i);
    h *= kMultiplier;
  }
  h = (h ^ h >> kShift) * kMultiplier;
  return h ^ h >> kShift;
}

uint64_t strong_hash64(std::string_view text, const std::array<uint64_t, 2>& key) {
  uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d;
  uint64_t v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573;
  auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  };
  auto take = [&](uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  };
  uint64_t last = uint64_t{text.size() & 0xff} << 56;
  for (; text.size() >= 8; text.remove_prefix(8)) take(load64(text.data()));
  for (size_t i = 0; i < text.size(); ++i) last |= uint64_t{static_cast<uint8_t>(text[i])} << (8 * i);
  take(last);
  v2 ^= 0xff;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace tarn::string_hash
