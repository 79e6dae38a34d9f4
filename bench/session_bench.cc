// Speed of sessions: steps of training, by network, backend and threads, and what a run costs that does nothing.
//
//   session_bench --benchmark_filter=deepmnist --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <string>

#include "bench/networks.h"
#include "graph/ops.h"
#include "graph/session.h"

namespace tarn::bench {
namespace {

void train(benchmark::State& state, const TrainingNetwork& network, std::string_view backend, int threads) {
  const TrainingGraph graph = build_training(network);
  SessionOptions options{.threads = threads};
  if (Status status = choose_backend(backend, options); !status.ok()) {
    state.SkipWithError(status.to_string().c_str());
    return;
  }
  Session session(graph.root, options);
  std::vector<Session::Feed> feeds = {{"x", random_images(network.batch)}, {"labels", random_labels(network.batch)}};
  if (session.graph().find("training").has_value()) feeds.emplace_back("training", Tensor::scalar(true));
  Status status = session.Run(graph.init);
  const std::vector<std::string> targets = {graph.train};
  if (status.ok()) status = session.Run(feeds, {}, targets, nullptr);  // compiles
  for (auto _ : state) {
    if (status.ok()) status = session.Run(feeds, {}, targets, nullptr);
  }
  if (!status.ok()) state.SkipWithError(status.to_string().c_str());
  state.SetItemsProcessed(state.iterations() * network.batch);
}

// One addition of scalars: all that a run costs besides its kernels.
void run_nothing(benchmark::State& state) {
  Scope root = Scope::NewRootScope();
  Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape(Shape()));
  ops::Add(root.WithOpName("y"), x, x);
  Session session(root, {.threads = 1});
  const std::vector<Session::Feed> feeds = {{"x", Tensor::scalar(1.0f)}};
  const std::vector<std::string> fetches = {"y"};
  std::vector<Tensor> out;
  for (auto _ : state) {
    if (Status status = session.Run(feeds, fetches, &out); !status.ok()) {
      state.SkipWithError(status.to_string().c_str());
      break;
    }
  }
}

// What the first run of a signature costs before it runs.
void compile_network(benchmark::State& state, const TrainingNetwork& network) {
  const TrainingGraph graph = build_training(network);
  const std::vector<Session::Feed> feeds = {{"x", random_images(network.batch)},
                                            {"labels", random_labels(network.batch)}};
  for (auto _ : state) {
    Session session(graph.root, {.threads = 1});
    if (Status status = session.program(feeds, {}, {graph.train}).status(); !status.ok()) {
      state.SkipWithError(status.to_string().c_str());
      break;
    }
  }
}

void register_all() {
  benchmark::RegisterBenchmark("session/nothing", run_nothing);
  for (const TrainingNetwork& network : training_networks()) {
    const std::string name(network.name);
    benchmark::RegisterBenchmark(("session/compile/" + name).c_str(), [&](benchmark::State& state) {
      compile_network(state, network);
    })->Unit(benchmark::kMicrosecond);
    for (const char* backend : {"portable", "dnnl"}) {
      for (int threads : {1, 2}) {
        const std::string label = "session/train/" + name + "/" + backend + "/" + std::to_string(threads) + "t";
        benchmark::RegisterBenchmark(
            label.c_str(),
            [&network, backend, threads](benchmark::State& state) { train(state, network, backend, threads); })
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
