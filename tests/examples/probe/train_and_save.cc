// A training program to be killed: a network with dropout on shuffled numbers, a checkpoint every ten steps, the best
// one beside them. Going on after a kill must give the bytes that an uninterrupted run gives
// (tests/examples/resume_test.cc).
//
//   train_and_save --dir=train --steps=100            # goes on from what is there
//   train_and_save --dir=train --only_start           # restores, and that is all
#include <gflags/gflags.h>

#include "core/file.h"
#include "core/random.h"
#include "graph/dataset.h"
#include "graph/early_stopping.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tools/support/main.h"

DEFINE_string(dir, "", "Where the checkpoints go");
DEFINE_int32(steps, 100, "Training steps");
DEFINE_int32(every, 10, "Steps from one checkpoint to the next");
DEFINE_int32(prefetch, 2, "Batches made ahead");
DEFINE_bool(only_start, false, "Restore the latest checkpoint, and no more");

namespace tarn {
namespace {

// Rows of five numbers, and whether their sum is above 0.
Example numbers() {
  constexpr int64_t kRows = 70, kColumns = 5;
  Random random(5);
  std::vector<float> values;
  std::vector<int64_t> labels;
  for (int64_t row = 0; row < kRows; ++row) {
    double sum = 0;
    for (int64_t column = 0; column < kColumns; ++column) {
      values.push_back(static_cast<float>(random.uniform(-1, 1)));
      sum += values.back();
    }
    labels.push_back(sum > 0);
  }
  return {Tensor::from<float>({kRows, kColumns}, std::span<const float>(values)), Tensor::vector<int64_t>(labels)};
}

Status run() {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(3);
  Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 5}));
  Output labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  Output training = layers::TrainingFlag(root.WithOpName("training"));
  Output h = layers::Dense(root.WithOpName("hidden"), x, 32, {.activation = "Relu"});
  h = layers::Dropout(root.WithOpName("dropout"), h, 0.3f, training);
  Output logits = layers::Dense(root.WithOpName("logits"), h, 2);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  ModelVariable step_variable = GetOrCreateGlobalStep(root);
  Operation train = AdamOptimizer(0.01f).Minimize(root, loss, {.global_step = step_variable.ref});
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root, {.max_to_keep = 3, .relative_paths = true});
  TARN_RETURN_IF_ERROR(root.status());

  const Example data = numbers();
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<DatasetIterator> batches, Dataset::FromTensorSlices(data)
                                                                      .Shuffle({.buffer_size = 30, .seed = 9})
                                                                      .Batch(8)
                                                                      .Repeat()
                                                                      .Prefetch(FLAGS_prefetch)
                                                                      .MakeIterator());
  BestCheckpoint best(saver, path_join(FLAGS_dir, "best"));
  saver.Track("reader", batches.get());
  saver.Track("best", &best);
  Session session(root, {.threads = 1});
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  TARN_ASSIGN_OR_RETURN(std::string from, saver.RestoreLatest(session, FLAGS_dir));
  print("from '", from, "'\n");
  for (const std::string& warning : saver.warnings()) return internal_error(warning);
  if (FLAGS_only_start) return {};

  Example batch;
  std::vector<Tensor> out;
  while (batches->position() < FLAGS_steps) {
    TARN_RETURN_IF_ERROR(batches->Next(&batch).status());
    TARN_RETURN_IF_ERROR(session.Run({{"x", batch[0]}, {"labels", batch[1]}, {"training", Tensor::scalar(true)}}, {},
                                     {train.name()}, &out));
    const int64_t step = batches->position();
    if (step % FLAGS_every != 0) continue;
    TARN_RETURN_IF_ERROR(session.Run({{"x", data[0]}, {"labels", data[1]}}, {"loss"}, &out));
    TARN_RETURN_IF_ERROR(best.Update(session, step, out[0].item<float>()).status());
    TARN_RETURN_IF_ERROR(saver.Save(session, path_join(FLAGS_dir, "model.ckpt"), step).status());
  }
  return {};
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "train_and_save",
                          .summary = "Trains a small network, saving often.",
                          .example = "train_and_save --dir=train",
                          .required = {"dir"},
                          .ranges = {{"steps", 0, 1e6}, {"every", 1, 1e6}, {"prefetch", 1, 100}}},
                         tarn::run);
}
