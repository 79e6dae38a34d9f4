// The cores that are worth a thread. Phones have fast and slow ones, and work that is split evenly takes as long as its
// slowest part: there an engine uses the fast ones alone.
//
//   ThreadPool pool(fast_cores().count);
#pragma once

#include <cstdint>

namespace tarn {

struct FastCores {
  static constexpr int kMost = 1024;  // of Linux's cpu_set_t
  int count = 1;                      // of this process' cores
  bool are_some = false;              // it has slower ones beside them
  uint64_t mask[kMost / 64] = {};     // core c: bit c % 64 of word c / 64

  bool has(int core) const { return (mask[core / 64] >> (core % 64) & 1) != 0; }
};

// A core is fast if it does at least two thirds of what the fastest does, by Linux's measure of capacity, or by its
// highest clock where there is none: a phone's big and prime cores, all of a desktop's. Read once.
const FastCores& fast_cores();
// The calling thread, and no other, runs on these alone. Where the system refuses, it stays as it is.
void keep_to(const FastCores& cores);

namespace internal {
// `folder` is laid out as /sys/devices/system/cpu, with the cores of `allowed` in it.
FastCores find_fast_cores(const char* folder, const FastCores& allowed);
}  // namespace internal

}  // namespace tarn
