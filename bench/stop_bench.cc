// How long a run goes on after tarn_cancel, and beyond its deadline: by the clock, from the call to tarn_run's return.
//
//   stop_bench [graph.pb …]      beside a large MatMul and Conv2D; a graph's open dims are 4
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include "graph/graph_io.h"
#include "graph/text.h"
#include "runtime/c_api.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 40;

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

void print_row(const char* what, const std::string& name, int threads, std::vector<double>& values) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  std::printf("%-9s %-28s %d threads: median %.3f ms, 95%% %.3f ms, most %.3f ms of %zu\n", what, name.c_str(), threads,
              values[values.size() / 2], values[values.size() * 95 / 100], values.back(), values.size());
}

void measure(const std::string& name, const std::string& bytes, int threads) {
  tarn_options options = {};
  options.struct_size = sizeof options;
  options.threads = threads;
  tarn_engine* engine = tarn_engine_load_memory(bytes.data(), bytes.size(), &options);
  int64_t dims[8] = {};
  int rank = engine == nullptr ? 0 : tarn_input_shape(engine, 0, dims, 8);
  for (int d = 0; d < rank; ++d) dims[d] = dims[d] < 0 ? 4 : dims[d];
  bool good = engine != nullptr && tarn_input_buffer(engine, 0, dims, rank, nullptr) != nullptr;
  auto begin = Clock::now();
  if (!good || tarn_run(engine) != TARN_OK) {
    std::printf("%s: %s\n", name.c_str(), tarn_last_error());
    return;
  }
  const double whole = milliseconds(Clock::now() - begin);
  std::mt19937 random(1);
  std::vector<double> after_cancel, after_deadline;
  for (int round = 0; round < kRounds; ++round) {
    Clock::time_point end;
    tarn_code code = TARN_OK;
    std::thread runner([&] {
      code = tarn_run(engine);
      end = Clock::now();
    });
    double wait = std::uniform_real_distribution<double>(0.05, 0.7)(random) * std::min(whole, 500.0);
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait));
    begin = Clock::now();
    (void)tarn_cancel(engine);
    runner.join();
    if (code == TARN_CANCELLED) after_cancel.push_back(milliseconds(end - begin));

    const auto deadline = std::max<int64_t>(1, static_cast<int64_t>(wait));
    (void)tarn_set_deadline(engine, deadline);
    begin = Clock::now();
    code = tarn_run(engine);
    if (code == TARN_DEADLINE_EXCEEDED)
      after_deadline.push_back(milliseconds(Clock::now() - begin) - static_cast<double>(deadline));
    (void)tarn_set_deadline(engine, 0);
  }
  print_row("cancel", name, threads, after_cancel);
  print_row("deadline", name, threads, after_deadline);
  tarn_engine_free(engine);
}

std::string bytes_of(const tarn::Result<tarn::Graph>& graph) {
  return graph.ok() ? tarn::graph_bytes(*graph, tarn::GraphFormat::kBinary).value_or("") : "";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::pair<std::string, std::string>> models = {
      {"MatMul 4000^3", bytes_of(tarn::graph_from_text("a: f32[4000,4000] = Placeholder\n"
                                                       "y = MatMul(a, a)\n"))},
      {"Conv2D 3x3 512x512x128",
       bytes_of(tarn::graph_from_text("x: f32[1,512,512,128] = Placeholder\n"
                                      "w: f32[3,3,128,128] = random(seed=1)\n"
                                      "y = Conv2D(x, w) {strides=[1, 1, 1, 1], padding=\"SAME\"}\n"))}};
  for (int i = 1; i < argc; ++i) models.emplace_back(argv[i], bytes_of(tarn::read_graph(argv[i])));
  for (const auto& [name, bytes] : models) {
    for (int threads : {1, 2}) measure(name, bytes, threads);
  }
  return 0;
}
