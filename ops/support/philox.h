// Philox4x32-10: a counter turned into four random 32-bit numbers. Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011; key and counter are laid out as in TensorFlow.
//
//   Philox random(philox_position(seed, seed2));
//   random.skip(blocks);
//   Philox::Block four = random.next();
#pragma once

#include <array>
#include <cstdint>

#include "core/random_state.h"

namespace tarn {

// The beginning of the stream of these two seeds.
RandomState::Position philox_position(uint64_t seed, uint64_t seed2);

class Philox {
 public:
  using Block = std::array<uint32_t, 4>;
  explicit Philox(const RandomState::Position& position) : position_(position) {}
  void skip(uint64_t blocks) { position_ = RandomState::advanced(position_, blocks); }
  Block next();

 private:
  RandomState::Position position_;
};

}  // namespace tarn
