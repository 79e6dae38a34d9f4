#include "tools/support/benchmark_timing.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/file.h"
#include "core/json_text.h"
#include "core/machine.h"
#include "graph/cost.h"
#include "tools/support/progress.h"

namespace tarn {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The file's name without its ending.
std::string model_name(const BenchmarkLabels& labels) {
  if (!labels.model.empty()) return labels.model;
  std::string name = path_name(labels.graph);
  return name.substr(0, name.find('.', 1));
}

double max_rss_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

void wait_seconds(double seconds) {
  if (seconds > 0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

Result<std::vector<double>> run_often(BenchmarkRunner& runner, const BenchmarkLimits& limits, StepStats* stats) {
  std::vector<double> times;
  std::vector<int64_t> step_nanoseconds;
  Clock::time_point begin = Clock::now();
  while (static_cast<int>(times.size()) < limits.runs) {
    Clock::time_point run_begin = Clock::now();
    TARN_RETURN_IF_ERROR(stats == nullptr ? runner.run() : runner.run_profiled(step_nanoseconds));
    times.push_back(seconds_since(run_begin) * 1e3);
    if (stats != nullptr) stats->add_run(step_nanoseconds);
    if (limits.seconds > 0 && seconds_since(begin) >= limits.seconds) break;
    wait_seconds(limits.delay);
  }
  return times;
}

Result<std::string> benchmark_json(BenchmarkRunner& runner, const BenchmarkLimits& limits,
                                   const BenchmarkLabels& labels) {
  Clock::time_point begin = Clock::now();
  TARN_RETURN_IF_ERROR(runner.run());
  double first_ms = seconds_since(begin) * 1e3;
  BenchmarkLimits warm_up{.runs = limits.runs, .seconds = limits.seconds / 3};
  TARN_RETURN_IF_ERROR(run_often(runner, warm_up, nullptr).status());
  TARN_ASSIGN_OR_RETURN(std::vector<double> times, run_often(runner, limits, nullptr));
  std::sort(times.begin(), times.end());
  auto quantile = [&](double q) {
    return times[std::min(times.size() - 1, static_cast<size_t>(q * static_cast<double>(times.size())))];
  };
  TARN_ASSIGN_OR_RETURN(uint64_t file_bytes, file_size(labels.graph));
  std::shared_ptr<const Program> program = runner.program();
  std::string line;
  auto add = [&](std::string_view name, const std::string& value) {
    str_append(line, line.empty() ? "{" : ", ", "\"", name, "\": ", value);
  };
  auto add_number = [&](std::string_view name, double value) { add(name, fixed_text(value, 4)); };
  int threads = ThreadPool::resolve(labels.threads);
  add("kind", json_text("infer"));
  add("peer", json_text("tarn"));
  add("model", json_text(model_name(labels)));
  add("variant", json_text(labels.variant));
  add("executor", json_text(labels.executor));
  add("batch", str_cat(runner.batch()));
  add("threads", str_cat(std::max(threads, 1)));
  add("isa", json_text(widest_isa()));
  add("n", str_cat(times.size()));
  add_number("min_ms", times.front());
  add_number("median_ms", quantile(0.5));
  add_number("p90_ms", quantile(0.9));
  add_number("load_ms", runner.load_ms());
  add_number("first_ms", first_ms);
  add_number("rss_mb", max_rss_mb());
  add_number("file_mb", static_cast<double>(file_bytes) / 1e6);
  add_number("arena_mb", static_cast<double>(program->stats.arena_bytes) / 1e6);
  add_number("gflops_per_s", 2 * static_cast<double>(program_macs(*program)) / quantile(0.5) / 1e6);
  return line + "}";
}

}  // namespace tarn
