// Running a BenchmarkRunner again and again, and one line of JSON about it.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<double> ms, run_often(runner, {.runs = 1000, .seconds = 10}, nullptr));
#pragma once

#include <string>
#include <vector>

#include "runtime/step_stats.h"
#include "tools/support/benchmark_runner.h"

namespace tarn {

struct BenchmarkLimits {
  static constexpr int kNoLimit = 1 << 30;
  int runs = kNoLimit;
  double seconds = -1;  // <= 0: no limit
  double delay = -1;    // seconds between runs; <= 0: none
};

// Runs until a limit is reached; returns the milliseconds of each run. With `stats`, every step is timed for it.
Result<std::vector<double>> run_often(BenchmarkRunner& runner, const BenchmarkLimits& limits, StepStats* stats);

struct BenchmarkLabels {
  std::string graph;         // its path
  std::string model = {};    // "": the file's name
  std::string variant = {};  // "fp32", "weights8"
  std::string executor = {};
  int threads = 0;  // <= 0: one per core
};
// The first run, a third of the time with runs that do not count, the runs that do; then
// {"kind": "infer", "peer": "tarn", "model": …, "min_ms": …, "median_ms": …, "p90_ms": …, …}.
Result<std::string> benchmark_json(BenchmarkRunner& runner, const BenchmarkLimits& limits,
                                   const BenchmarkLabels& labels);

void wait_seconds(double seconds);

}  // namespace tarn
