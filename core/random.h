// A small fixed generator: the same seed gives the same numbers on every machine and compiler, which std::shuffle and
// the std:: distributions do not promise.
//
//   Random random(42);   random.below(10);   random.uniform(-1, 1);
//   Random image_random(seed, index);     // independent streams: work can be split over threads
//
// splitmix64 (Steele, Lea, Flood 2014): passes BigCrush, one word of state. Not for secrets. One per thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace tarn {

class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : state_(mix(seed) ^ mix(stream + kStep)) {}

  uint64_t next() { return mix(state_ += kStep); }

  // 0 <= result < n, each equally likely; n >= 1.
  uint64_t below(uint64_t n) {
    // The lowest 2^64 mod n values are drawn again: what remains is a multiple of n.
    const uint64_t uneven = (0 - n) % n;
    while (true) {
      uint64_t value = next();
      if (value >= uneven) return value % n;
    }
  }
  // In [0, 1), 53 random bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Mean 0, variance 1 (Box-Muller).
  double normal() {
    double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

// Fisher-Yates, from the back.
template <class T>
void shuffle(std::span<T> values, Random& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

}  // namespace tarn
