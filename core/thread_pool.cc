#include "core/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace tarn {

namespace {

using Function = void (*)(const void* context, int64_t begin, int64_t end, int thread);

struct Work {
  Function function = nullptr;
  const void* context = nullptr;
  int64_t n = 0, piece = 0;
  int ranges = 0;
  const StopSignal* stop = nullptr;

  void run_range(int i) const {
    int64_t begin = n * i / ranges;
    const int64_t end = n * (i + 1) / ranges;
    if (stop != nullptr) {
      while (end - begin > piece) {
        if (stop->is_stopped()) return;
        function(context, begin, begin + piece, i);
        begin += piece;
      }
      if (stop->is_stopped()) return;
    }
    function(context, begin, end, i);
  }
};

}  // namespace

struct ThreadPool::State {
  std::mutex turn;  // one parallel_for at a time
  std::mutex mutex;
  std::condition_variable wake, done;
  uint64_t round = 0;
  int pending = 0;
  bool stop = false;
  Work work;  // of this round
  struct Worker {
    State* state;
    int index;
    pthread_t thread;
  };
  std::vector<Worker> workers;

  void run_worker(int index) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      if (index >= work.ranges) continue;
      lock.unlock();
      work.run_range(index);
      lock.lock();
      if (--pending == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads, const StopSignal* stop)
    : threads_(!kHasThreads  ? 1
               : threads > 0 ? threads
                             : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      stop_(stop) {
  if (!kHasThreads || threads_ == 1) return;
  state_ = std::make_unique<State>();
  state_->workers.reserve(static_cast<size_t>(threads_));  // workers do not move
  // std::thread throws where the system gives no more, and what catches it brings the tables of all code that it
  // passes.
  auto entry = [](void* argument) -> void* {
    auto* worker = static_cast<State::Worker*>(argument);
    worker->state->run_worker(worker->index);
    return nullptr;
  };
  for (int i = 1; i < threads_; ++i) {
    State::Worker& worker = state_->workers.emplace_back(State::Worker{state_.get(), i, {}});
    if (pthread_create(&worker.thread, nullptr, entry, &worker) == 0) continue;
    state_->workers.pop_back();
    threads_ = i;  // as many as the system gives
  }
}

ThreadPool::~ThreadPool() {
  if (!kHasThreads || state_ == nullptr) return;
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (const State::Worker& worker : state_->workers) pthread_join(worker.thread, nullptr);
}

void ThreadPool::run(int64_t n, int64_t min_range, int64_t piece, Function function, const void* context) {
  if (n <= 0) return;
  int64_t ranges = std::min<int64_t>(threads(), std::max<int64_t>(1, n / std::max<int64_t>(1, min_range)));
  const Work work{function, context, n, piece, static_cast<int>(ranges), stop_};
  if (!kHasThreads || ranges == 1) {
    work.run_range(0);
    return;
  }
  std::lock_guard turn(state_->turn);
  {
    std::lock_guard lock(state_->mutex);
    state_->work = work;
    state_->pending = static_cast<int>(ranges) - 1;
    ++state_->round;
  }
  state_->wake.notify_all();
  work.run_range(0);
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, [&] { return state_->pending == 0; });
}

}  // namespace tarn
