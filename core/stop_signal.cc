#include "core/stop_signal.h"

#include <chrono>

namespace tarn {
namespace {

int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void StopSignal::begin(int64_t timeout_ms) {
  constexpr int64_t kMostMs = int64_t{1} << 40;  // some decades; more would not be a number of nanoseconds
  deadline_ns_ = timeout_ms <= 0 ? 0 : now_ns() + (timeout_ms < kMostMs ? timeout_ms : kMostMs) * 1'000'000;
  state_.store(State::kRunning, std::memory_order_relaxed);
}

bool StopSignal::is_past_deadline() const {
  if (now_ns() < deadline_ns_) return false;
  State running = State::kRunning;
  state_.compare_exchange_strong(running, State::kTimedOut, std::memory_order_relaxed);
  return true;
}

}  // namespace tarn
