#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "graph/dataset_stage.h"

namespace tarn {
namespace {

// A thread of its own runs the stages before it, as far ahead as the buffer is long. They are the thread's alone while
// it lives; what they gave is handed over in order, and their last word (the end, an error) with it.
class Prefetch : public Dataset::Stage {
 public:
  Prefetch(DatasetStage from, int64_t buffer_size) : from_(std::move(from)), most_(static_cast<size_t>(buffer_size)) {}
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;
  ~Prefetch() override { stop(); }
  Status start(int64_t epoch) override {
    stop();
    return from_->start(epoch);
  }
  Result<bool> next(DatasetItem& item) override {
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty() || done_; });
    if (ready_.empty()) {
      if (!status_.ok()) return status_;
      return false;
    }
    item = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return true;
  }
  Result<int64_t> skip(int64_t count) override {
    // Before the first next() the stages are still this thread's.
    return thread_.joinable() ? Stage::skip(count) : from_->skip(count);
  }

  std::optional<int64_t> size() const override { return from_->size(); }
  const std::vector<Tensor>* rows() const override { return from_->rows(); }

 private:
  void work() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ready_.size() < most_ || stop_; });
        if (stop_) return;
      }
      DatasetItem item;
      Result<bool> more = from_->next(item);
      {
        std::lock_guard lock(mutex_);
        if (more.ok() && *more) {
          ready_.push_back(std::move(item));
        } else {
          status_ = more.status();
          done_ = true;
        }
      }
      changed_.notify_all();
      if (!more.ok() || !*more) return;
    }
  }
  void stop() {
    if (thread_.joinable()) {
      {
        std::lock_guard lock(mutex_);
        stop_ = true;
      }
      changed_.notify_all();
      thread_.join();
    }
    ready_.clear();
    status_ = {};
    stop_ = done_ = false;
  }

  DatasetStage from_;
  const size_t most_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DatasetItem> ready_;  // this and below: under the mutex
  Status status_;
  bool done_ = false, stop_ = false;
};

}  // namespace

DatasetStage make_prefetch_stage(DatasetStage from, int64_t buffer_size) {
  return std::make_unique<Prefetch>(std::move(from), buffer_size);
}

}  // namespace tarn
