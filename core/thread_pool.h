// A persistent pool with a static split: the work [0, n) is cut into at most threads() contiguous ranges, so the same
// input is cut the same way every time. A pool of one thread starts none and calls the function directly.
//
//   pool.parallel_for(rows, /*min_range=*/16, [&](int64_t begin, int64_t end, int thread) { … });
//
// A pool with a StopSignal cuts a range into pieces, one after another, and leaves out those that are left once the
// signal says stop: what was to be made is then not to be looked at. Functions must give the same for any cut, as they
// do for any number of threads.
//
// Thread-safe: callers from several threads take turns. Nothing is allocated per call and nothing spins after it.
#pragma once

#include <cstdint>
#include <memory>

#include "core/linked_parts.h"
#include "core/stop_signal.h"

namespace tarn {

class ThreadPool {
 public:
  // threads >= 1 counts the calling thread; 0 means one per core.
  explicit ThreadPool(int threads, const StopSignal* stop = nullptr);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return kHasThreads ? threads_ : 1; }
  // Not while something runs; null: nothing stops what runs. The signal must outlive its use.
  void set_stop(const StopSignal* stop) { stop_ = stop; }
  const StopSignal* stop() const { return stop_; }
  bool is_stopped() const { return stop_ != nullptr && stop_->is_stopped(); }

  // Calls f(begin, end, thread) for the ranges that cover [0, n), each at least `min_range` long where n allows, and
  // returns when all are done. `thread` < threads() is distinct among ranges that run at the same time (for scratch).
  template <class F>
  void parallel_for(int64_t n, int64_t min_range, const F& f) {
    run(n, min_range, kPieces * (min_range > 0 ? min_range : 1), call<F>, &f);
  }
  // The same for functions whose ranges cost something to begin (a block to pack): never cut into pieces. They ask
  // is_stopped() themselves.
  template <class F>
  void parallel_for_whole(int64_t n, int64_t min_range, const F& f) {
    run(n, min_range, n, call<F>, &f);
  }

 private:
  using Function = void (*)(const void* context, int64_t begin, int64_t end, int thread);
  // A piece is so many times the work that is worth a thread: tens of microseconds, beside which asking costs nothing.
  static constexpr int64_t kPieces = 4;

  template <class F>
  static void call(const void* context, int64_t begin, int64_t end, int thread) {
    (*static_cast<const F*>(context))(begin, end, thread);
  }
  void run(int64_t n, int64_t min_range, int64_t piece, Function function, const void* context);

  struct State;
  int threads_;
  const StopSignal* stop_ = nullptr;
  std::unique_ptr<State> state_;  // null for one thread
};

}  // namespace tarn
