// One HTML page about what optimizing did to a graph: sizes, passes, costs, memory plan, times, both graphs.
// Self-contained: it loads nothing, from the network or from disk, and reads in a light or a dark window.
//
//   Report report{.tool = "optimize_for_mobile",
//                 .before = {.path = "frozen.pb", .graph = &before},
//                 .after = {.path = "mobile.pb", .graph = &graph},
//                 .passes = reports, .outputs = {"softmax"}};
//   measure_report(report);                                      // costs, memory plan, time per op
//   TARN_RETURN_IF_ERROR(write_file_atomically("report.html", report_page(report)));
//
// What is left out (no times, no cost) is left out of the page.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/cost.h"
#include "passes/support/pass_manager.h"

namespace tarn {

struct OpTime {
  std::string node, op;
  double microseconds = 0;  // the median of the runs
};

struct ReportSide {
  std::string path;
  const Graph* graph = nullptr;
  uint64_t file_bytes = 0;
  std::shared_ptr<const GraphCost> cost = {};
  std::vector<OpTime> times = {};
  double run_ms = 0;          // of the whole, the median of the runs; 0: not measured
  std::string no_times = {};  // why there are none
};

struct Report {
  std::string tool;
  ReportSide before, after;
  std::vector<PassReport> passes = {};
  std::vector<std::string> inputs = {}, outputs = {};  // inputs: none for every Placeholder
  std::vector<std::string> notes = {};                 // decisions and warnings, a line each
  bool use_graphviz = true;                            // where there is a `dot` on PATH
};

// Fills in `cost` and the times of both sides: compiles them as an engine does and runs them on made-up inputs, one
// thread, a batch of one. What does not compile or run has its reason instead.
void measure_report(Report& report, int runs = 10);

std::string report_page(const Report& report);

}  // namespace tarn
