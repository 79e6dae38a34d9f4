// The "checkpoint" file beside checkpoints: which is the newest, and which others are kept.
//
//   std::string prefix = *latest_checkpoint("train");       // "train/model.ckpt-7"
//
//   CheckpointHistory history({.max_to_keep = 5});
//   TARN_RETURN_IF_ERROR(history.record("train/model.ckpt-8"));   // after the checkpoint itself is on the disk
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/status.h"

namespace tarn {

constexpr char kCheckpointStateName[] = "checkpoint";

// Prefixes as a caller can open them: those that the file gives relative to its directory have it in front.
struct CheckpointState {
  std::string latest;
  std::vector<std::string> all;  // oldest first; the last is the latest
};

// `state_name` is a name in `dir` ("latest_filename" in TensorFlow). NotFound if there is no such file.
Result<CheckpointState> read_checkpoint_state(const std::string& dir,
                                              const std::string& state_name = kCheckpointStateName);

// As TensorFlow writes it: under a relative `dir`, paths relative to it; under an absolute one, absolute paths.
Status write_checkpoint_state(const std::string& dir, const CheckpointState& state,
                              const std::string& state_name = kCheckpointStateName);

// The newest checkpoint, checked to be there. A directory that was moved or copied still names the old absolute paths:
// then the checkpoint of that name in `dir` is meant.
Result<std::string> latest_checkpoint(const std::string& dir, const std::string& state_name = kCheckpointStateName);

// Whether <prefix>.index (or a V1 checkpoint, <prefix> itself) is a file.
bool checkpoint_exists(const std::string& prefix);

// Removes <prefix>.index, its data files and its .meta. Fine if some or all are gone already.
Status remove_checkpoint(const std::string& prefix);

// Removes what killed savers left in `dir`: temporary files, all of a checkpoint whose save was begun and not finished
// (CheckpointHistory::begin), and the rest of those that were being removed.
Status sweep_unfinished_checkpoints(const std::string& dir, const std::string& state_name = kCheckpointStateName);

// What a saver did so far: keeps the state file and removes checkpoints beyond the newest `max_to_keep`. Only
// checkpoints in the directory of the one just recorded are ever removed, wherever a state file points.
// Thread-compatible.
class CheckpointHistory {
 public:
  struct Options {
    int max_to_keep = 5;  // <= 0: all
    std::string state_name = kCheckpointStateName;
    bool relative_paths = false;  // even if the directory is absolute, so that it can be moved
  };
  explicit CheckpointHistory(Options options) : options_(std::move(options)) {}

  // Goes on where an earlier process stopped.
  void recover(const CheckpointState& state) { kept_ = state.all; }
  // `prefix` is about to be saved: the state file to come is written under a temporary name. If this process is killed
  // before record(), that tells sweep_unfinished_checkpoints() which files to remove. The first time it sweeps itself.
  Status begin(const std::string& prefix);
  // The save failed.
  void abandon() { begun_.reset(); }
  // `prefix` is the newest. First the state file names it, then what is too old is removed, then the state file no
  // longer names that. If this is killed in between, sweep_unfinished_checkpoints() does the rest.
  Status record(const std::string& prefix);
  // Oldest first.
  const std::vector<std::string>& kept() const { return kept_; }

 private:
  CheckpointState next(const std::string& prefix) const;
  Result<AtomicFile> write_ahead(const std::string& dir, const CheckpointState& state, std::string_view suffix) const;

  Options options_;
  std::vector<std::string> kept_;
  struct Begun {
    std::string prefix;
    AtomicFile state;
  };
  std::optional<Begun> begun_;
  bool swept_ = false;
};

}  // namespace tarn
