// A persistent pool with a static split: the work [0, n) is cut into at most threads() contiguous ranges, so the same
// input is cut the same way every time. A pool of one thread starts none and calls the function directly.
//
//   pool.parallel_for(rows, /*min_range=*/16, [&](int64_t begin, int64_t end, int thread) { … });
//
// Thread-safe: callers from several threads take turns. Nothing is allocated per call and nothing spins after it.
#pragma once

#include <cstdint>
#include <memory>

namespace tarn {

class ThreadPool {
 public:
  // threads >= 1 counts the calling thread; 0 means one per core.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls f(begin, end, thread) for the ranges that cover [0, n), each at least `min_range` long where n allows, and
  // returns when all are done. `thread` < threads() is distinct among ranges that run at the same time (for scratch).
  template <class F>
  void parallel_for(int64_t n, int64_t min_range, const F& f) {
    run(
        n, min_range,
        [](const void* context, int64_t begin, int64_t end, int thread) {
          (*static_cast<const F*>(context))(begin, end, thread);
        },
        &f);
  }

 private:
  using Function = void (*)(const void* context, int64_t begin, int64_t end, int thread);
  void run(int64_t n, int64_t min_range, Function function, const void* context);

  struct State;
  int threads_;
  std::unique_ptr<State> state_;  // null for one thread
};

}  // namespace tarn
