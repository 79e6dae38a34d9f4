// Which of several branches runs first decides what is in memory while the others run. The schedule has them in the
// order of the file; where most memory is needed at a time, a step that ends the life of what has to wait there is moved
// in front, with what it needs and a few steps behind it, if that lowers the most.
//
//   mixed -> (1x1), (1x1 -> 3x3 -> 3x3), (pool -> 1x1):  the pool's branch first, so that `mixed` is gone
#include <algorithm>

#include "core/search.h"
#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

constexpr int kMostMoves = 64;
constexpr int kMostTries = 400;  // of orders, in all: each costs a pass over the steps
constexpr size_t kMostMoved = 12;
constexpr int kMostFurther = 4;

class Narrowing {
 public:
  Narrowing(const Program& program, const PlannedLifetimes& lifetimes) : program_(program), blocks_(lifetimes.blocks) {
    const size_t steps = program.steps.size();
    made_by_.assign(program.values.size(), -1);
    readers_.resize(program.values.size());
    touched_.resize(steps);
    own_bytes_.assign(steps, 0);
    std::vector<std::vector<int>> blocks_of(program.values.size());  // a view looks at others' memory
    for (size_t s = 0; s < steps; ++s) {
      const Step& step = program.steps[s];
      order_.push_back(static_cast<int>(s));
      own_bytes_[s] = step.scratch_bytes;
      for (int in : step.inputs) {
        readers_[static_cast<size_t>(in)].push_back(static_cast<int>(s));
        add(touched_[s], blocks_of[static_cast<size_t>(in)]);
      }
      for (int out : step.outputs) {
        made_by_[static_cast<size_t>(out)] = static_cast<int>(s);
        std::vector<int>& own = blocks_of[static_cast<size_t>(out)];
        if (const int block = lifetimes.block_of[static_cast<size_t>(out)]; block >= 0) own.push_back(block);
        if (program.values[static_cast<size_t>(out)].kind == ValueKind::kForwarded) {
          for (int in : step.inputs) add(own, blocks_of[static_cast<size_t>(in)]);
        }
        add(touched_[s], own);
      }
    }
    stays_.assign(blocks_.size(), 0);
    for (size_t b = 0; b < blocks_.size(); ++b) stays_[b] = blocks_[b].last >= static_cast<int>(steps) ? 1 : 0;
    place_.resize(steps);
  }

  std::vector<int> run() {
    size_t most = most_alive(order_);
    for (int move = 0; move < kMostMoves && tries_ < kMostTries; ++move) {
      const size_t before = most;
      std::vector<int> best;
      const int peak = peak_;
      for (int late : late_readers(peak)) try_moves(late, peak, most, best);
      if (best.empty()) break;
      order_ = std::move(best);
      most = most_alive(order_);
      if (most >= before) break;
    }
    return order_;
  }

 private:
  static void add(std::vector<int>& to, const std::vector<int>& from) {
    for (int value : from) {
      if (!contains(to, value)) to.push_back(value);
    }
  }
  const Step& step(int s) const { return program_.steps[static_cast<size_t>(s)]; }

  // The most bytes alive at a step; peak_ becomes that place, place_ where each step is.
  size_t most_alive(const std::vector<int>& order) {
    ++tries_;
    first_.assign(blocks_.size(), -1);
    last_.assign(blocks_.size(), -1);
    for (size_t at = 0; at < order.size(); ++at) {
      place_[static_cast<size_t>(order[at])] = static_cast<int>(at);
      for (int block : touched_[static_cast<size_t>(order[at])]) {
        int& first = first_[static_cast<size_t>(block)];
        if (first < 0) first = static_cast<int>(at);
        last_[static_cast<size_t>(block)] = static_cast<int>(at);
      }
    }
    change_.assign(order.size() + 1, 0);
    for (size_t b = 0; b < blocks_.size(); ++b) {
      if (first_[b] < 0) continue;  // scratch memory
      change_[static_cast<size_t>(first_[b])] += static_cast<int64_t>(blocks_[b].bytes);
      if (stays_[b] == 0) change_[static_cast<size_t>(last_[b]) + 1] -= static_cast<int64_t>(blocks_[b].bytes);
    }
    int64_t alive = 0;
    size_t most = 0;
    peak_ = 0;
    for (size_t at = 0; at < order.size(); ++at) {
      alive += change_[at];
      const size_t bytes = static_cast<size_t>(alive) + own_bytes_[static_cast<size_t>(order[at])];
      if (bytes <= most) continue;
      most = bytes;
      peak_ = static_cast<int>(at);
    }
    return most;
  }

