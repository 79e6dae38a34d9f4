// A graph made ready to be run again and again, in the engine or in a session: what benchmark_model times.
//
//   TARN_ASSIGN_OR_RETURN(BenchmarkRunner runner, BenchmarkRunner::load("model.pb", options));
//   TARN_RETURN_IF_ERROR(runner.run());
//   TARN_RETURN_IF_ERROR(runner.run_profiled(step_nanoseconds));
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/session.h"
#include "runtime/engine.h"
#include "tools/support/graph_runner.h"

namespace tarn {

// An input as the command line names it; what is left out is the graph's.
struct BenchmarkInput {
  std::string name;
  std::optional<Shape> shape = std::nullopt;
  std::optional<DType> dtype = std::nullopt;
  std::vector<double> values = {};  // none: made-up ones
};

struct BenchmarkOptions {
  ExecutorKind executor = ExecutorKind::kEngine;
  int threads = 0;                                           // 0: one per core
  Quantize quantize = Quantize::kAsStored;                   // of the engine
  bool streaming = true;                                     // of the engine: EngineOptions::streaming
  double max_layer_error = kMaxLayerError;                   // likewise
  const LayerWays* ways = nullptr;                           // likewise
  std::vector<BenchmarkInput> inputs = {};                   // none: every Placeholder that the outputs need
  std::vector<std::string> outputs = {};                     // none: what nothing uses
  std::vector<std::string> initializers = {}, targets = {};  // of a session: run once before, run each time
  std::string checkpoint = {};                               // of a session
};

class BenchmarkRunner {
 public:
  // Everything before the first run: reading, compiling, inputs.
  static Result<BenchmarkRunner> load(const std::string& path, const BenchmarkOptions& options);

  Status run();
  // The same, telling the nanoseconds of each step of program().
  Status run_profiled(std::vector<int64_t>& step_nanoseconds);
  std::shared_ptr<const Program> program() const;
  // What load() took, made-up inputs aside.
  double load_ms() const { return load_ms_; }
  const std::vector<NamedFeed>& feeds() const { return feeds_; }
  const std::vector<std::string>& outputs() const { return outputs_; }
  int64_t batch() const;

 private:
  BenchmarkRunner() = default;
  Status load_engine(const std::string& path, const BenchmarkOptions& options);
  Status load_session(const std::string& path, const BenchmarkOptions& options);
  Status make_feed(const BenchmarkInput& input, DType dtype, const Shape& shape);

  std::shared_ptr<EngineContext> context_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<const Program> program_;
  std::vector<NamedFeed> feeds_;
  std::vector<std::string> outputs_, targets_;
  std::vector<Tensor> fetched_;
  double load_ms_ = 0;
  std::string path_;
};

}  // namespace tarn
