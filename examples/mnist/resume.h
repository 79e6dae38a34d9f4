// What the MNIST programs' training loop needs to be stopped and to go on: the signals, the curve so far and the flags
// in every checkpoint, and what --resume does with them.
//
//   RunFlags flags({{"batch", "100", .fixed = true}, {"learning_rate", "0.5"}});
//   saver.Track("flags", &flags);
//   TARN_ASSIGN_OR_RETURN(std::string from, resume(session, saver, flags, "out"));   // "": a start from nothing
//   StopSignals signals;
//   while (!signals.asked() && …) …
#pragma once

#include <string>
#include <vector>

#include "graph/checkpointable.h"
#include "graph/saver.h"
#include "graph/session.h"

namespace tarn::examples {

// While one lives, the first SIGINT, SIGTERM or SIGHUP only makes asked() true; the second does what it did before, as
// does any after its end. A signal that was ignored stays ignored. One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  bool asked() const;
};

// A flag that changes the numbers of the training.
struct TrainFlag {
  std::string name;
  std::string value;
  bool fixed = false;     // no run can go on with another value; else it can, to other weights
  std::string note = {};  // behind the value in a message
};

// The flags of the run that wrote a checkpoint. RestoreState refuses another value of a fixed one, and makes a warning
// of any other.
class RunFlags : public Checkpointable {
 public:
  explicit RunFlags(std::vector<TrainFlag> flags) : flags_(std::move(flags)) {}
  Result<Tensor> SaveState() const override;  // strings: name, value, name, value …
  Status RestoreState(const Tensor& state) override;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<TrainFlag> flags_;
  std::vector<std::string> warnings_;
};

// Restores the latest checkpoint in `out_dir` and returns its path; "" if there is none. Warnings go to standard error.
// Errors: a fixed flag differs; there are checkpoints, and no `checkpoint` that says which is the latest.
Result<std::string> resume(Session& session, Saver& saver, RunFlags& flags, const std::string& out_dir);

}  // namespace tarn::examples
