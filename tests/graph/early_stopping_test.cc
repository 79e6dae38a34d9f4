#include "graph/early_stopping.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "core/file.h"
#include "graph/ops.h"
#include "graph/variables.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

// The step at which it says stop, or 0.
int64_t stopped_at(EarlyStoppingOptions options, const std::vector<double>& values) {
  EarlyStopping stopping(options);
  for (size_t i = 0; i < values.size(); ++i) {
    stopping.Update(static_cast<int64_t>(i) + 1, values[i]);
    if (stopping.should_stop()) return static_cast<int64_t>(i) + 1;
  }
  return 0;
}

TEST(EarlyStopping, StopsAfterPatienceValuesThatAreNotBetter) {
  const double nan = std::nan("");
  EXPECT_EQ(stopped_at({.patience = 2}, {5, 4, 4, 3, 3, 3, 1}), 6);
  EXPECT_EQ(stopped_at({.patience = 3}, {5, 4, 4, 3, 3, 3, 1}), 0);
  EXPECT_EQ(stopped_at({.patience = 1}, {1, 2}), 2);
  EXPECT_EQ(stopped_at({.patience = 0}, {3, 2, 1, 1}), 4);
  EXPECT_EQ(stopped_at({.patience = 2, .mode = BetterMode::kMax}, {0.1, 0.5, 0.4, 0.45}), 4);
  EXPECT_EQ(stopped_at({.patience = 2, .min_delta = 0.5}, {4, 3.6, 3.5}), 3);  // better is by more than min_delta
  EXPECT_EQ(stopped_at({.patience = 2, .min_delta = 0.5}, {4, 3.6, 3.4}), 0);
  EXPECT_EQ(stopped_at({.patience = 2}, {3, nan, nan}), 3);
  EXPECT_EQ(stopped_at({.patience = 2}, {nan, 3, nan, 2}), 0);
}

TEST(EarlyStopping, ARestoredOneGoesOn) {
  EarlyStopping before({.patience = 3, .mode = BetterMode::kMax});
  for (int step : {10, 20, 30}) before.Update(step, step == 10 ? 0.9 : 0.8);
  EarlyStopping after({.patience = 3, .mode = BetterMode::kMax});

  ASSERT_TRUE(after.RestoreState(*before.SaveState()).ok());

  EXPECT_EQ(after.best(), 0.9);
  EXPECT_EQ(after.best_step(), 10);
  EXPECT_FALSE(after.should_stop());
  after.Update(40, 0.85);
  EXPECT_TRUE(after.should_stop());
  EXPECT_SAYS(after.RestoreState(Tensor::scalar(1.0f)), {"f64[3]", "f32[]"});
}

TEST(BestCheckpoint, KeepsTheValuesOfTheBestStepWhileTheLatestGoOn) {
  TempDir dir;
  Scope root = Scope::NewRootScope();
  ModelVariable w = CreateVariable(root.WithOpName("w"), Shape(), Initializer::Zeros());
  Operation add = AddNode(root.WithOpName("add"), "AssignAdd", {w.ref, 1.0f});
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Session session(root, {.threads = 1});
  ASSERT_TRUE(session.Run(init.name()).ok());
  BestCheckpoint best(saver, dir.file("best"));
  std::vector<bool> better;

  for (int step = 1; step <= 4; ++step) {
    ASSERT_TRUE(session.Run(add.name()).ok());
    const double loss[] = {3, 1, 2, 1};
    Result<bool> saved = best.Update(session, step, loss[step - 1]);
    ASSERT_TRUE(saved.ok()) << saved.status().to_string();
    better.push_back(*saved);
    ASSERT_TRUE(saver.Save(session, dir.file("model"), step).ok());
  }

  EXPECT_EQ(better, (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(best.best_step(), 2);
  EXPECT_EQ(*latest_checkpoint(dir.path()), dir.file("model-4"));
  EXPECT_EQ(*latest_checkpoint(dir.path(), "best_checkpoint"), best.path());
  ASSERT_TRUE(saver.Restore(session, best.path()).ok());
  EXPECT_EQ(session.variable("w")->item<float>(), 2);
}

TEST(BestCheckpoint, AValueThatCouldNotBeSavedIsNotTheBest) {
  TempDir dir;
  Scope root = Scope::NewRootScope();
  CreateVariable(root.WithOpName("w"), Shape(), Initializer::Zeros());
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  Session session(root, {.threads = 1});
  ASSERT_TRUE(session.Run(init.name()).ok());
  ASSERT_TRUE(write_file_atomically(dir.file("file"), "").ok());
  BestCheckpoint best(saver, dir.file("file/best"));

  EXPECT_FALSE(best.Update(session, 1, 5).ok());

  EXPECT_EQ(best.best_step(), -1);
}

}  // namespace
}  // namespace tarn
