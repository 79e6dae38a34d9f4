// What the kernel tests share: seeded data, scratch that notices overruns and stale reads, the ISAs of this machine,
// and the comparison against a double reference.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "ops/kernels/isa.h"

namespace tarn::kernels::testing {

inline std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (isa_available(isa)) isas.push_back(isa);
  }
  return isas;
}

// double has one path, whatever the ISA.
template <class T>
std::vector<Isa> isas_of() {
  return std::is_same_v<T, double> ? std::vector<Isa>{Isa::kPortable} : available_isas();
}

template <class T>
std::vector<T> random_values(int64_t count, uint32_t seed, double low = -1, double high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<T> values(static_cast<size_t>(count));
  for (T& value : values) value = static_cast<T>(distribution(generator));
  return values;
}

// 64-byte aligned, filled with NaN so that a read of what was never written shows, guarded at the end.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : bytes_(bytes), data_(std::aligned_alloc(64, (bytes + kGuard + 63) / 64 * 64)) {
    std::memset(data_, 0xff, bytes + kGuard);
  }
  ~Scratch() {
    for (size_t i = 0; i < kGuard; ++i) {
      if (static_cast<unsigned char*>(data_)[bytes_ + i] != 0xff) {
        ADD_FAILURE() << "scratch of " << bytes_ << " bytes was overrun";
        break;
      }
    }
    std::free(data_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() const { return data_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  static constexpr size_t kGuard = 256;
  size_t bytes_;
  void* data_;
};

// A reference value with the sum of the absolute values of its terms and their number.
struct Expected {
  double value = 0;
  double magnitude = 0;
  int64_t terms = 0;

  void add(double term) {
    value += term;
    magnitude += std::abs(term);
    ++terms;
  }
};

// Rounding errors of a sum of n terms behave like a random walk: about eps / 2 * sqrt(n) * sum of |terms|. Four times
// that; + 2 terms for what an epilogue adds.
template <class T>
double tolerance(const Expected& expected) {
  return 2 * double(std::numeric_limits<T>::epsilon()) * std::sqrt(double(expected.terms + 2)) * expected.magnitude +
         std::numeric_limits<T>::min();
}

template <class T>
void expect_near_all(const std::vector<Expected>& expected, const std::vector<T>& got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    // Written so that NaN fails.
    if (!(std::abs(double(got[i]) - expected[i].value) <= tolerance<T>(expected[i]))) {
      ADD_FAILURE() << what << ": element " << i << " is " << got[i] << ", expected " << expected[i].value << " +- "
                    << tolerance<T>(expected[i]);
      return;
    }
  }
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

}  // namespace tarn::kernels::testing
