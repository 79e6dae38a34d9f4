#include "core/thread_pool.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace tarn {

struct ThreadPool::State {
  std::mutex turn;  // one parallel_for at a time
  std::mutex mutex;
  std::condition_variable wake, done;
  uint64_t round = 0;
  int pending = 0;
  bool stop = false;
  // The work of this round.
  Function function = nullptr;
  const void* context = nullptr;
  int64_t n = 0;
  int ranges = 0;
  std::vector<std::thread> workers;

  void run_range(int i) const { function(context, n * i / ranges, n * (i + 1) / ranges, i); }

  void worker(int index) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      if (index >= ranges) continue;
      lock.unlock();
      run_range(index);
      lock.lock();
      if (--pending == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads)
    : threads_(threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {
  if (threads_ == 1) return;
  state_ = std::make_unique<State>();
  for (int i = 1; i < threads_; ++i) state_->workers.emplace_back([state = state_.get(), i] { state->worker(i); });
}

ThreadPool::~ThreadPool() {
  if (state_ == nullptr) return;
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

void ThreadPool::run(int64_t n, int64_t min_range, Function function, const void* context) {
  if (n <= 0) return;
  int64_t ranges = std::min<int64_t>(threads_, std::max<int64_t>(1, n / std::max<int64_t>(1, min_range)));
  if (ranges == 1) {
    function(context, 0, n, 0);
    return;
  }
  std::lock_guard turn(state_->turn);
  {
    std::lock_guard lock(state_->mutex);
    state_->function = function;
    state_->context = context;
    state_->n = n;
    state_->ranges = static_cast<int>(ranges);
    state_->pending = static_cast<int>(ranges) - 1;
    ++state_->round;
  }
  state_->wake.notify_all();
  state_->run_range(0);
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, [&] { return state_->pending == 0; });
}

}  // namespace tarn
