// RandomState: where one random node of a session stands in its stream of random numbers. Random ops keep theirs under
// their node's name; a session that is to go on exactly where it stopped saves and restores them.
//
//   for (const std::string& node : resources.names(RandomState::kKind))
//     save(node, resources.find<RandomState>(node)->get());
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "core/resource.h"

namespace tarn {

// Thread-safe.
class RandomState : public Resource {
 public:
  static constexpr char kKind[] = "random";
  // Philox4x32: the key follows from `seed`, the upper half of the counter from `seed2`; the lower half counts blocks
  // of four 32-bit numbers.
  struct Position {
    std::array<uint32_t, 2> key = {};
    std::array<uint32_t, 4> counter = {};
    bool operator==(const Position&) const = default;
  };

  explicit RandomState(const Position& start) : position_(start) {}
  const char* kind() const override { return kKind; }

  Position get() const {
    std::lock_guard lock(mutex_);
    return position_;
  }
  void set(const Position& position) {
    std::lock_guard lock(mutex_);
    position_ = position;
    begun_ = true;
  }
  // As if the node had never run: the next run begins its stream.
  void clear() {
    std::lock_guard lock(mutex_);
    begun_ = false;
  }
  bool has_begun() const {
    std::lock_guard lock(mutex_);
    return begun_;
  }
  // Begins the stream at `start`, unless another run was faster.
  void begin(const Position& start) {
    std::lock_guard lock(mutex_);
    if (!begun_) position_ = start;
    begun_ = true;
  }
  // The present position; the next `blocks` blocks are the caller's alone.
  Position reserve(uint64_t blocks) {
    std::lock_guard lock(mutex_);
    Position reserved = position_;
    position_ = advanced(position_, blocks);
    return reserved;
  }
  // `blocks` further on, carried through all 128 bits of the counter.
  static Position advanced(Position position, uint64_t blocks) {
    uint64_t low = position.counter[0] | uint64_t{position.counter[1]} << 32;
    uint64_t high = position.counter[2] | uint64_t{position.counter[3]} << 32;
    low += blocks;
    if (low < blocks) ++high;
    position.counter = {static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32), static_cast<uint32_t>(high),
                        static_cast<uint32_t>(high >> 32)};
    return position;
  }

 private:
  mutable std::mutex mutex_;
  Position position_;
  bool begun_ = true;
};

}  // namespace tarn
