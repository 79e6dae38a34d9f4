// What a program's steps cost, in the lines of TensorFlow's StatSummarizer (its benchmark_model's, getStatString's).
//
//   StepStats stats(program);
//   stats.add_run(nanoseconds_of_each_step);
//   print(stats.table("Top by Computation Time", StepStats::Order::kTime, 10));
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/program.h"

namespace tarn {

// Numbers as they come: "count=3 first=5 curr=4 min=4 max=6 avg=5 std=0".
class RunningStat {
 public:
  void add(int64_t value);
  int64_t count() const { return count_; }
  int64_t first() const { return first_; }
  int64_t min() const { return min_; }
  int64_t max() const { return max_; }
  double sum() const { return sum_; }
  double average() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }
  std::string to_string() const;

 private:
  int64_t count_ = 0, first_ = 0, newest_ = 0, min_ = 0, max_ = 0;
  double sum_ = 0, squares_ = 0;
};

class StepStats {
 public:
  enum class Order { kRun, kTime, kMemory };

  explicit StepStats(const Program& program);
  void add_run(std::span<const int64_t> step_nanoseconds);

  double average_nanoseconds(size_t step) const { return details_[step].nanoseconds.average(); }

  // A step a line; at most `limit` of them (0: all).
  std::string table(std::string_view title, Order order, int limit) const;
  std::string table_by_type() const;
  // Time and memory of whole runs.
  std::string summary() const;
  // All of them, as TensorFlow's GetOutputString.
  std::string text() const;
  // {"runs": 3, "total_us": {…}, "nodes": [{"name": …, "op": …, "mean_us": …}], "ops": [{"op": …, "count": …,
  // "mean_us": …}]}
  std::string json() const;

 private:
  struct Detail {
    std::string name, type;
    int64_t bytes = 0;     // of its outputs
    double start_sum = 0;  // microseconds
    RunningStat nanoseconds;
  };
  struct Type {
    std::string name;
    int count = 0;
    double milliseconds = 0;
    int64_t bytes = 0;
  };
  std::vector<Type> types() const;  // most time first
  std::vector<Detail> details_;
  RunningStat run_time_, memory_;
};

// A double as a C++ stream writes it, which TensorFlow's lines do.
std::string stream_text(double value);

}  // namespace tarn
