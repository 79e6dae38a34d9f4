// Training that goes on from a checkpoint draws the numbers, and gets the examples, of training that never stopped.
#include "graph/training_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/dataset.h"
#include "graph/early_stopping.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A network with dropout, on shuffled examples.
struct Training {
  // `seed` of the graph's random ops; without it they take theirs from the session.
  explicit Training(std::optional<int64_t> seed = 3, std::optional<uint64_t> session_seed = std::nullopt,
                    SaverOptions options = {}) {
    if (seed) root.SetRandomSeed(*seed);
    Output x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 4}));
    Output target = ops::Placeholder(root.WithOpName("target"), DT_FLOAT, ops::Placeholder::Shape({-1, 1}));
    Output h = layers::Dense(root.WithOpName("hidden"), x, 8, {.activation = "Tanh"});
    h = layers::Dropout(root.WithOpName("dropout"), h, 0.5f, layers::TrainingFlag(root.WithOpName("training")));
    Output loss = losses::MeanSquaredError(root.WithOpName("loss"), target, layers::Dense(root, h, 1));
    train = AdamOptimizer(0.01f).Minimize(root, loss);
    init = GlobalVariablesInitializer(root);
    saver.emplace(root, options);
    EXPECT_TRUE(root.ok()) << root.status().to_string();
    session = std::make_unique<Session>(root, SessionOptions{.threads = 1, .seed = session_seed});
    EXPECT_TRUE(session->Run(init.name()).ok());
    Tensor rows = *Tensor::allocate(DType::kFloat, Shape{13, 4});
    Tensor sums = *Tensor::zeros(DType::kFloat, Shape{13, 1});
    for (size_t i = 0; i < 52; ++i) {
      rows.mutable_flat<float>()[i] = static_cast<float>(i * i % 17) / 8 - 1;
      sums.mutable_flat<float>()[i / 4] += rows.flat<float>()[i];
    }
    reader = *Dataset::FromTensorSlices({rows, sums}).Shuffle({.seed = 5}).Batch(4).Repeat().MakeIterator();
    saver->Track("reader", reader.get());
  }
  void steps(int count) {
    Example batch;
    std::vector<Tensor> out;
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(*reader->Next(&batch));
      Status status = session->Run({{"x", batch[0]}, {"target", batch[1]}, {"training", Tensor::scalar(true)}},
                                   {"loss"}, {train.name()}, &out);
      ASSERT_TRUE(status.ok()) << status.to_string();
      losses.push_back(out[0].item<float>());
    }
  }
  std::string save(const std::string& path) {
    Result<std::string> prefix = saver->Save(*session, path, reader->position());
    EXPECT_TRUE(prefix.ok()) << prefix.status().to_string();
    return prefix.value_or("");
  }

  Scope root = Scope::NewRootScope();
  Operation train, init;
  std::optional<Saver> saver;
  std::unique_ptr<Session> session;
  std::unique_ptr<DatasetIterator> reader;
  std::vector<float> losses;
};

std::string bytes_of(const std::string& prefix) {
  return *read_file(checkpoint_data_path(prefix, 0, 1)) + *read_file(checkpoint_index_path(prefix));
}

TEST(TrainingState, AResumedRunEndsWithTheBytesOfAnUninterruptedOne) {
  TempDir dir;
  Training whole, first, second;
  whole.steps(20);
  first.steps(7);
  const std::string at_7 = first.save(dir.file("m"));

  Status status = second.saver->Restore(*second.session, at_7);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_THAT(second.saver->warnings(), IsEmpty());
  EXPECT_EQ(second.reader->position(), 7);
  second.steps(13);
  EXPECT_EQ(second.losses, std::vector<float>(whole.losses.begin() + 7, whole.losses.end()));
  EXPECT_EQ(bytes_of(second.save(dir.file("second"))), bytes_of(whole.save(dir.file("whole"))));
}

TEST(TrainingState, SavingChangesNoNumberThatFollows) {
  TempDir dir;
  Training quiet, saving;
  quiet.steps(9);
  for (int i = 0; i < 9; ++i) {
    saving.save(dir.file("m"));
    saving.steps(1);
  }
  EXPECT_EQ(saving.losses, quiet.losses);
}

