// StopSignal: how a run that is under way learns that it is to end: another thread cancelled it, or its time is over.
// Asked between steps, between the pieces of a ThreadPool's work, and in the outer loops of kernels.
//
//   StopSignal stop;
//   stop.begin(/*timeout_ms=*/200);
//   … if (stop.is_stopped()) return …;      // any thread: one relaxed load, and a look at the clock if there is a
//   timeout stop.end(); stop.cancel();                          // any thread; does nothing without a run
//
// Thread-safe, but begin() and end(), which are the running thread's.
#pragma once

#include <atomic>
#include <cstdint>

namespace tarn {

class StopSignal {
 public:
  enum class State : int { kIdle, kRunning, kCancelled, kTimedOut };

  void begin(int64_t timeout_ms);  // 0: none
  void end() { state_.store(State::kIdle, std::memory_order_relaxed); }
  void cancel() {
    State running = State::kRunning;
    state_.compare_exchange_strong(running, State::kCancelled, std::memory_order_relaxed);
  }
  State state() const { return state_.load(std::memory_order_relaxed); }

  // True from the moment the run is cancelled or its time is over until it ends.
  bool is_stopped() const {
    State state = this->state();
    return state >= State::kCancelled || (deadline_ns_ != 0 && state == State::kRunning && is_past_deadline());
  }

 private:
  bool is_past_deadline() const;

  mutable std::atomic<State> state_ = State::kIdle;
  int64_t deadline_ns_ = 0;  // of the steady clock; 0: none
};

}  // namespace tarn
