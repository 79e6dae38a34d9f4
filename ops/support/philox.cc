#include "ops/support/philox.h"

namespace tarn {

RandomState::Position philox_position(uint64_t seed, uint64_t seed2) {
  return {.key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
          .counter = {0, 0, static_cast<uint32_t>(seed2), static_cast<uint32_t>(seed2 >> 32)}};
}

Philox::Block Philox::next() {
  // Constants of the paper: multipliers, and the Weyl sequences that the key walks.
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  Block c = position_.counter;
  uint32_t key0 = position_.key[0], key1 = position_.key[1];
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = kMultiplier0 * c[0], p1 = kMultiplier1 * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(p0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  position_ = RandomState::advanced(position_, 1);
  return c;
}

}  // namespace tarn