// Dropout draws its seed when it first runs: after the restore, as before it.
TEST(TrainingState, RandomOpsWithoutASeedGoOnToo) {
  for (int before : {0, 4}) {
    SCOPED_TRACE(before);
    TempDir dir;
    Training first(std::nullopt, 77), second(std::nullopt, 5);
    first.steps(before);
    const std::string prefix = first.save(dir.file("m"));
    first.steps(6);

    ASSERT_TRUE(second.saver->Restore(*second.session, prefix).ok());
    second.steps(6);

    EXPECT_EQ(second.losses, std::vector<float>(first.losses.begin() + before, first.losses.end()));
  }
}

// Nothing but the random op draws, and it has not run when the state is saved: the seeds that it will draw are in it.
TEST(TrainingState, SeedsThatNobodyDrewYetAreSaved) {
  TempDir dir;
  Scope root = Scope::NewRootScope();
  CreateVariable(root.WithOpName("w"), {2}, Initializer::Zeros());
  Output drawn = AddNode(root, "RandomUniform", {std::vector<int32_t>{4}}, {{"dtype", DType::kFloat}}).output(0);
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Session first(root, {.threads = 1, .seed = 7}), second(root, {.threads = 1, .seed = 8});
  ASSERT_TRUE(first.Run(init.name()).ok());
  Result<std::string> prefix = saver.Save(first, dir.file("m"));
  ASSERT_TRUE(prefix.ok()) << prefix.status().to_string();

  Status status = saver.Restore(second, *prefix);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_THAT(saver.warnings(), IsEmpty());
  std::vector<Tensor> uninterrupted, resumed;
  ASSERT_TRUE(first.Run({}, {drawn.name()}, &uninterrupted).ok());
  ASSERT_TRUE(second.Run({}, {drawn.name()}, &resumed).ok());
  EXPECT_TRUE(resumed[0].identical_to(uninterrupted[0])) << resumed[0].to_string();
}

TEST(TrainingState, GoingBackInTheSameSessionRepeatsTheSameNumbers) {
  TempDir dir;
  Training training;
  const std::string at_0 = training.save(dir.file("m"));  // dropout has not run yet
  training.steps(5);

  ASSERT_TRUE(training.saver->Restore(*training.session, at_0).ok());
  training.steps(5);

  EXPECT_EQ(std::vector<float>(training.losses.begin() + 5, training.losses.end()),
            std::vector<float>(training.losses.begin(), training.losses.begin() + 5));
}

TEST(TrainingState, GoingBackToBeforeARandomOpRanBeginsItsStreamAnew) {
  for (std::optional<int64_t> seed : {std::optional<int64_t>(3), std::optional<int64_t>()}) {
    TempDir dir;
    Training first(seed, 77), second(seed, 5);
    const std::string at_0 = first.save(dir.file("m"));
    first.steps(5);
    const std::string at_5 = first.save(dir.file("m"));

    ASSERT_TRUE(second.saver->Restore(*second.session, at_5).ok());
    ASSERT_TRUE(second.saver->Restore(*second.session, at_0).ok());
    second.steps(5);

    EXPECT_EQ(second.losses, first.losses);
  }
}

TEST(TrainingState, ACheckpointWithoutItIsRestoredWithWarnings) {
  TempDir dir;
  Training plain(3, std::nullopt, {.training_state = false}), training;
  plain.steps(3);
  const std::string prefix = plain.save(dir.file("m"));
  const CheckpointReader reader = *CheckpointReader::open(prefix);
  for (const CheckpointEntry& entry : reader.entries()) {
    EXPECT_EQ(entry.name.find("_tarn"), std::string::npos) << entry.name;
  }

  Status status = training.saver->Restore(*training.session, prefix);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(training.session->variable("hidden/kernel")->identical_to(*plain.session->variable("hidden/kernel")));
  EXPECT_THAT(training.saver->warnings(), ElementsAre(HasSubstr("no state of 'reader'"),
                                                      AllOf(HasSubstr("RandomUniform"), HasSubstr("uninterrupted"))));
  EXPECT_EQ(training.reader->position(), 0);
}

TEST(TrainingState, ARefusedStateLeavesTheVariablesAsTheyWere) {
  TempDir dir;
  Training first, second;
  first.steps(2);
  const std::string prefix = first.save(dir.file("m"));
  std::unique_ptr<DatasetIterator> other =
      *Dataset::FromTensorSlices({Tensor::vector<float>(std::vector<float>{1, 2})}).MakeIterator();
  second.saver->Track("reader", other.get());
  const Tensor before = *second.session->variable("hidden/kernel");

  Status status = second.saver->Restore(*second.session, prefix);

  EXPECT_SAYS(status, {prefix, "'reader'", "another input pipeline"});
  EXPECT_TRUE(second.session->variable("hidden/kernel")->identical_to(before));
}

