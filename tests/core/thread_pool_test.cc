#include "core/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace tarn {
namespace {

struct Ranges {
  std::vector<int> visits;
  int calls = 0;
  std::set<int> threads;
};

template <class Run>
Ranges ranges_of(int64_t n, const Run& run) {
  Ranges ranges;
  ranges.visits.resize(static_cast<size_t>(n), 0);
  std::mutex mutex;
  run([&](int64_t begin, int64_t end, int thread) {
    std::lock_guard lock(mutex);
    ++ranges.calls;
    ranges.threads.insert(thread);
    for (int64_t i = begin; i < end; ++i) ++ranges.visits[static_cast<size_t>(i)];
  });
  return ranges;
}

TEST(ThreadPool, RangesCoverAllOnceWithAndWithoutASignal) {
  StopSignal stop;
  stop.begin(0);
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (int64_t n : {1, 7, 100, 1000}) {
      for (const StopSignal* signal :
           {static_cast<const StopSignal*>(nullptr), static_cast<const StopSignal*>(&stop)}) {
        pool.set_stop(signal);
        Ranges ranges = ranges_of(n, [&](const auto& f) { pool.parallel_for(n, 5, f); });
        EXPECT_EQ(ranges.visits, std::vector<int>(static_cast<size_t>(n), 1)) << threads << " threads, " << n;
        EXPECT_LE(static_cast<int>(ranges.threads.size()), threads);
        Ranges whole = ranges_of(n, [&](const auto& f) { pool.parallel_for_whole(n, 5, f); });
        EXPECT_EQ(whole.visits, std::vector<int>(static_cast<size_t>(n), 1));
        EXPECT_LE(whole.calls, threads);
      }
    }
  }
}

TEST(ThreadPool, PiecesAreThereOnlyWithASignal) {
  ThreadPool pool(1);
  EXPECT_EQ(ranges_of(1000, [&](const auto& f) { pool.parallel_for(1000, 5, f); }).calls, 1);
  StopSignal stop;
  stop.begin(0);
  pool.set_stop(&stop);
  EXPECT_GE(ranges_of(1000, [&](const auto& f) { pool.parallel_for(1000, 5, f); }).calls, 20);
}

TEST(ThreadPool, WhatIsStoppedLeavesOutWhatIsLeft) {
  for (int threads : {1, 2}) {
    StopSignal stop;
    ThreadPool pool(threads, &stop);
    stop.begin(0);
    std::atomic<int64_t> done = 0;
    pool.parallel_for(100'000, 1, [&](int64_t begin, int64_t end, int) {
      done += end - begin;
      stop.cancel();
    });
    EXPECT_GT(done, 0);
    EXPECT_LT(done, 100) << threads;  // a piece or two of each thread
    EXPECT_TRUE(pool.is_stopped());
    pool.parallel_for(10, 1, [&](int64_t, int64_t, int) { ADD_FAILURE() << "it is stopped already"; });
    stop.end();
    EXPECT_FALSE(pool.is_stopped());
  }
}

TEST(StopSignal, ACancelIsOfTheRunThatIsUnderWay) {
  StopSignal stop;
  stop.cancel();  // none is
  EXPECT_FALSE(stop.is_stopped());
  stop.begin(0);
  EXPECT_FALSE(stop.is_stopped());
  stop.cancel();
  EXPECT_TRUE(stop.is_stopped());
  EXPECT_EQ(stop.state(), StopSignal::State::kCancelled);
  stop.end();
  EXPECT_FALSE(stop.is_stopped());
  stop.begin(0);
  EXPECT_FALSE(stop.is_stopped());
}

TEST(StopSignal, ADeadlineCountsFromTheBegin) {
  StopSignal stop;
  stop.begin(INT64_MAX);
  EXPECT_FALSE(stop.is_stopped());
  stop.begin(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  EXPECT_TRUE(stop.is_stopped());
  EXPECT_EQ(stop.state(), StopSignal::State::kTimedOut);
  stop.cancel();  // the first reason stays
  EXPECT_EQ(stop.state(), StopSignal::State::kTimedOut);
  stop.begin(0);
  EXPECT_FALSE(stop.is_stopped());
}

}  // namespace
}  // namespace tarn
