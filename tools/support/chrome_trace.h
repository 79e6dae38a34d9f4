// A profile as a file for chrome://tracing, Perfetto (ui.perfetto.dev) or speedscope: the steps of runs one after
// another, with their op, output and share of the arena.
//
//   std::string text = chrome_trace(*runner.program(), {nanoseconds_of_each_step, …});
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace tarn {

// The Trace Event Format (JSON object form, "X" events, microseconds): one thread, the one that runs the steps; a run
// is an event around its steps. Steps of a loop are as long as all their iterations together.
std::string chrome_trace(const Program& program, std::span<const std::vector<int64_t>> runs);

}  // namespace tarn
