// Speed of passes on a frozen network: each one alone and the pipeline of optimize_for_mobile.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/networks.h"
#include "graph/graph_def.h"
#include "passes/support/pass_manager.h"

namespace tarn::bench {
namespace {

void run_pipeline(benchmark::State& state, const TrainingNetwork& network, const std::string& text) {
  pb::GraphDef def;
  Result<std::vector<PipelineStep>> pipeline = parse_pipeline(text);
  if (!pipeline.ok() || !def.ParseFromString(frozen_network(network))) {
    state.SkipWithError("no pipeline or no network");
    return;
  }
  PassManagerOptions options;
  options.inputs = {"x"};
  options.outputs = {"probabilities"};
  for (auto _ : state) {
    state.PauseTiming();
    Result<Graph> graph = import_graph_def(def);
    state.ResumeTiming();
    if (!graph.ok()) {
      state.SkipWithError(graph.status().to_string().c_str());
      break;
    }
    Status status = PassManager(options).run(*graph, *pipeline).status();
    if (!status.ok()) {
      state.SkipWithError(status.to_string().c_str());
      break;
    }
  }
}

void register_all() {
  constexpr const char* kPipelines[] = {"strip", "fold_constants", "fold_batch_norms", "quantize_weights",
                                        "strip fold_mode_placeholders remove_dropout prune_branches fold_constants "
                                        "fold_batch_norms strip"};
  for (const TrainingNetwork& network : training_networks()) {
    for (const char* text : kPipelines) {
      benchmark::RegisterBenchmark(("passes/" + std::string(network.name) + "/" + text).c_str(),
                                   [&network, text](benchmark::State& state) { run_pipeline(state, network, text); })
          ->Unit(benchmark::kMicrosecond);
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
