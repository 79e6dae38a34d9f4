// Speed of single ops at the shapes that networks have (bench/op_shapes.graph), with each backend, run by a session.
//
//   taskset -c 1 ops_bench --benchmark_filter=conv2 --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
//   TARN_BENCH_THREADS=2 ops_bench         # threads of the session; 1 unless told
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "graph/session.h"
#include "graph/text.h"

namespace tarn::bench {
namespace {

struct Entry {
  std::string name, graph;
};

std::vector<Entry> read_entries(const std::string& path) {
  std::vector<Entry> entries;
  std::ifstream file(path);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) {
      inside = false;
    } else if (!inside && line.starts_with("# ") && line.find('/') < line.find(' ', 2)) {
      entries.push_back({line.substr(2), ""});
      inside = true;
    } else if (inside) {
      entries.back().graph += line + "\n";
    }
  }
  return entries;
}

Tensor random_floats(const Shape& shape) {
  std::mt19937 random(7);
  Tensor tensor = *Tensor::zeros(DType::kFloat, shape);
  for (float& value : tensor.mutable_flat<float>()) value = static_cast<float>(random() >> 8) * 0x1p-23f - 0.999f;
  return tensor;
}

// The time of y's kernel alone: what is fed and what y needs besides do not count.
void run(benchmark::State& state, const Entry& entry, const char* backend) {
  const char* text = std::getenv("TARN_BENCH_THREADS");
  SessionOptions options{.threads = text == nullptr ? 1 : std::max(1, std::atoi(text))};
  Status status = choose_backend(backend, options);
  Result<Graph> graph = graph_from_text(entry.graph, {.source = entry.name});
  if (status.ok()) status = graph.status();
  if (!status.ok()) {
    state.SkipWithError(status.to_string().c_str());
    return;
  }
  std::vector<Session::Feed> feeds;
  for (NodeId id : graph->ids()) {
    const Node& node = graph->node(id);
    if (node.is("Placeholder")) feeds.emplace_back(node.name, random_floats(node.outputs[0].shape));
    // Variances of a batch norm are positive.
    if (node.name == "variance") {
      for (float& value : feeds.back().second.mutable_flat<float>()) value = value * value + 1;
    }
  }
  Session session(*graph, options);
  std::vector<Session::StepTime> times;
  status = session.RunProfiled(feeds, {}, {"y"}, nullptr, &times);  // compiles
  for (auto _ : state) {
    times.clear();
    if (status.ok()) status = session.RunProfiled(feeds, {}, {"y"}, nullptr, &times);
    for (const Session::StepTime& time : times) {
      if (time.node == "y") state.SetIterationTime(static_cast<double>(time.nanoseconds) * 1e-9);
    }
  }
  if (!status.ok()) state.SkipWithError(status.to_string().c_str());
}

void register_all() {
  static const std::vector<Entry> entries = read_entries(TARN_SOURCE_DIR "/bench/op_shapes.graph");
  for (const Entry& entry : entries) {
    for (const char* backend : {"portable", "dnnl"}) {
      benchmark::RegisterBenchmark((entry.name + "/" + backend).c_str(),
                                   [&entry, backend](benchmark::State& state) { run(state, entry, backend); })
          ->Unit(benchmark::kMicrosecond)
          ->UseManualTime();
    }
  }
}

}  // namespace
}  // namespace tarn::bench

int main(int argc, char** argv) {
  tarn::bench::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
