// Speed of passes on a frozen network: each one alone and the pipeline of optimize_for_mobile; and how the time of each
// pass grows with the graph, which should be with its nodes: items_per_second (nodes) stays about the same.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "bench/networks.h"
#include "graph/graph_def.h"
#include "passes/support/mobile.h"

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

// Blocks of what passes look for: identities, constants that can be computed, reshapes in a row, twins, sums of
// products.
Graph large_graph(int nodes) {
  Graph graph;
  int count = 0;
  auto add = [&](std::string_view op, std::vector<Wire> inputs, AttrMap attrs = {}) {
    return Wire{*graph.add({.name = str_cat("n", count++),
                            .op = std::string(op),
                            .inputs = std::move(inputs),
                            .attrs = std::move(attrs)}),
                0};
  };
  auto constant = [&](const Tensor& value) { return add("Const", {}, {{"value", value}, {"dtype", value.dtype()}}); };
  Wire x = {*graph.add({.name = "x", .op = "Placeholder", .attrs = {{"dtype", DType::kFloat}, {"shape", Shape{2, 8}}}}),
            0};
  const int32_t all[] = {-1}, two_of_eight[] = {2, 8};
  Wire flat = constant(Tensor::vector<int32_t>(all)), pair = constant(Tensor::vector<int32_t>(two_of_eight));
  while (count + 12 < nodes) {
    Wire a = constant(Tensor::scalar<float>(0.5f)), b = constant(Tensor::scalar<float>(0.25f));
    Wire scale = add("Add", {a, b});
    Wire same = add("Identity", {x});
    Wire scaled = add("Mul", {same, scale});
    Wire once = add("Relu", {scaled}), twice = add("Relu", {scaled});
    Wire sum = add("Add", {once, twice});
    Wire line = add("Reshape", {sum, flat});
    x = add("Reshape", {line, pair});
  }
  (void)*graph.add({.name = "y", .op = "Identity", .inputs = {x}});
  return graph;
}

void run_large(benchmark::State& state, const std::string& text) {
  const Graph graph = large_graph(static_cast<int>(state.range(0)));
  PassManagerOptions options;
  options.inputs = {"x"};
  options.outputs = {"y"};
  Result<std::vector<PipelineStep>> pipeline = parse_pipeline(text);
  for (auto _ : state) {
    state.PauseTiming();
    Graph changed = graph;
    state.ResumeTiming();
    Status status = pipeline.ok() ? PassManager(options).run(changed, *pipeline).status() : pipeline.status();
    if (!status.ok()) {
      state.SkipWithError(status.to_string().c_str());
      break;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * graph.node_count());
}

void register_large() {
  std::vector<std::pair<std::string, std::string>> pipelines = {{"mobile", mobile_pipeline({})}};
  for (const PassDef* pass : pass_table) {
    bool needs_arguments =
        std::any_of(pass->args.begin(), pass->args.end(), [](const PassArg& arg) { return arg.is_required; });
    if (!needs_arguments) pipelines.emplace_back(pass->name, pass->name);
  }
  for (const auto& [name, text] : pipelines) {
    benchmark::RegisterBenchmark(("passes/nodes/" + name).c_str(),
                                 [text = text](benchmark::State& state) { run_large(state, text); })
        ->Arg(1'000)
        ->Arg(10'000)
        ->Arg(100'000)
        ->Unit(benchmark::kMillisecond);
  }
}

void register_all() {
  const std::pair<std::string, std::string> kPipelines[] = {{"strip", "strip"},
                                                            {"fold_constants", "fold_constants"},
                                                            {"fold_batch_norms", "fold_batch_norms"},
                                                            {"quantize_weights", "quantize_weights"},
                                                            {"mobile", mobile_pipeline({})}};
  for (const TrainingNetwork& network : training_networks()) {
    for (const auto& [name, text] : kPipelines) {
      benchmark::RegisterBenchmark(str_cat("passes/", network.name, "/", name).c_str(), [&network, text = text](
                                                                                            benchmark::State& state) {
        run_pipeline(state, network, text);
      })->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace tarn::bench

int main(int argc, char** argv) {
  tarn::bench::register_all();
  tarn::bench::register_large();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
