// What of a session a checkpoint holds besides variables, so that training goes on from it exactly: where each random
// op stands in its stream, and the source of seeds. In a checkpoint these are tensors under a reserved name, which
// TensorFlow's savers and Tarn's leave alone unless asked for by name (docs/checkpoint_format.md).
//
//   _tarn/version            i64[]: 1            there is such state
//   _tarn/random/<node>      i64[6]: Philox key 0-1, counter 2-5 (graph/saver.h says who writes and reads them)
//   _tarn/random_seeds       i64[2]: seed, how many were drawn from it; if there are ops without seeds
//   _tarn/state/<name>       what a Saver tracks
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/random_state.h"
#include "graph/checkpoint.h"
#include "graph/checkpointable.h"
#include "graph/session.h"

namespace tarn {

// By name, as given to Saver::Track.
using TrackedState = std::map<std::string, Checkpointable*>;

// The tensors for a checkpoint; none if the graph has no random op and nothing is tracked. Changes nothing.
Result<std::vector<NamedTensor>> collect_training_state(Session& session, const TrackedState& tracked);

class TrainingState {
 public:
  // Reads and checks all of it.
  static Result<TrainingState> read(const CheckpointReader& reader);
  // Gives the tracked ones theirs, then calls `then`. If one of them refuses, or `then` fails, all have again what they
  // had.
  Status restore_tracked(const TrackedState& tracked, const std::function<Status()>& then) const;
  // Random ops of the session's graph that had not run when the state was saved begin at their beginning.
  void restore_random(Session& session) const;
  // What could not be restored, a sentence each: then training does not go on exactly.
  std::vector<std::string> missing(const Session& session, const TrackedState& tracked) const;

 private:
  bool found_ = false;
  std::map<std::string, RandomState::Position> random_;
  Session::SeedState seeds_;
  bool has_seeds_ = false;
  std::map<std::string, Tensor> tracked_;
};

}  // namespace tarn
