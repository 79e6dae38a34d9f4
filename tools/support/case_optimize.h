// What optimize_for_mobile makes of a model that has golden outputs, told nothing but the file.
//
//   OptimizedCase result = check_optimized(cases[0]);
//   result.verdict.line();     // "mnist_softmax ok, 1.2e-07, 7 -> 5 nodes, …"
//
// A checkpoint's or SavedModel's graph is frozen first. Then: the inputs and outputs found are the recorded ones; each
// pass keeps what it promises on the recorded inputs; the engine gives the goldens, and what it gives for the graph as
// it was, but for rounding; a second time the file is the same, byte by byte; optimizing what was optimized changes
// nothing.
#pragma once

#include <string>
#include <vector>

#include "tools/support/case_check.h"

namespace tarn {

struct OptimizedSide {
  int nodes = 0;
  uint64_t bytes = 0;       // of the file
  int64_t macs = 0;         // of one run, of the first set's sizes' graph
  double milliseconds = 0;  // of one run in the engine, one thread, a batch of one: the median; 0: not measured
};

struct OptimizedCase {
  CaseResult verdict;
  bool ends_found = false;  // the recorded ones, without being told
  OptimizedSide before, after;
};

// `runs`: of the engine, to measure; 0: none.
OptimizedCase check_optimized(const ModelCase& model, int runs);

// "inputs and outputs found: 66 of 69 models; not of a, b, c".
std::string ends_found_text(const std::vector<OptimizedCase>& cases);

// The rows of bench/README.md: nodes, bytes, multiply-accumulates and times before and after.
std::string optimized_table(const std::vector<OptimizedCase>& cases);

}  // namespace tarn