// `other_name` is tracked beside the reader, and comes before or after it.
TEST(TrainingState, AFailedRestoreMovesNothingThatIsTracked) {
  for (const std::string other_name : {"a", "z"}) {
    SCOPED_TRACE(other_name);
    TempDir dir;
    Training first, second;
    EarlyStopping saved({.patience = 3}), kept({.patience = 3});
    first.saver->Track(other_name, &saved);
    second.saver->Track(other_name, &kept);
    saved.Update(1, 0.25);
    kept.Update(2, 0.5);
    first.steps(2);
    second.steps(3);
    const std::string prefix = first.save(dir.file("m")), damaged = first.save(dir.file("damaged"));
    const Tensor before = *second.session->variable("hidden/kernel");
    auto expect_nothing_moved = [&] {
      EXPECT_EQ(kept.best(), 0.5);
      EXPECT_EQ(second.reader->position(), 3);
      EXPECT_TRUE(second.session->variable("hidden/kernel")->identical_to(before));
    };

    // One that refuses.
    std::unique_ptr<DatasetIterator> other =
        *Dataset::FromTensorSlices({Tensor::vector<float>(std::vector<float>{1, 2})}).MakeIterator();
    second.saver->Track("reader", other.get());
    EXPECT_SAYS(second.saver->Restore(*second.session, prefix), {"another input pipeline"});
    expect_nothing_moved();

    // A damaged value of a variable: the index is whole, so only reading it tells.
    second.saver->Track("reader", second.reader.get());
    std::string data = *read_file(checkpoint_data_path(damaged, 0, 1));
    data.back() = static_cast<char>(data.back() ^ 1);
    ASSERT_TRUE(write_file_atomically(checkpoint_data_path(damaged, 0, 1), data).ok());
    EXPECT_SAYS(second.saver->Restore(*second.session, damaged), {"'hidden/kernel/Adam_1'"});
    expect_nothing_moved();

    Status status = second.saver->Restore(*second.session, prefix);
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(kept.best(), 0.25);
    EXPECT_EQ(second.reader->position(), 2);
  }
}

TEST(TrainingState, DamagedStatesAreRefusedByName) {
  TempDir dir;
  Training training;
  const std::string prefix = training.save(dir.file("m"));
  struct Case {
    std::string name;
    Tensor value;
    std::string says;
  };
  const Case cases[] = {{"_tarn/version", Tensor::scalar<int64_t>(9), "version"},
                        {"_tarn/random/hidden", Tensor::from<int64_t>({2}, {1, 2}), "i64[6]"},
                        {"_tarn/random/hidden", Tensor::from<int64_t>({6}, {1, 2, 3, 4, 5, -1}), "32-bit"},
                        {"_tarn/random_seeds", Tensor::from<int64_t>({1}, {1}), "i64[2]"},
                        {"_tarn/random_seeds", Tensor::from<int64_t>({2}, {1, -1}), "-1 seeds drawn"},
                        {"_tarn/random_seeds", Tensor::from<int64_t>({2}, {1, int64_t{1} << 62}), "seeds drawn"}};
  for (const Case& c : cases) {
    CheckpointReader reader = *CheckpointReader::open(prefix);
    std::vector<NamedTensor> tensors = {{c.name, c.value}};
    for (const CheckpointEntry& entry : reader.entries()) {
      if (entry.name != c.name) tensors.push_back({entry.name, *reader.read(entry.name)});
    }
    ASSERT_TRUE(write_checkpoint(dir.file("bad"), tensors).ok());
    EXPECT_SAYS(training.saver->Restore(*training.session, dir.file("bad")), {c.name.substr(0, 6), c.says});
  }
}

TEST(TrainingState, ModelsWithoutRandomOpsHaveNone) {
  TempDir dir;
  Scope root = Scope::NewRootScope();
  CreateVariable(root.WithOpName("w"), {2}, Initializer::Zeros());
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  Session session(root, {.threads = 1});
  ASSERT_TRUE(session.Run(init.name()).ok());

  ASSERT_TRUE(saver.Save(session, dir.file("m")).ok());

  EXPECT_EQ(CheckpointReader::open(dir.file("m"))->entries().size(), 1u);
  ASSERT_TRUE(saver.Restore(session, dir.file("m")).ok());
  EXPECT_THAT(saver.warnings(), IsEmpty());
}

}  // namespace
}  // namespace tarn
