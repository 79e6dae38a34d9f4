// Saver: writes a session's variables to checkpoints and reads them back, as TensorFlow 1.x's tf.train.Saver does.
//
//   Saver saver(root);                                        // after the optimizer: its slots are variables too
//   TARN_RETURN_IF_ERROR(root.status());
//   …
//   Result<std::string> path = saver.Save(session, "train/model.ckpt", step);      // "train/model.ckpt-1000"
//   Status status = saver.Restore(session, *latest_checkpoint("train"));           // graph/checkpoint_state.h
//
// The work is done by nodes of the graph (save/SaveV2, save/RestoreV2, save/restore_all …) with TensorFlow's names, so
// any program that has the .meta file can save and restore without this class.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/checkpoint_state.h"
#include "graph/graph_io.h"
#include "graph/scope.h"
#include "graph/session.h"
#include "graph/training_state.h"

namespace tarn {

struct SaverOptions {
  std::vector<Output> var_list = {};           // empty: every variable made so far
  std::map<std::string, Output> var_map = {};  // instead of var_list: variables by their names in checkpoints
  int max_to_keep = 5;                         // <= 0: all
  bool relative_paths = false;                 // in the state file, even where the directory is absolute
  bool write_meta_graph = true;
  // Checkpoints also hold where random ops stand and what is tracked, if there is any of it (graph/training_state.h).
  bool training_state = true;
};

// Thread-compatible.
class Saver {
 public:
  // Adds the nodes below the scope `save`; errors are the scope's status.
  explicit Saver(const Scope& scope, SaverOptions options = {});
  // The saver that a MetaGraph brings along. Of options, var_list and var_map mean nothing here.
  static Result<Saver> FromMetaGraph(const MetaGraph& meta, SaverOptions options = {});

  // From now on checkpoints hold the state of `object` under `name`, and Restore gives it back. `object` must outlive
  // the saver's work; null: it is tracked no more.
  void Track(const std::string& name, Checkpointable* object) {
    tracked_.erase(name);
    if (object != nullptr) tracked_[name] = object;
  }

  // Writes `path`, or `path`-`global_step`: first data and index, then .meta, then the state file `latest_filename` in
  // the same directory, which is made if need be. A save that is killed at any point leaves the checkpoints before it
  // whole and the state file naming one. Then removes what is older than the newest max_to_keep.
  // Returns the prefix written. The saver must be older than the session if that has a copy of the graph.
  Result<std::string> Save(Session& session, const std::string& path, std::optional<int64_t> global_step = std::nullopt,
                           const std::string& latest_filename = kCheckpointStateName);

  // Gives all variables the checkpoint's values, or none: every missing or unfitting one is listed, with the nearest
  // names that the checkpoint has. Then random ops and what is tracked go on where they were; on an error they stay
  // where they are, too.
  Status Restore(Session& session, const std::string& path);
  // What the last Restore did not find in the checkpoint, a sentence each: such training goes on, but not exactly as it
  // would have. So it is with checkpoints that other programs wrote.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Clears up after killed savers, recovers, and restores the latest checkpoint of `dir`; returns its path, or "" if
  // there is no state file: a start from nothing.
  Result<std::string> RestoreLatest(Session& session, const std::string& dir,
                                    const std::string& latest_filename = kCheckpointStateName);

  // Goes on with what an earlier process saved, so that max_to_keep counts those too, and removes what of it is no
  // whole checkpoint.
  Status RecoverLastCheckpoints(const std::string& dir, const std::string& latest_filename = kCheckpointStateName);

  // "save/Const:0", "save/control_dependency:0", "save/restore_all".
  const MetaGraph::Saver& names() const { return names_; }

 private:
  struct Item {
    std::string name;  // in checkpoints
    std::string slice;
    std::string node;
    Fact fact;
  };
  Saver() = default;
  void add_nodes(const Scope& scope, const std::map<std::string, Output>& variables);
  Result<CheckpointReader> check(const std::string& path) const;
  Status write_checkpoint(Session& session, const std::string& prefix);
  Status write_meta(const Graph& graph, const std::string& prefix) const;
  const Collections& collections() const { return scope_ ? scope_->collections() : imported_; }
  CheckpointHistory& history(const std::string& dir, const std::string& latest_filename);

  SaverOptions options_;
  TrackedState tracked_;
  std::vector<std::string> warnings_;
  MetaGraph::Saver names_;
  std::vector<Item> items_;
  std::optional<Scope> scope_;  // of the graph under construction; else:
  Collections imported_;
  std::map<std::string, CheckpointHistory> histories_;  // by the state file's path
};

}  // namespace tarn
