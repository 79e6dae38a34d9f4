// Runs a graph file on tensors, in a session or in the engine; variables come from a checkpoint.
//
//   Result<GraphRunner> runner = GraphRunner::load("model.pb", "", {.executor = Executor::kEngine});
//   Result<std::vector<Tensor>> outputs = runner->run({{"x", image}}, {"y"});
//
// Whatever the file holds, what goes wrong is a Status. Thread-compatible.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/checkpoint.h"
#include "graph/freeze_tables.h"
#include "graph/graph_io.h"
#include "graph/session.h"
#include "runtime/engine.h"
#include "tools/support/model_files.h"

namespace tarn {

enum class ExecutorKind { kSession, kEngine };
// "session" or "engine", from a flag --executor.
Result<ExecutorKind> executor_kind_from_name(std::string_view name);
std::string_view executor_kind_name(ExecutorKind kind);
// "" (as the model's file asks), "none" or "dynamic8", from a flag --quantize. A session takes the first alone.
Result<Quantize> quantize_from_name(std::string_view name, ExecutorKind executor);

struct GraphRunnerOptions {
  ExecutorKind executor = ExecutorKind::kSession;
  int threads = 0;                     // 0: one per core
  std::vector<std::string> tags = {};  // of a SavedModel's graph, as in ReadOptions
  // Whose names for inputs and outputs run() takes besides the graph's; empty: serving_default, or the only one.
  std::string signature = {};
  bool take_checkpoint_beside = false;      // of a graph that does not say which one is its own
  FileAccess files = {};                    // that the graph may read besides those in the assets/ of its SavedModel
  Quantize quantize = Quantize::kAsStored;  // of the engine
};

// "x" -> a tensor; names as in the graph, "x" or "x:0", or of the signature.
using NamedFeed = Session::Feed;

class GraphRunner {
 public:
  // `graph` is whatever read_any_graph() takes; `checkpoint` may be empty: then the values are those that lie with the
  // graph. Of a SavedModel the functions are inlined and the initializer is run. The engine runs frozen graphs: with a
  // checkpoint, the fetches are frozen in memory.
  static Result<GraphRunner> load(const std::string& graph, const std::string& checkpoint, GraphRunnerOptions options);

  // A graph at hand, without variables; `name` is for messages.
  static Result<GraphRunner> of_graph(Graph graph, std::string name, GraphRunnerOptions options);

  // A feed of integers goes into a quantized Placeholder of the same width. Errors name feeds, fetches and nodes, and
  // every op on the way that is not supported.
  Result<std::vector<Tensor>> run(const std::vector<NamedFeed>& feeds, const std::vector<std::string>& fetches);

  // The same, running `targets` too. In the session alone: they change variables.
  Result<std::vector<Tensor>> run(const std::vector<NamedFeed>& feeds, const std::vector<std::string>& fetches,
                                  const std::vector<std::string>& targets);

  // NotFound with all names that are neither in the graph nor the signature's, and those that are. run() does it too.
  Status check_names(const std::vector<std::string>& feeds, const std::vector<std::string>& fetches) const;

  const Graph& graph() const { return *graph_; }
  // Null for the engine.
  const Session* session() const { return session_.get(); }
  const std::vector<std::string>& notes() const { return notes_; }
  // The ops that `fetches` need, given these feeds, and this binary does not have, in the order of the data's way.
  std::vector<std::string> unsupported_ops(const std::vector<NamedFeed>& feeds,
                                           const std::vector<std::string>& fetches) const;

 private:
  GraphRunner() = default;
  Status choose_signature(const Signatures& signatures);
  Result<std::vector<Tensor>> run_engine(const std::vector<NamedFeed>& feeds, const std::vector<std::string>& fetches);
  Status load_engine(const std::vector<NamedFeed>& given, const std::vector<std::string>& fetches);

  GraphRunnerOptions options_;
  std::string path_;
  std::shared_ptr<const Graph> graph_;
  std::string restore_op_;
  Signature signature_;
  std::string unchosen_;            // the signatures, if none was chosen
  std::vector<std::string> notes_;  // what was ignored or left out, a sentence each
  std::optional<CheckpointReader> checkpoint_;
  std::unique_ptr<ModelFiles> files_;
  TableSources tables_;
  Status tables_status_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<const std::string> file_bytes_;  // for the engine, if the file is a GraphDef; else null
  // The engine of the last signature.
  std::shared_ptr<const Engine> engine_;
  std::vector<std::string> engine_feeds_, engine_fetches_;
  std::vector<bool> needed_feeds_;  // of engine_feeds_: by an output
};

// "x=a.npy,y=b.bin": reads the files. Errors name the position, the feed or the file.
Result<std::vector<NamedFeed>> read_feeds(std::string_view flag, const std::vector<std::string>& items);
// Writes each tensor to `dir` (made if need be) under its name (graph/npy.h), all of them or, if one has no file form
// or two share a name, none. Returns the paths.
Result<std::vector<std::string>> write_outputs(const std::string& dir, const std::vector<std::string>& names,
                                               const std::vector<Tensor>& tensors,
                                               const std::vector<std::string>& inputs = {});

}  // namespace tarn
