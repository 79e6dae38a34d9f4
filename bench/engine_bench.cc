// Speed of the engine: loading a frozen network, and runs at batch 1 and 32.
//
//   taskset -c 1 engine_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <string>

#include "bench/networks.h"
#include "runtime/engine.h"

namespace tarn::bench {
namespace {

// Everything from bytes to the first result.
void load(benchmark::State& state, const TrainingNetwork& network) {
  const std::string bytes = frozen_network(network);
  const Tensor images = random_images(1);
  for (auto _ : state) {
    Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(bytes, nullptr, "bench");
    Status status = engine.status();
    if (status.ok()) {
      EngineContext context(*engine);
      status = context.set_input("x", images);
      if (status.ok()) status = context.run();
    }
    if (!status.ok()) {
      state.SkipWithError(status.to_string().c_str());
      break;
    }
  }
}

void run(benchmark::State& state, const TrainingNetwork& network, int batch, int threads) {
  const std::string bytes = frozen_network(network);
  const Tensor images = random_images(batch);
  Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(bytes, nullptr, "bench", {.threads = threads});
  if (!engine.ok()) {
    state.SkipWithError(engine.status().to_string().c_str());
    return;
  }
  EngineContext context(*engine);
  Status status = context.set_input("x", images);
  if (status.ok()) status = context.run();
  for (auto _ : state) {
    if (status.ok()) status = context.run();
  }
  if (!status.ok()) state.SkipWithError(status.to_string().c_str());
  state.SetItemsProcessed(state.iterations() * batch);
}

void register_all() {
  for (const TrainingNetwork& network : training_networks()) {
    const std::string name(network.name);
    benchmark::RegisterBenchmark(("engine/load/" + name).c_str(), [&](benchmark::State& state) {
      load(state, network);
    })->Unit(benchmark::kMicrosecond);
    for (int batch : {1, 32}) {
      for (int threads : {1, 2}) {
        const std::string label =
            "engine/run/" + name + "/batch" + std::to_string(batch) + "/" + std::to_string(threads) + "t";
        benchmark::RegisterBenchmark(
            label.c_str(), [&network, batch, threads](benchmark::State& state) { run(state, network, batch, threads); })
            ->Unit(benchmark::kMicrosecond)
            ->UseRealTime();
      }
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
