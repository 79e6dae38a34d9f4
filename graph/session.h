// Session: runs parts of a graph; variables live in it from run to run.
//
//   Session session(root);      // a Scope, or a Graph
//   std::vector<Tensor> out;
//   Status s = session.Run({{"x", x}}, {"y:0"}, {"train"}, &out);
//
// Feeds and fetches are "name" or "name:output"; any tensor may be fed. The first Run of a signature (feeds with their
// shapes, fetches, targets) compiles a Program, which is kept; later ones only run it. Reads of a variable that no edge
// orders after a write see the value from before the run.
//
// Thread-safe: any number of threads may call Run. Runs that write variables have the variables to themselves; runs
// that only read share them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "graph/checkpoint.h"
#include "graph/graph.h"
#include "runtime/executor.h"

namespace tarn {

class ExtendedCheckpointStore;
class Scope;

struct SessionOptions {
  int threads = 0;                                       // 0: one per core
  std::vector<Backend> backends = {Backend::kPortable};  // first choice first; the last one should be portable
  bool only_faster = false;                              // other backends only where they were measured to be faster
  // Random ops whose two seeds are 0 take theirs from here; nullopt: from the system.
  std::optional<uint64_t> seed = std::nullopt;
  // For graphs that name files themselves (ReadFile, tables from text files): disk_files(), if they may. Null: such
  // nodes are refused. Must outlive the session.
  FileReader* files = nullptr;
  RunLimits limits = {};  // of every run
  bool few_runs = false;  // each signature runs once or twice: weights are not laid out anew for speed
};

// Any file that the process may read.
FileReader& disk_files();

// Sets the backends by name: "portable"; "dnnl", oneDNN wherever it has a kernel; "auto", oneDNN where it was measured
// to be faster. Errors: another name; oneDNN in a build without it.
Status choose_backend(std::string_view name, SessionOptions& options);

class Session {
 public:
  using Feed = std::pair<std::string, Tensor>;

  // Of the graph that `scope` builds, shared: nodes added later can be run. If building failed, every run says why.
  explicit Session(const Scope& scope, SessionOptions options = {});
  // Shares the graph likewise. The graph must not be changed otherwise while the session lives.
  explicit Session(std::shared_ptr<const Graph> graph, SessionOptions options = {});
  // Keeps a copy of the graph.
  explicit Session(const Graph& graph, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Runs `targets` for their effect and fetches `fetches` into *outputs, whose tensors are reused where they fit and
  // nobody else holds them. Errors name feeds, fetches and nodes, with the nearest names.
  Status Run(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
             const std::vector<std::string>& targets, std::vector<Tensor>* outputs);
  Status Run(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches, std::vector<Tensor>* outputs) {
    return Run(feeds, fetches, {}, outputs);
  }
  // Runs one target with nothing fed: an initializer.
  Status Run(std::string_view target);
  // Runs every InitializeTable of the graph, as TensorFlow's tables_initializer does.
  Status InitializeTables();
  // A run as above, telling how long each kernel took: adds to `times`, which has an entry a step of the program once
  // it was run.
  struct StepTime {
    std::string node, op;
    int64_t nanoseconds = 0, calls = 0;
  };
  Status RunProfiled(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
                     const std::vector<std::string>& targets, std::vector<Tensor>* outputs,
                     std::vector<StepTime>* times);

  const Graph& graph() const { return *graph_; }
  int threads() const { return pool_.threads(); }
  // The state: variables, random counters.
  ResourceMap& resources() { return resources_; }
  // The current value of a variable; NotFound or FailedPrecondition if there is none.
  Result<Tensor> variable(std::string_view name) const;
  // Replaces what SaveV2 and RestoreV2 talk to (checkpoint files by default).
  void set_checkpoint_store(std::unique_ptr<CheckpointStore> store);
  // While they are not, runs that would write or remove checkpoint files (SaveV2, MergeV2Checkpoints) fail: for nodes
  // of a file from elsewhere that nobody asked for.
  void allow_checkpoint_writes(bool allowed);
  // From now on a save to `prefix` (SaveV2) writes these too, besides what the graph names; none: no more.
  void extend_checkpoint(const std::string& prefix, std::vector<NamedTensor> extra);
  // Where random ops without a seed take theirs from: `seed`, and how many were drawn.
  struct SeedState {
    uint64_t seed = 0, drawn = 0;
  };
  SeedState seed_state() const;
  void set_seed_state(const SeedState& state);
  // The program of a signature, compiled if it was not yet: for its statistics.
  Result<std::shared_ptr<const Program>> program(const std::vector<Feed>& feeds,
                                                 const std::vector<std::string>& fetches,
                                                 const std::vector<std::string>& targets);

 private:
  struct Signature;
  class Seeds;
  Result<Signature*> find_or_compile(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
                                     const std::vector<std::string>& targets);
  Status run_observed(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
                      const std::vector<std::string>& targets, std::vector<Tensor>* outputs,
                      std::vector<StepTime>* times);
  Result<std::unique_ptr<Signature>> compile_signature(const std::vector<Feed>& feeds,
                                                       const std::vector<std::string>& fetches,
                                                       const std::vector<std::string>& targets) const;

  std::shared_ptr<const Graph> graph_;
  std::unique_ptr<const Scope> scope_;  // for its status; null if made from a graph
  SessionOptions options_;
  ThreadPool pool_;
  ResourceMap resources_;
  std::unique_ptr<Seeds> seeds_;
  std::unique_ptr<ExtendedCheckpointStore> checkpoints_;
  Services services_;
  mutable std::shared_mutex variables_lock_;
  mutable std::shared_mutex signatures_lock_;
  std::vector<std::unique_ptr<Signature>> signatures_;
};

}  // namespace tarn