  // Steps after the peak that read what is only passing over it.
  std::vector<int> late_readers(int peak) const {
    const int at_peak = order_[static_cast<size_t>(peak)];
    std::vector<int> readers;
    for (size_t at = static_cast<size_t>(peak) + 1; at < order_.size(); ++at) {
      const int s = order_[at];
      for (int block : touched_[static_cast<size_t>(s)]) {
        const bool passes = first_[static_cast<size_t>(block)] < peak && last_[static_cast<size_t>(block)] > peak &&
                            !contains(touched_[static_cast<size_t>(at_peak)], block);
        if (passes && !contains(readers, s)) readers.push_back(s);
      }
    }
    return readers;
  }

  // What step s waits for at or after the peak, and s itself; false: for the step at the peak, or for too many.
  bool add_with_needs(int s, int peak, std::vector<int>& moved) const {
    if (place_[static_cast<size_t>(s)] < peak || contains(moved, s)) return true;
    if (place_[static_cast<size_t>(s)] == peak || moved.size() >= kMostMoved || step(s).kind == StepKind::kFetch)
      return false;
    moved.push_back(s);
    return all_of(step(s).inputs, [&](int in) {
      const int maker = made_by_[static_cast<size_t>(in)];
      return maker < 0 || add_with_needs(maker, peak, moved);
    });
  }

  // With `late` in front of the peak, then with a step more behind it, and so on. Changes `best` and `most` where that
  // is better; place_, first_ and last_ are the order's again.
  void try_moves(int late, int peak, size_t& most, std::vector<int>& best) {
    std::vector<int> moved;
    for (int further = 0; further <= kMostFurther && tries_ < kMostTries; ++further) {
      if (!add_with_needs(late, peak, moved)) break;
      std::vector<int> order;
      for (size_t at = 0; at < order_.size(); ++at) {
        const int s = order_[at];
        if (static_cast<int>(at) == peak) {
          for (size_t from = at; from < order_.size(); ++from) {
            if (contains(moved, order_[from])) order.push_back(order_[from]);
          }
        }
        if (!contains(moved, s)) order.push_back(s);
      }
      if (const size_t bytes = most_alive(order); bytes < most) {
        most = bytes;
        best = std::move(order);
      }
      most_alive(order_);
      const std::vector<int>& outputs = step(late).outputs;
      if (outputs.size() != 1 || readers_[static_cast<size_t>(outputs[0])].size() != 1) break;
      late = readers_[static_cast<size_t>(outputs[0])][0];
    }
  }

  const Program& program_;
  const std::vector<Lifetime>& blocks_;
  std::vector<int> made_by_;                // by value: the step
  std::vector<std::vector<int>> readers_;   // by value
  std::vector<std::vector<int>> touched_;   // by step: blocks
  std::vector<size_t> own_bytes_;           // by step: scratch memory
  std::vector<char> stays_;                 // by block: until the next run
  std::vector<int> order_, place_;          // by place, the step; by step, the place
  std::vector<int> first_, last_;           // by block: places
  std::vector<int64_t> change_;
  int peak_ = 0;
  int tries_ = 0;
};

}  // namespace

std::vector<int> narrow_order(Program& program, const std::vector<char>& hands_on,
                              const std::vector<std::vector<std::pair<int, int>>>& reuse,
                              const std::vector<int>& kept) {
  const PlannedLifetimes lifetimes = find_lifetimes(program, hands_on, reuse, kept);
  return Narrowing(program, lifetimes).run();
}

}  // namespace tarn::compiling
