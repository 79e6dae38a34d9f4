// EarlyStopping: when a value has stopped getting better. BestCheckpoint: the checkpoint at which it was best.
//
//   EarlyStopping stopping({.patience = 3, .min_delta = 0.001});
//   BestCheckpoint best(saver, "train/best");
//   saver.Track("stopping", &stopping);                       // both go on where they were after a resume
//   saver.Track("best", &best);
//   …each epoch:
//   TARN_RETURN_IF_ERROR(best.Update(session, step, validation_loss).status());
//   stopping.Update(step, validation_loss);
//   if (stopping.should_stop()) break;
//   …
//   TARN_RETURN_IF_ERROR(saver.Restore(session, best.path()));
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "graph/checkpointable.h"
#include "graph/saver.h"

namespace tarn {

enum class BetterMode { kMin, kMax };  // a loss; an accuracy

struct EarlyStoppingOptions {
  int64_t patience = 3;  // this many values in a row that are not better, and it is time to stop
  double min_delta = 0;  // better is by more than this
  BetterMode mode = BetterMode::kMin;
};

// Thread-compatible.
class EarlyStopping : public Checkpointable {
 public:
  explicit EarlyStopping(EarlyStoppingOptions options = {}) : options_(options) {}

  // Whether `value` is the best so far. The first is, unless it is NaN, which is never better.
  bool Update(int64_t step, double value);
  bool should_stop() const { return stale_ > 0 && stale_ >= options_.patience; }
  // NaN and -1 before there is one.
  double best() const { return best_; }
  int64_t best_step() const { return best_step_; }

  Result<Tensor> SaveState() const override;  // f64[3]
  Status RestoreState(const Tensor& state) override;

 private:
  EarlyStoppingOptions options_;
  double best_ = std::numeric_limits<double>::quiet_NaN();
  int64_t best_step_ = -1, stale_ = 0;
};

// Thread-compatible.
class BestCheckpoint : public Checkpointable {
 public:
  // `saver` must outlive it. `path` is the checkpoint's prefix as it is: a better one takes the place of the one before
  // it, at once. Its state file is `best_checkpoint`, so that `checkpoint` goes on naming the latest.
  BestCheckpoint(Saver& saver, std::string path, BetterMode mode = BetterMode::kMin, double min_delta = 0)
      : saver_(&saver), path_(std::move(path)), value_({.min_delta = min_delta, .mode = mode}) {}

  // Saves if `value` is better than all before it; returns whether it is.
  Result<bool> Update(Session& session, int64_t step, double value);
  const std::string& path() const { return path_; }
  double best() const { return value_.best(); }
  int64_t best_step() const { return value_.best_step(); }

  Result<Tensor> SaveState() const override { return value_.SaveState(); }
  Status RestoreState(const Tensor& state) override { return value_.RestoreState(state); }

 private:
  Saver* saver_;
  std::string path_;
  EarlyStopping value_;
};

}  // namespace tarn
