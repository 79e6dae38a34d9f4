// compile(): NodeSource -> Program. The one compiler, for sessions and for the engine:
// prune -> infer -> fold constants -> fuse -> schedule -> choose kernels -> plan memory.
//
//   CompileRequest request{.feeds = {{x, fact_of_x}}, .fetches = {y}};
//   Result<std::unique_ptr<Program>> program = compile(source, request, {.ops = &registry});
#pragma once

#include <memory>

#include "core/backend_kernel.h"
#include "runtime/node_source.h"
#include "runtime/program.h"
#include "runtime/run_limits.h"

namespace tarn {

struct CompileRequest {
  struct Feed {
    Wire tensor;
    DType dtype;
    Shape shape;  // fully known
  };
  std::vector<Feed> feeds;
  std::vector<Wire> fetches;
  std::vector<int> targets;  // nodes to run for their effect
};

struct CompileOptions {
  const OpRegistry* ops = nullptr;
  std::vector<Backend> backends = {Backend::kPortable};  // first choice first
  // Kernels beside those of `ops`: of `backends` that another library has. Where one declines a node, the next backend
  // has it.
  std::span<const BackendKernelFile* const> backend_files = {};
  bool only_faster = false;  // of backend_files only what was measured to be faster than the portable kernel
  int threads = 1;
  const Services* services = nullptr;  // an op that needs a service not installed is refused, by node name
  // The program will run once or twice: kernels lay out no weights anew, which is as much memory again and is made up
  // for by many runs alone.
  bool few_runs = false;
  bool fold = true;
  bool fuse = true;
  bool stream = true;         // steps that follow each other run together, by rows, where that saves memory
  double max_layer_error = kMaxLayerError;
  // Asked for what kernels lay out of constants, and told of what they made; null: the source's own.
  LaidOutConstants* laid_out = nullptr;
  const LayerWays* ways = nullptr;  // null: what the kernels think best
  bool dynamic8 = false;      // MatMul and Conv2D with constant weights in 8 bits (runtime/quantize.h)
  bool keep_fetches = false;  // fetched values stay in the arena until the next run, to be looked at in place
  // A value is folded if it has at most this many bytes, or at most so many times the bytes of the constants it comes
  // from (dequantized weights).
  size_t most_folded_bytes = 1 << 16;
  size_t most_folded_growth = 4;
  RunLimits limits = {};             // of the runs to come: what is known to be too large is refused now
  const StopSignal* stop = nullptr;  // of the run that this is done for: asked at each node
};

// Errors list every node that has no op or kernel here, all at once. Schedules writers of a variable after every reader
// that no edge orders behind them: an unordered read sees the value from before the run.
Result<std::unique_ptr<Program>> compile(const NodeSource& source, const CompileRequest& request,
                                         const CompileOptions& options);

// What compile() would refuse whatever sizes are fed: ops, attrs, types, services, kernels, and shapes as far as they
// are known. Shapes of feeds may be open here; nothing is scheduled or planned, and large values are not folded.
// Returns the facts of the fetches.
Result<std::vector<Fact>> check(const NodeSource& source, const CompileRequest& request, CompileOptions options);

}  // namespace tarn
